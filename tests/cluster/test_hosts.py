"""Hosts made of namespaces behave like separate machines."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cluster.hosts import BRIDGE, FOLDER, Host, make_hosts, missing_requirements

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(bool(missing_requirements()), reason=missing_requirements() or "-"),
]


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    """Two running hosts."""
    with make_hosts(2) as running:
        yield running
    assert not FOLDER.exists()
    assert subprocess.run(["ip", "link", "show", BRIDGE], capture_output=True).returncode != 0


def output_of(host: Host, command: str) -> str:
    """Returns the output of a command on the host."""
    return subprocess.run(host.ssh(command), capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def test_hosts_are_isolated(hosts: list[Host]) -> None:
    """Names, files and processes of hosts are separate from each other and from this machine."""
    name = platform.node()
    for host in hosts:
        assert output_of(host, "hostname") == host.name
        assert output_of(host, "ls /tmp; ls ~ | grep mark || true") == ""
        output_of(host, "touch /tmp/mark ~/mark")
        assert int(output_of(host, "ps -e | wc -l")) < 12
        assert output_of(host, f"getent hosts {hosts[0].name}").split()[0] == hosts[0].address
    assert platform.node() == name
    assert not (Path.home() / "mark").exists()


def test_a_host_can_be_disconnected_and_killed(hosts: list[Host]) -> None:
    """The other hosts stay connected; killing a host ends all its processes."""
    first, second = hosts
    second.cut()
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(second.ssh("true"), timeout=3)
    assert first.answers()
    second.reconnect()
    assert second.answers()
    inside = psutil.Process(int((FOLDER / second.name / "pid").read_text())).children(recursive=True)
    assert any(process.name() == "sshd" for process in inside)
    second.kill()
    _, alive = psutil.wait_procs(inside, timeout=5)
    assert alive == []
    assert first.answers()
