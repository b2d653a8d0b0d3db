"""Processes by fork: they are what they would have been, and where there is no fork they start the usual way."""

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

from trainables.forking import request, server
from trainables.forking.code_copy import copy_code

pytestmark = pytest.mark.skipif(not server.available(), reason="nothing is forked on this system")

#: What a program sees of the world.
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

#: Of the standard library, and imported by nothing else.
MODULES = ["colorsys", "mailbox"]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a server may lie; it ends with the test."""
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
    """The processes that serve there; a child has its server's command line until it gives itself a title."""
    everything = psutil.process_iter(["cmdline", "ppid"])
    found = [process for process in everything if _serves(process.info["cmdline"] or [], folder)]
    return [process for process in found if process.info["ppid"] not in {one.pid for one in found}]


def _serves(line: list[str], folder: Path) -> bool:
    """Its own code lies there, too, so the last word but four is asked."""
    return any(part.endswith("/server.py") for part in line) and line[-5].startswith(str(folder))


def started(folder: Path, program: Path, *arguments: str, modules: list[str] = MODULES) -> subprocess.Popen[str]:
    """The program, as Ray starts it: by a shell."""
    line = f"exec {request.executable(folder, modules)} {program} {' '.join(arguments)}"
    return subprocess.Popen(
        ["bash", "-c", line], stdout=-1, stderr=-1, text=True, cwd=program.parent, env={**os.environ, "COLOUR": "빨강"}
    )


def seen(process: subprocess.Popen[str]) -> dict[str, object]:
    """What it saw."""
    out, err = process.communicate(timeout=30)
    assert out, err
    found: dict[str, object] = json.loads(out)
    return found


def until(true: Callable[[], object], seconds: float = 10.0) -> bool:
    """Whether it becomes so in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


def test_a_forked_program_is_what_it_would_have_been(folder: Path, program: Path) -> None:
    """Arguments, folder, environment, output and import path are its own; only the imports are done."""
    server.start(folder, MODULES, os.getpid())
    forked = seen(started(folder, program, "one", "'two words'"))
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
        time.sleep(0.6)  # the next is imported while nobody asks
        if seen(started(folder, program))["later"]:
            break
    else:
        raise AssertionError("nothing was imported later")


def test_the_first_request_starts_the_server(folder: Path, program: Path) -> None:
    """Of several that come at once, one; nobody else may enter its folder."""
    at_once = [started(folder, program) for _ in range(4)]
    assert all(seen(process)["forked"] for process in at_once)
    (server,) = servers(folder)
    assert len(list(folder.iterdir())) == 1
    (place,) = folder.iterdir()  # of this machine, and of the process that asked for all of them
    assert str(place) in server.cmdline()
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_server_ends_with_whom_it_serves(folder: Path, program: Path) -> None:
    """Its children go on; and nothing of it is left."""
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    server.start(folder, MODULES, owner.pid)
    child = started(folder, program, "wait")
    assert child.stdout is not None
    assert json.loads(child.stdout.readline())["forked"]
    owner.kill()
    owner.wait()
    assert until(lambda: not folder.exists())
    assert child.poll() is None
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) is not None


def test_who_asked_ends_with_the_child(folder: Path, program: Path) -> None:
    """A child that is killed is gone for Ray, too; and a signal to who asked reaches the child."""
    server.start(folder, MODULES, os.getpid())
    for end in ("child", "asker"):
        asker = started(folder, program, "wait")
        assert asker.stdout is not None
        asker.stdout.readline()
        (child,) = servers(folder)[0].children()
        if end == "child":
            child.kill()
        else:
            asker.terminate()
        assert asker.wait(10) is not None
        assert until(lambda child=child: not child.is_running())


@pytest.mark.parametrize("broken", ["no module", "open folder", "no answer"])
def test_without_a_server_a_process_starts_the_usual_way(
    folder: Path, program: Path, broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that cannot import; one in a folder that others may enter, who hear nothing; one that takes too long."""
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
    out, err = process.communicate(timeout=30)  # only now: what nobody took holds the ends of its pipes
    assert json.loads(out)["arguments"] == ["one"]
    assert not json.loads(out)["forked"]
    assert "started without a fork" in err


def test_a_server_that_cannot_import_is_not_tried_again(folder: Path, program: Path) -> None:
    """Or every process would wait for it."""
    assert not seen(started(folder, program, modules=["no_such_module"]))["forked"]
    _, err = started(folder, program, modules=["no_such_module"]).communicate(timeout=30)
    assert "could not import" in err


def test_what_is_imported_later_may_be_missing(folder: Path, program: Path) -> None:
    """It only would have saved time."""
    modules = ["colorsys", "no_such_module", "mailbox"]
    assert seen(started(folder, program, modules=modules))["forked"]
    time.sleep(2.0)
    assert seen(started(folder, program, modules=modules))["later"]


@pytest.mark.parametrize("lies", ["here", "elsewhere"])
def test_pythons_own_options_stand_before_the_program(
    folder: Path, program: Path, lies: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ray hands them on where PYTHONNOUSERSITE is set."""
    if lies == "elsewhere":
        monkeypatch.setattr(request, "__file__", "/nowhere/trainables/forking/request.py")
    line = f"exec {request.executable(folder, MODULES)} -s {program} one"
    process = subprocess.Popen(["bash", "-c", line], stdout=-1, stderr=-1, text=True)
    found = seen(process)
    assert found["arguments"] == ["one"]
    assert found["forked"] is (lies == "here")


def test_a_request_that_makes_no_sense_harms_nobody(folder: Path, program: Path) -> None:
    """Cut off, too long, or no request at all."""
    server.start(folder, MODULES, os.getpid())
    for said in (b"", b"\0\0\0\x09{}", b"\xff\xff\xff\xff", b"\0\0\0\x02{}"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(folder / "socket"))
            connection.sendall(said)
    assert seen(started(folder, program))["forked"]


def test_a_server_whose_job_is_silent_ends(folder: Path, program: Path) -> None:
    """On a machine where it cannot see the driver; not before its children, who need its code."""
    server.start(folder, MODULES, os.getpid(), idle=0.5)
    child = started(folder, program, "wait")
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(2.0)
    assert folder.exists()
    child.terminate()
    assert until(lambda: not folder.exists())


def test_on_a_machine_where_kotune_lies_elsewhere(folder: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python that the program was installed for runs it, or the one on the path."""
    monkeypatch.setattr(request, "__file__", "/nowhere/trainables/forking/request.py")
    assert seen(started(folder, program, "one"))["arguments"] == ["one"]
    assert not servers(folder)


def test_a_gpu_that_an_import_looked_at(folder: Path, program: Path, tmp_path: Path) -> None:
    """CUDA does not work in a child then: it starts the usual way."""
    poisoned = tmp_path / "torch.py"
    poisoned.write_text("class cuda:\n    _is_in_bad_fork = staticmethod(lambda: True)\n", encoding="utf-8")
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import torch; "
            "from pathlib import Path; from trainables.forking import server; "
            f"server._become(server._Wanted([{str(program)!r}, 'one'], {{}}, {str(tmp_path)!r}, '', []))",
        ],
        stdout=-1,
        text=True,
        cwd=Path(server.__file__).parents[2],
        start_new_session=False,
    )
    found = seen(process)
    assert found["arguments"] == ["one"]
    assert found["path"] == str(tmp_path)
