"""One process at a time: who is second is told who is first, and who died holding the lock is no hindrance."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foundation.errors import UserError
from tuning.studies import lock
from tuning.studies.lock import study_lock

ROOT = Path(__file__).parents[3]
HOLDING = """if True:
    import sys, time
    from pathlib import Path
    from tuning.studies.lock import study_lock
    with study_lock(Path(sys.argv[1]), "mine"):
        print("held", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where it stands who holds the study."""
    return tmp_path / ".running.json"


def test_a_second_process_is_told_of_the_first(file: Path) -> None:
    """With its host and pid; killed with -9, it leaves a lock that is taken over, and said to be."""
    with subprocess.Popen([sys.executable, "-c", HOLDING, str(file)], cwd=ROOT, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=f"host {platform.node()}, pid {first.pid}"), study_lock(file, "mine"):
            pass
        first.kill()
    with study_lock(file, "mine") as gone:
        assert f"pid {first.pid}" in gone
        assert json.loads(file.read_text())["pid"] == os.getpid()
    assert not file.exists()
    with study_lock(file, "mine") as gone:
        assert gone == ""


@pytest.mark.parametrize(("age", "taken"), [(5.0, True), (600.0, False)])
def test_another_machine_is_believed_while_it_gives_signs_of_life(file: Path, age: float, taken: bool) -> None:
    """A file system may lock on one machine only."""
    now = time.time()
    file.write_text(json.dumps({"host": "elsewhere", "pid": 7, "since": now - 900, "seen": now - age}))
    if taken:
        with pytest.raises(UserError, match="host elsewhere, pid 7, since 20"), study_lock(file, "mine"):
            pass
    else:
        with study_lock(file, "mine") as gone:
            assert "host elsewhere, pid 7" in gone


def test_what_stands_there_may_be_damaged(file: Path) -> None:
    """The lock itself is the system's."""
    file.write_text('{"host": "els')
    with study_lock(file, "mine") as gone:
        assert gone == ""


def test_a_folder_that_takes_no_lock_is_told(tmp_path: Path) -> None:
    """Instead of a traceback."""
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "x.json"
    with pytest.raises(UserError, match="study 'mine' cannot be locked"), study_lock(path, "mine"):
        pass


def test_whoever_was_taken_for_dead_leaves_it_to_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stood still for a minute ends as after Ctrl-C; the entry is the other's."""
    monkeypatch.setattr(lock, "REFRESH_SECONDS", 0.05)
    signals: list[int] = []
    monkeypatch.setattr(lock.os, "kill", lambda pid, number: signals.append(number))
    file = tmp_path / ".running.json"
    other = {"host": "elsewhere", "pid": 1, "since": 1.0, "seen": time.time()}
    with study_lock(file, "mine"):
        file.write_text(json.dumps(other))
        time.sleep(0.5)
    assert signals == [signal.SIGINT]
    assert json.loads(file.read_text()) == other
