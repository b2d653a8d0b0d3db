"""Forked processes have the state that Ray gave them; without a server they start in the usual way."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from trainables.forking import client, request, server
from trainables.forking.code_copy import copy_code

pytestmark = pytest.mark.skipif(not client.available(), reason="forking needs Linux")

#: Prints the state of its process.
PROGRAM = """
import json, os, sys
print(json.dumps({
    "arguments": sys.argv[1:], "name": __name__, "folder": os.getcwd(), "environment": os.environ.get("COLOUR"),
    "path": sys.path[0], "forked": "colorsys" in sys.modules,
    "later": "mailbox" in sys.modules, "group": os.getpgid(0) == os.getpid(),
}))
if "wait" in sys.argv:
    sys.stdout.flush()
    import time
    time.sleep(60)
"""

#: Modules of the standard library that nothing else imports.
MODULES = ["colorsys", "mailbox"]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For a server; it ends with the test."""
    place = tmp_path_factory.mktemp("forks") / "server"
    yield place
    for process in servers(place):
        for child in process.children():
            child.kill()
        process.kill()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, encoding="utf-8")
    return path


def servers(folder: Path) -> list[psutil.Process]:
    """The servers in `folder`, without their children, which have the same command line at first."""
    everything = psutil.process_iter(["cmdline", "ppid"])
    matches = [process for process in everything if _serves(process.info["cmdline"] or [], folder)]
    return [process for process in matches if process.info["ppid"] not in {match.pid for match in matches}]


def _serves(line: list[str], folder: Path) -> bool:
    """Compares the fifth argument from the end, because the code itself may be in `folder`, too."""
    return any(part.endswith("/server.py") for part in line) and line[-5].startswith(str(folder))


def started(folder: Path, program: Path, *arguments: str, modules: list[str] = MODULES) -> subprocess.Popen[str]:
    """Starts the program as Ray does, by a shell."""
    line = f"exec {request.executable(folder, modules)} {program} {' '.join(arguments)}"
    return subprocess.Popen(
        ["bash", "-c", line], stdout=-1, stderr=-1, text=True, cwd=program.parent, env={**os.environ, "COLOUR": "빨강"}
    )


def output(process: subprocess.Popen[str]) -> dict[str, object]:
    """The state that the program printed."""
    out, err = process.communicate(timeout=30)
    assert out, err
    state: dict[str, object] = json.loads(out)
    return state


