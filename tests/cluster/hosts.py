"""Machines on one: network namespaces with an address, name, processes, files in /tmp and home, and sshd of their own.

python -m tests.cluster.hosts up [COUNT]     # as root; prints their addresses
python -m tests.cluster.hosts down

A bridge joins them. Ending a host's first process takes everything on it down; `cut` takes its cable out.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BRIDGE, NETWORK = "kotune0", "10.77.0"
#: Keys, logs and process ids of the hosts.
FOLDER = Path("/run/kotune-hosts")
_NEEDED = ("ip", "unshare", "nsenter", "sshd", "ssh-keygen", "rsync", "ssh")

#: The first process of a host. Its home is this machine's with changes of its own, and so is /etc; /tmp is empty.
_FIRST = """
set -e
hostname {name}
mount --make-rprivate /
mount -t tmpfs -o size=8g tmpfs {folder}/{name}/own
mkdir {folder}/{name}/own/{{tmp,home,home-work}}
own={folder}/{name}/own
mount -t overlay overlay -o lowerdir={home},upperdir=$own/home,workdir=$own/home-work {home}
mount --bind $own/tmp /tmp
mount --bind {folder}/hosts /etc/hosts
chmod 1777 /tmp
mount -t proc proc /proc
mkdir -p /run/sshd
mkdir -p {home}/.ssh && chmod 700 {home}/.ssh
cp {folder}/key.pub {home}/.ssh/authorized_keys && chmod 600 {home}/.ssh/authorized_keys
rm -f {home}/.ssh/known_hosts
exec /usr/sbin/sshd -D -f {folder}/{name}/sshd_config -E {folder}/{name}/sshd.log
"""

_SSHD = """
Port 22
ListenAddress {address}
HostKey {folder}/host_key
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
StrictModes no
AuthorizedKeysFile .ssh/authorized_keys
PrintMotd no
"""


@dataclass(frozen=True)
class Host:
    """One of them."""

    number: int

    @property
    def name(self) -> str:
        return f"kotune-host-{self.number}"

    @property
    def address(self) -> str:
        return f"{NETWORK}.{10 + self.number}"

    @property
    def cable(self) -> str:
        return f"kt{self.number}"

    def start(self) -> None:
        """Switch it on."""
        folder = FOLDER / self.name
        (folder / "extra").mkdir(parents=True)
        _run("ip", "netns", "add", self.name)
        _run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _run("ip", "link", "set", self.cable, "master", BRIDGE, "up")
        for words in (
            ("addr", "add", f"{self.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
            ("route", "add", "default", "via", f"{NETWORK}.1"),
        ):
            _run("ip", "-n", self.name, *words)
        (folder / "sshd_config").write_text(_SSHD.format(address=self.address, folder=FOLDER))
        first = _FIRST.format(name=self.name, folder=FOLDER, home=Path.home())
        with (folder / "log").open("wb") as log:
            inside = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "bash", "-c", first]
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *inside], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        (folder / "pid").write_text(str(process.pid))

    def kill(self) -> None:
        """Switch it off, as a power cut does."""
        pid = int((FOLDER / self.name / "pid").read_text())
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        _run("ip", "netns", "del", self.name, check=False)
        _run("ip", "link", "del", self.cable, check=False)

    def cut(self) -> None:
        """Take its cable out."""
        _run("ip", "link", "set", self.cable, "down")

    def mend(self) -> None:
        """Put the cable back."""
        _run("ip", "link", "set", self.cable, "up")

    def ssh(self, *words: str) -> list[str]:
        """The command that runs `words` there."""
        options = ["-i", str(FOLDER / "key"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        return ["ssh", *options, "-o", "LogLevel=ERROR", f"root@{self.address}", *words]

    def answers(self) -> bool:
        """Whether one can log in."""
        return subprocess.run(self.ssh("true"), capture_output=True, timeout=10).returncode == 0


def missing() -> str:
    """Why there can be no hosts here; empty if there can."""
    if not sys.platform.startswith("linux"):
        return "hosts are made of Linux namespaces"
    if os.geteuid() != 0:
        return "only root may make hosts"
    lacking = [name for name in _NEEDED if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    return f"missing: {', '.join(lacking)} (apt-get install openssh-server rsync iproute2)" if lacking else ""


def up(count: int) -> list[Host]:
    """Make hosts; answers when one can log in to all of them."""
    down()
    FOLDER.mkdir(mode=0o755)
    for name in ("key", "host_key"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(FOLDER / name))
    _run("ip", "link", "add", BRIDGE, "type", "bridge")
    _run("ip", "addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
    _run("ip", "link", "set", BRIDGE, "up")
    hosts = [Host(number) for number in range(1, count + 1)]
    names = [f"{host.address} {host.name}\n" for host in hosts]
    (FOLDER / "hosts").write_text("".join(["127.0.0.1 localhost\n", *names]))
    for host in hosts:
        host.start()
    deadline = time.monotonic() + 20
    while waiting := [host for host in hosts if not host.answers()]:
        if time.monotonic() > deadline:
            logs = {host.name: (FOLDER / host.name / "log").read_text() for host in waiting}
            raise RuntimeError(f"no answer from {logs}")
        time.sleep(0.2)
    return hosts


def down() -> None:
    """Remove all of them."""
    for folder in sorted(FOLDER.glob("kotune-host-*")):
        Host(int(folder.name.rpartition("-")[2])).kill()
    _run("ip", "link", "del", BRIDGE, check=False)
    for _ in range(50):
        shutil.rmtree(FOLDER, ignore_errors=True)
        if not FOLDER.exists():
            return
        time.sleep(0.1)


@contextmanager
def made(count: int) -> Iterator[list[Host]]:
    """Hosts for as long as this lasts."""
    try:
        yield up(count)
    finally:
        down()


def _run(*words: str, check: bool = True) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")


if __name__ == "__main__":
    if reason := missing():
        sys.exit(reason)
    if sys.argv[1:2] == ["up"]:
        for host in up(int(sys.argv[2]) if len(sys.argv) > 2 else 3):
            print(host.name, host.address)
    else:
        down()
