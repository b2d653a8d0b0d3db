"""The lock of a study: one process at a time, and a process that died does not block the next one."""

import fcntl
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from foundation.errors import UserError
from tuning.studies import lock
from tuning.studies.lock import lock_owner, study_lock

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


def test_a_second_process_is_refused_with_the_first_named(file: Path) -> None:
    """By host and pid. After a `kill -9` of the first, the next one gets the lock and a sentence about it."""
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
def test_a_process_on_another_machine_has_the_lock_while_it_refreshes_it(file: Path, age: float, taken: bool) -> None:
    """The locks of some file systems do not reach other machines."""
    now = time.time()
    file.write_text(json.dumps({"host": "elsewhere", "pid": 7, "since": now - 900, "seen": now - age}))
    if taken:
        with pytest.raises(UserError, match="host elsewhere, pid 7, since 20"), study_lock(file, "mine"):
            pass
    else:
        with study_lock(file, "mine") as gone:
            assert "host elsewhere, pid 7" in gone


def test_a_damaged_file_is_ignored(file: Path) -> None:
    """The lock itself is the operating system's."""
    file.write_text('{"host": "els')
    with study_lock(file, "mine") as gone:
        assert gone == ""


def test_a_folder_that_cannot_be_locked_is_an_error_message(tmp_path: Path) -> None:
    """And no traceback."""
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "x.json"
    with pytest.raises(UserError, match="study 'mine' cannot be locked"), study_lock(path, "mine"):
        pass


def test_a_process_that_lost_its_lock_ends_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a minute without a refresh, another machine took over: it ends as after Ctrl-C and leaves the file."""
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


def test_a_process_that_was_killed_does_not_work_on_the_study(file: Path) -> None:
    """At once, and not a minute later; a process that holds the lock works on it, however long it was suspended."""
    with subprocess.Popen([sys.executable, "-c", HOLDING, str(file)], cwd=ROOT, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        assert (owner := lock_owner(file)) is not None
        assert owner.pid == first.pid
        file.write_text(json.dumps({**json.loads(file.read_text()), "seen": time.time() - 600}))
        assert lock_owner(file) is not None
        first.kill()
        first.wait()
        file.write_text(json.dumps({**json.loads(file.read_text()), "seen": time.time()}))
        assert lock_owner(file) is None


def test_in_a_bucket_the_process_itself_is_looked_for(tmp_path: Path) -> None:
    """The operating system's lock is in the working folder of the process, which `status` does not know."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
        pass
    for pid, works in ((os.getpid(), True), (ended.pid, False)):
        address = tmp_path / "bucket.json"
        content = {"host": platform.node(), "pid": pid, "since": 1.0, "seen": time.time()}
        address.write_text(json.dumps(content))
        assert (lock_owner(tmp_path / "copy" / ".running.json", str(address)) is not None) == works


def test_asking_for_the_owner_refuses_no_process(file: Path) -> None:
    """The question holds the lock for a moment; whoever wants the lock then waits for it."""
    file.with_suffix(".lock").touch()
    descriptor = os.open(file.with_suffix(".lock"), os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    threading.Timer(0.05, os.close, [descriptor]).start()
    with study_lock(file, "mine"):
        pass