def becomes_true(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Whether the condition holds within `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_forked_program_has_its_own_state(folder: Path, program: Path) -> None:
    """Arguments, working directory, environment, output and import path; only the imports are done already."""
    client.start(folder, MODULES, os.getpid())
    forked = output(started(folder, program, "one", "'two words'"))
    assert forked == {
        "arguments": ["one", "two words"],
        "name": "__main__",
        "folder": str(program.parent),
        "environment": "빨강",
        "path": str(program.parent),
        "forked": True,
        "later": forked["later"],
        "group": True,
    }
    for _ in range(10):
        time.sleep(0.6)  # the server imports the next module while no request waits
        if output(started(folder, program))["later"]:
            break
    else:
        raise AssertionError("the second module was never imported")


def test_the_first_request_starts_the_server(folder: Path, program: Path) -> None:
    """Several requests at once start one server, in a folder that only this user can enter."""
    processes = [started(folder, program) for _ in range(4)]
    assert all(output(process)["forked"] for process in processes)
    (server,) = servers(folder)
    assert len(list(folder.iterdir())) == 1
    (place,) = folder.iterdir()  # named after this machine and the parent of all requests
    assert str(place) in server.cmdline()
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_server_ends_with_its_owner(folder: Path, program: Path) -> None:
    """Its children continue, and its folder is removed."""
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    client.start(folder, MODULES, owner.pid)
    child = started(folder, program, "wait")
    assert child.stdout is not None
    assert json.loads(child.stdout.readline())["forked"]
    owner.kill()
    owner.wait()
    assert becomes_true(lambda: not folder.exists())
    assert child.poll() is None
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) is not None


def test_client_and_child_end_together(folder: Path, program: Path) -> None:
    """Ray notices a child that is killed, and a signal to the client reaches the child."""
    client.start(folder, MODULES, os.getpid())
    for end in ("child", "client"):
        client_process = started(folder, program, "wait")
        assert client_process.stdout is not None
        client_process.stdout.readline()
        (child,) = servers(folder)[0].children()
        if end == "child":
            child.kill()
        else:
            client_process.terminate()
        assert client_process.wait(10) is not None
        assert becomes_true(lambda child=child: not child.is_running())


@pytest.mark.parametrize("broken", ["no module", "open folder", "no answer"])
def test_without_a_server_a_process_starts_in_the_usual_way(
    folder: Path, program: Path, broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server cannot import, others can enter its folder (nothing is sent there), or it does not answer."""
    copy_code(Path(server.__file__).parents[2], tmp_path / "code")
    hasty = tmp_path / "code" / "trainables" / "forking" / "request.py"
    hasty.write_text(hasty.read_text().replace("READY_SECONDS = 40.0", "READY_SECONDS = 1.0"))
    with socket.socket(socket.AF_UNIX) as listener:
        if broken != "no module":
            folder.mkdir(mode=0o700)
            listener.bind(str(folder / "socket"))
            listener.listen()
        if broken == "open folder":
            folder.chmod(0o755)
        command = request.executable(folder, ["no_such_module"] if broken == "no module" else MODULES)
        if broken == "no answer":
            command = command.replace(request.__file__, str(hasty))
        process = subprocess.Popen(["bash", "-c", f"exec {command} {program} one"], stdout=-1, stderr=-1, text=True)
        process.wait(30)
        listener.settimeout(0)
        if broken == "open folder":
            with pytest.raises(BlockingIOError):
                listener.accept()
    out, err = process.communicate(timeout=30)  # only now: an unaccepted request holds the ends of the pipes
    assert json.loads(out)["arguments"] == ["one"]
    assert not json.loads(out)["forked"]
    assert "started without a fork" in err


def test_a_server_that_cannot_import_is_not_tried_again(folder: Path, program: Path) -> None:
    """Otherwise every process would wait for it."""
    assert not output(started(folder, program, modules=["no_such_module"]))["forked"]
    _, err = started(folder, program, modules=["no_such_module"]).communicate(timeout=30)
    assert "could not import" in err


def test_later_modules_may_be_missing(folder: Path, program: Path) -> None:
    """Their import only saves time."""
    modules = ["colorsys", "no_such_module", "mailbox"]
    assert output(started(folder, program, modules=modules))["forked"]
    time.sleep(2.0)
    assert output(started(folder, program, modules=modules))["later"]


@pytest.mark.parametrize("has_kotune", [True, False])
def test_options_of_python_are_skipped(
    folder: Path, program: Path, has_kotune: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray passes them before the program if PYTHONNOUSERSITE is set."""
    if not has_kotune:
        monkeypatch.setattr(request, "__file__", "/nowhere/trainables/forking/request.py")
    line = f"exec {request.executable(folder, MODULES)} -s {program} one"
    process = subprocess.Popen(["bash", "-c", line], stdout=-1, stderr=-1, text=True)
    state = output(process)
    assert state["arguments"] == ["one"]
    assert state["forked"] is has_kotune


def test_a_malformed_request_does_no_harm(folder: Path, program: Path) -> None:
    """Empty, cut off, too long, or without descriptors."""
    client.start(folder, MODULES, os.getpid())
    for content in (b"", b"\0\0\0\x09{}", b"\xff\xff\xff\xff", b"\0\0\0\x02{}"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(folder / "socket"))
            connection.sendall(content)
    assert output(started(folder, program))["forked"]


def test_an_idle_server_ends(folder: Path, program: Path) -> None:
    """On a machine where it cannot see its driver; not before its children end, which need the code."""
    client.start(folder, MODULES, os.getpid(), idle=0.5)
    child = started(folder, program, "wait")
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(2.0)
    assert folder.exists()
    child.terminate()
    assert becomes_true(lambda: not folder.exists())


def test_a_machine_without_kotune_in_this_place(folder: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the program with the Python that it was installed for, and starts no server."""
    monkeypatch.setattr(request, "__file__", "/nowhere/trainables/forking/request.py")
    assert output(started(folder, program, "one"))["arguments"] == ["one"]
    assert not servers(folder)


def test_torch_cuda_is_in_bad_fork() -> None:
    """A private point of torch, which has no public one for this."""
    import torch

    assert torch.cuda._is_in_bad_fork() is False


def test_an_import_that_initialised_cuda(folder: Path, program: Path, tmp_path: Path) -> None:
    """CUDA does not work in a child then: the process starts in the usual way."""
    poisoned = tmp_path / "torch.py"
    poisoned.write_text("class cuda:\n    _is_in_bad_fork = staticmethod(lambda: True)\n", encoding="utf-8")
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import torch; "
            "from pathlib import Path; from trainables.forking import server; "
            "from trainables.forking.protocol import ForkRequest; "
            f"server._run(ForkRequest([{str(program)!r}, 'one'], {{}}, {str(tmp_path)!r}, ''), [])",
        ],
        stdout=-1,
        text=True,
        cwd=Path(server.__file__).parents[2],
        start_new_session=False,
    )
    state = output(process)
    assert state["arguments"] == ["one"]
    assert not state["forked"]
    assert state["path"] == str(tmp_path)


def test_kotune_fork_0_switches_forking_off(folder: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that asks for a fork starts in the usual way, and no server starts."""
    monkeypatch.setenv("KOTUNE_FORK", "0")
    assert not client.available()
    process = started(folder, program, "one")
    out, err = process.communicate(timeout=30)
    assert (json.loads(out)["arguments"], json.loads(out)["forked"]) == (["one"], False)
    assert "KOTUNE_FORK=0" in err
    assert not servers(folder)
