"""Code that comes with a job: it runs from a copy that nobody else can change, and is what the driver sent."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from trainables.forking import code_copy, request, server

pytestmark = pytest.mark.skipif(not server.available(), reason="nothing is forked on this system")

ROOT = Path(code_copy.__file__).parents[2]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a job's servers may lie; they end with the test."""
    place = tmp_path_factory.mktemp("forks") / "kotune-job"
    yield place
    for process in psutil.process_iter(["cmdline"]):
        if any(part.startswith(f"{place}/") for part in process.info["cmdline"] or []):
            process.kill()


@pytest.fixture
def came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What Ray unpacked, with a module that nothing imports before it is asked for."""
    place = tmp_path / "came"
    code_copy.copy_code(ROOT, place)
    (place / "trainables" / "colours.py").write_text("NAME = '빨강'\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"/nowhere:{place}")
    return place


def run(folder: Path, code: str, program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The program, as Ray starts it."""
    command = f"exec {request.executable(folder, ['colorsys'], code)} {program} {' '.join(map(str, arguments))}"
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)


def test_what_came_may_go(folder: Path, came: Path, tmp_path: Path) -> None:
    """A child imports from the copy what nobody imported before, and stands in no folder that can go."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, shutil, sys; shutil.rmtree(sys.argv[1]); from trainables import colours\n"
        "print(colours.__file__, os.getcwd(), os.environ['PYTHONPATH'].split(':')[0])",
        encoding="utf-8",
    )
    done = run(folder, code_copy.digest(came), program, came)
    copy = next(folder.glob("code-*"))
    assert done.stdout.split() == [str(copy / "trainables" / "colours.py"), str(folder), str(copy)], done.stderr


def test_only_what_was_sent_is_run(folder: Path, came: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody may write where Ray unpacks; what is half unpacked is waited for."""
    monkeypatch.setattr(code_copy, "_PATIENCE", 0.5)
    wanted = code_copy.digest(came)
    (came / "trainables" / "colours.py").write_text("NAME = '파랑'\n", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="code that came with the job"):
        code_copy.own_copy(folder, wanted, [Path("/nowhere"), came])
    assert not list(folder.iterdir())
    (came / "trainables" / "colours.py").write_text("NAME = '빨강'\n", encoding="utf-8")
    assert code_copy.own_copy(folder, wanted, [Path("/nowhere"), came]).is_dir()


def test_what_never_comes_ends_the_process(folder: Path, came: Path, tmp_path: Path) -> None:
    """With a reason, and no other code in its place: Ray starts it once more."""
    began = time.monotonic()
    done = run(folder, "0" * 64, tmp_path / "program.py")
    assert done.returncode == 1
    assert "the code that came with the job is not in" in done.stderr
    assert time.monotonic() - began > 5


def test_a_folder_of_somebody_elses_is_not_used(folder: Path, came: Path) -> None:
    """Its name can be seen by everybody."""
    folder.mkdir(mode=0o777)
    os.chmod(folder, 0o777)
    with pytest.raises(PermissionError, match="not this user's alone"):
        code_copy.own_copy(folder, code_copy.digest(came), [came])


def test_the_sum_is_of_names_and_contents(came: Path) -> None:
    """And not of what Python keeps beside them."""
    before = code_copy.digest(came)
    (came / "tuning" / "__pycache__").mkdir(exist_ok=True)
    (came / "tuning" / "__pycache__" / "a.pyc").write_bytes(b"1")
    assert code_copy.digest(came) == before
    (came / "trainables" / "colours.py").rename(came / "tuning" / "colours.py")
    assert code_copy.digest(came) != before
