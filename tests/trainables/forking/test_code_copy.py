"""The code of a job runs from a private copy, and only if it is what the driver sent."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from trainables.forking import client, code_copy, request

pytestmark = pytest.mark.skipif(not client.available(), reason="forking needs Linux")

ROOT = Path(code_copy.__file__).parents[2]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For the servers of a job; they end with the test."""
    place = tmp_path_factory.mktemp("forks") / "kotune-job"
    yield place
    for process in psutil.process_iter(["cmdline"]):
        if any(part.startswith(f"{place}/") for part in process.info["cmdline"] or []):
            process.kill()


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that Ray unpacked, with a module that no server imports."""
    place = tmp_path / "unpacked"
    code_copy.copy_code(ROOT, place)
    (place / "trainables" / "colours.py").write_text("NAME = '빨강'\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"/nowhere:{place}")
    return place


def run(folder: Path, code: str, program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the program as Ray does."""
    command = f"exec {request.executable(folder, ['colorsys'], code)} {program} {' '.join(map(str, arguments))}"
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)


def test_the_unpacked_folder_may_disappear(folder: Path, unpacked: Path, tmp_path: Path) -> None:
    """A child imports from the copy, and its working directory is the private folder."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, shutil, sys; shutil.rmtree(sys.argv[1]); from trainables import colours\n"
        "print(colours.__file__, os.getcwd(), os.environ['PYTHONPATH'].split(':')[0])",
        encoding="utf-8",
    )
    done = run(folder, code_copy.digest(unpacked), program, unpacked)
    copy = next(folder.glob("code-*"))
    assert done.stdout.split() == [str(copy / "trainables" / "colours.py"), str(folder), str(copy)], done.stderr


def test_other_code_is_not_run(folder: Path, unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every user may write to the unpacked folder; a folder that is still being unpacked is tried again."""
    monkeypatch.setattr(code_copy, "_UNPACK_SECONDS", 0.5)
    code = code_copy.digest(unpacked)
    (unpacked / "trainables" / "colours.py").write_text("NAME = '파랑'\n", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="code that came with the job"):
        code_copy.private_copy(folder, code, [Path("/nowhere"), unpacked])
    assert not list(folder.iterdir())
    (unpacked / "trainables" / "colours.py").write_text("NAME = '빨강'\n", encoding="utf-8")
    assert code_copy.private_copy(folder, code, [Path("/nowhere"), unpacked]).is_dir()


def test_missing_code_ends_the_process(folder: Path, unpacked: Path, tmp_path: Path) -> None:
    """With a reason, and without running other code: Ray starts the process again."""
    began = time.monotonic()
    done = run(folder, "0" * 64, tmp_path / "program.py")
    assert done.returncode == 1
    assert "the code that came with the job is not in" in done.stderr
    assert time.monotonic() - began > 5


def test_a_folder_that_others_can_enter_is_refused(folder: Path, unpacked: Path) -> None:
    """Every user can see its name."""
    folder.mkdir(mode=0o777)
    os.chmod(folder, 0o777)
    with pytest.raises(PermissionError, match="is not private to this user"):
        code_copy.private_copy(folder, code_copy.digest(unpacked), [unpacked])


def test_the_digest_covers_names_and_contents(unpacked: Path) -> None:
    """And not the files in `__pycache__`."""
    before = code_copy.digest(unpacked)
    (unpacked / "tuning" / "__pycache__").mkdir(exist_ok=True)
    (unpacked / "tuning" / "__pycache__" / "a.pyc").write_bytes(b"1")
    assert code_copy.digest(unpacked) == before
    (unpacked / "trainables" / "colours.py").rename(unpacked / "tuning" / "colours.py")
    assert code_copy.digest(unpacked) != before
