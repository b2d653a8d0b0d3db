"""The temporary folder of a local Ray: private, removed at the end, and after its process was killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tuning.cluster import temporary_folder

ROOT = Path(__file__).parents[3]

#: Another account of this machine; it needs no name.
_OTHER = 54_321

#: Tries to read, to connect to, to replace and to plant something; prints what succeeded.
_INTRUDER = """
import os, pathlib, socket, sys
os.setgroups([]), os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
folder = pathlib.Path(sys.argv[1])
sockets = [folder / "session_latest" / "sockets" / name for name in ("raylet", "plasma_store")]
tries = {"list": lambda: os.listdir(folder), "plant": lambda: (folder / "x").write_text("x"),
         "rename": lambda: os.rename(folder.parent, str(folder.parent) + "-old"), "remove": lambda: os.rmdir(folder)}
for path in sockets:
    tries[f"connect {path.name}"] = lambda path=path: socket.socket(socket.AF_UNIX).connect(str(path))
    tries[f"replace {path.name}"] = lambda path=path: os.rename(path, str(path) + ".old")
for name, attempt in tries.items():
    try:
        attempt()
        print(name)
    except PermissionError:
        pass
    except OSError as error:
        print(name, error)
"""


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for temporary folders, which does not exist yet."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "t"))
    monkeypatch.setattr(temporary_folder, "_current", [])
    return tmp_path / "t"


def test_the_folder_is_private_and_goes_with_its_process(parent: Path) -> None:
    """Ray opens its own folder to everyone, which is inside."""
    folder = temporary_folder.make()
    assert folder.is_absolute()
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert [*parent.iterdir()] == [folder.parent]
    temporary_folder.remove()
    assert [*parent.iterdir()] == []
    temporary_folder.remove()  # nothing is left to do


def test_a_folder_of_a_killed_process_is_removed_by_the_next(parent: Path) -> None:
    """That of a running process stays, and so does what is no such folder."""
    code = "import time; from tuning.cluster import temporary_folder as t; print(t.make(), flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    killed, running = (Path(str(process.stdout and process.stdout.readline()).strip()).parent for process in processes)
    try:
        (killed / "r" / "session").mkdir(parents=True)
        (parent / "kt-file").write_text("")
        (parent / "kt-link").symlink_to(running)
        (parent / "kt-folder").mkdir()
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        own = temporary_folder.make().parent
        assert {*parent.iterdir()} == {running, own, *(parent / f"kt-{name}" for name in ("file", "link", "folder"))}
        temporary_folder.remove()
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.mark.ray
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
@pytest.mark.usefixtures("two_cpus")
def test_another_account_cannot_reach_the_sockets_of_a_search() -> None:
    """It can neither read, connect, replace nor plant anything, in the folder of the Ray that kotune started."""
    import ray._private.worker

    folder = Path(ray._private.worker._global_node.get_temp_dir_path())
    assert (folder / "session_latest" / "sockets" / "raylet").exists()
    intruder = subprocess.run(
        [sys.executable, "-I", "-c", _INTRUDER, str(folder), str(_OTHER)], capture_output=True, text=True, cwd="/"
    )
    assert (intruder.stdout, intruder.stderr) == ("", "")
