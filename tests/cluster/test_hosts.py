"""Hosts made of namespaces are machines of their own."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cluster.hosts import BRIDGE, FOLDER, Host, made, missing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.skipif(bool(missing()), reason=missing() or "-")]


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    """Two of them."""
    with made(2) as found:
        yield found
    assert not FOLDER.exists()
    assert subprocess.run(["ip", "link", "show", BRIDGE], capture_output=True).returncode != 0


def said(host: Host, command: str) -> str:
    """What a command prints there."""
    return subprocess.run(host.ssh(command), capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def test_each_has_a_name_files_and_processes_of_its_own(hosts: list[Host]) -> None:
    """And none of them changes this machine's."""
    here = platform.node()
    for host in hosts:
        assert said(host, "hostname") == host.name
        assert said(host, "ls /tmp; ls ~ | grep mark || true") == ""
        said(host, "touch /tmp/mark ~/mark")
        assert int(said(host, "ps -e | wc -l")) < 12
        assert said(host, f"getent hosts {hosts[0].name}").split()[0] == hosts[0].address
    assert platform.node() == here
    assert not (Path.home() / "mark").exists()


def test_a_cable_can_be_taken_out(hosts: list[Host]) -> None:
    """The others see each other; a host that is switched off takes its processes with it."""
    first, second = hosts
    second.cut()
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(second.ssh("true"), timeout=3)
    assert first.answers()
    second.mend()
    assert second.answers()
    inside = psutil.Process(int((FOLDER / second.name / "pid").read_text())).children(recursive=True)
    assert any(process.name() == "sshd" for process in inside)
    second.kill()
    _, alive = psutil.wait_procs(inside, timeout=5)
    assert alive == []
    assert first.answers()
