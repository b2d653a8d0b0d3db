"""Hosts on one machine: namespaces, each with its own address, name, processes, files in /tmp and home, and sshd.

python -m tests.cluster.hosts up [COUNT]     # as root; prints names and addresses
python -m tests.cluster.hosts down

A bridge connects them. Killing the first process of a host ends all its processes; `cut` disconnects it.
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

#: The first process of a host. Its home is an overlay of this machine's home; /tmp is empty.
_FIRST = """
set -e
hostname {name}
mount --make-rprivate /
mount -t tmpfs -o size=8g tmpfs {folder}/{name}/files
mkdir {folder}/{name}/files/{{tmp,home,home-work}}
files={folder}/{name}/files
mount -t overlay overlay -o lowerdir={home},upperdir=$files/home,workdir=$files/home-work {home}
mount --bind $files/tmp /tmp
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
    """One host, by its number."""

    number: int

    @property
    def name(self) -> str:
        return f"kotune-host-{self.number}"

    @property
    def address(self) -> str:
        return f"{NETWORK}.{10 + self.number}"

    @property
    def interface(self) -> str:
        return f"kt{self.number}"

    def start(self) -> None:
        """Starts the host."""
        folder = FOLDER / self.name
        (folder / "files").mkdir(parents=True)
        _run("ip", "netns", "add", self.name)
        _run("ip", "link", "add", self.interface, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _run("ip", "link", "set", self.interface, "master", BRIDGE, "up")
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
        """Kills all processes of the host and removes its network, like a power cut."""
        pid = int((FOLDER / self.name / "pid").read_text())
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        _run("ip", "netns", "del", self.name, check=False)
        _run("ip", "link", "del", self.interface, check=False)

    def cut(self) -> None:
        """Disconnects the host from the network."""
        _run("ip", "link", "set", self.interface, "down")

    def reconnect(self) -> None:
        """Reconnects the host."""
        _run("ip", "link", "set", self.interface, "up")

    def ssh(self, *words: str) -> list[str]:
        """Returns the command that runs `words` on the host."""
        options = ["-i", str(FOLDER / "key"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        return ["ssh", *options, "-o", "LogLevel=ERROR", f"root@{self.address}", *words]

    def answers(self) -> bool:
        """Whether a login by SSH succeeds."""
        return subprocess.run(self.ssh("true"), capture_output=True, timeout=10).returncode == 0


def missing_requirements() -> str:
    """Returns the reason why this machine cannot run hosts; an empty string if it can."""
    if not sys.platform.startswith("linux"):
        return "hosts need Linux namespaces"
    if os.geteuid() != 0:
        return "hosts need root"
    if Path(__file__).resolve().is_relative_to("/tmp"):
        return "hosts have a /tmp of their own, and do not see a checkout there"
    missing = [name for name in _NEEDED if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    return f"missing: {', '.join(missing)} (apt-get install openssh-server rsync iproute2)" if missing else ""


def up(count: int) -> list[Host]:
    """Starts hosts and waits until all of them accept logins."""
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
    while silent := [host for host in hosts if not host.answers()]:
        if time.monotonic() > deadline:
            logs = {host.name: (FOLDER / host.name / "log").read_text() for host in silent}
            raise RuntimeError(f"no answer from {logs}")
        time.sleep(0.2)
    return hosts


def down() -> None:
    """Removes all hosts."""
    for folder in sorted(FOLDER.glob("kotune-host-*")):
        Host(int(folder.name.rpartition("-")[2])).kill()
    _run("ip", "link", "del", BRIDGE, check=False)
    for _ in range(50):
        shutil.rmtree(FOLDER, ignore_errors=True)
        if not FOLDER.exists():
            return
        time.sleep(0.1)


@contextmanager
def make_hosts(count: int) -> Iterator[list[Host]]:
    """Starts hosts, and removes them on exit."""
    try:
        yield up(count)
    finally:
        down()


def _run(*words: str, check: bool = True) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")


if __name__ == "__main__":
    if reason := missing_requirements():
        sys.exit(reason)
    if sys.argv[1:2] == ["up"]:
        for host in up(int(sys.argv[2]) if len(sys.argv) > 2 else 3):
            print(host.name, host.address)
    else:
        down()
