"""Output paths that cannot be written are refused before the work."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from delivery.results.output_paths import check_file, check_folder, check_new_folder, set_usual_permissions
from foundation.errors import UserError


def test_a_new_and_an_existing_file_are_accepted(tmp_path: Path) -> None:
    """Predictions may be written again."""
    (tmp_path / "old.csv").write_text("")
    check_file("--out", tmp_path / "old.csv", [])
    check_file("--out", tmp_path / "new.csv", [])
    check_file("--out", Path("new.csv"), [])


def test_a_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    """The message names the option, and what to type."""
    with pytest.raises(UserError, match=f"--picture {tmp_path} is a folder") as caught:
        check_file("--picture", tmp_path, [])
    assert caught.value.todo == f"--picture {tmp_path / 'NAME'}"


def test_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    """Its name may be mistyped."""
    with pytest.raises(UserError, match="there is no folder") as caught:
        check_file("--out", tmp_path / "none" / "out.csv", [])
    assert caught.value.todo == f"mkdir -p {tmp_path / 'none'}"
    assert not (tmp_path / "none").exists()


def test_a_path_with_spaces_is_quoted(tmp_path: Path) -> None:
    """The command in the message is for a shell."""
    with pytest.raises(UserError) as caught:
        check_file("--out", tmp_path / "my results" / "out.csv", [])
    assert caught.value.todo == f"mkdir -p '{tmp_path / 'my results'}'"


@pytest.mark.parametrize("check", [check_file, check_new_folder])
def test_a_file_instead_of_a_folder_is_refused(
    tmp_path: Path, check: Callable[[str, Path, Sequence[Path]], None]
) -> None:
    """Neither a file nor a folder can be made in it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=f"{tmp_path / 'file'} is a file"):
        check("--out", tmp_path / "file" / "out", [])


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    """Path -> rights that one does not have; whoever is root has all, so the system's answer is given here."""
    without: dict[Path, int] = {}
    monkeypatch.setattr(os, "access", lambda path, mode: not without.get(Path(path), 0) & mode)
    return without


@pytest.mark.parametrize("missing", [os.W_OK, os.X_OK])
@pytest.mark.parametrize("check", [check_file, check_new_folder])
def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, forbidden: dict[Path, int], check: Callable[[str, Path, Sequence[Path]], None], missing: int
) -> None:
    """To make something in it, one must be let in and be allowed to write."""
    forbidden[tmp_path] = missing
    with pytest.raises(UserError, match=f"{tmp_path} cannot be written"):
        check("--out", tmp_path / "out", [])


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, forbidden: dict[Path, int]) -> None:
    """In a folder that can be written."""
    (tmp_path / "out.csv").write_text("kept")
    forbidden[tmp_path / "out.csv"] = os.W_OK
    with pytest.raises(UserError, match=r"out\.csv cannot be written"):
        check_file("--out", tmp_path / "out.csv", [])


def test_the_parents_of_a_new_folder_need_not_exist(tmp_path: Path) -> None:
    """The command makes them. An existing path is refused, also a dangling link."""
    check_new_folder("--out", tmp_path / "a" / "b", [])
    assert not (tmp_path / "a").exists()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in (".", "link"):
        with pytest.raises(UserError, match="already exists"):
            check_new_folder("--out", tmp_path / name, [])


def test_files_get_the_usual_permissions(tmp_path: Path) -> None:
    """safetensors makes its files private."""
    (tmp_path / "member").mkdir()
    for name in ("model.safetensors", "member/model.safetensors"):
        (tmp_path / name).touch(mode=0o600)
    before = os.umask(0o027)
    try:
        set_usual_permissions(tmp_path)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.safetensors")} == {0o640}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["member", "model.safetensors"]


def test_a_folder_that_cannot_be_written_is_named_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere, so the answer of the operating system is replaced."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError) as caught:
        check_folder("--storage", tmp_path)
    assert caught.value.problem == f"--storage {tmp_path}: {tmp_path} cannot be written"


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    os.chdir(path.parent)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


@pytest.mark.parametrize("make", [_fifo, _socket, lambda path: path.symlink_to("/dev/full")])
def test_only_regular_files_are_replaced(
    tmp_path: Path, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device would become a regular file."""
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "out")
    with pytest.raises(UserError, match="is a device, a pipe or a socket"):
        check_file("--out", tmp_path / "out", [])


def test_inputs_are_never_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under no name, through no link, and whether the path is absolute or not."""
    monkeypatch.chdir(tmp_path)
    model, data = tmp_path / "model", tmp_path / "data.csv"
    model.mkdir()
    data.touch()
    (tmp_path / "hard").hardlink_to(data)
    (tmp_path / "soft").symlink_to(data)
    (tmp_path / "other").symlink_to(model)
    for name in ("data.csv", "hard", "soft"):
        with pytest.raises(UserError, match=f"{name} is the file that is read"):
            check_file("--out", Path(name), [model, data])
    for inside in (Path("model/new.csv"), tmp_path / "other/new.csv", Path("other/../model/new.csv")):
        with pytest.raises(UserError, match=r"is inside .*model, which is read"):
            check_file("--out", inside, [model, data])
        with pytest.raises(UserError, match=r"is inside .*model, which is read"):
            check_new_folder("--out", inside, [model])
    check_file("--out", Path("model2.csv"), [model, data])
    check_file("--out", Path("new.csv"), [Path("org/hub-id"), data])


def test_what_a_killed_process_left_is_deleted(tmp_path: Path) -> None:
    """What another process writes at the moment stays, and so does what another machine left."""
    code = "import os, sys; from pathlib import Path; from foundation.durable import new_file\n"
    code += "with new_file(Path(sys.argv[1])) as file: file.write('a'); file.flush(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "out.csv")], check=False)
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) == 1
    _, out, csv, machine, _, tmp = left[0].split(".")
    others = [f".{out}.{csv}.{machine}.{os.getppid()}.{tmp}", f".{out}.{csv}.00000000.4194305.{tmp}"]
    for name in others:
        (tmp_path / name).touch()
    check_file("--out", tmp_path / "out.csv", [])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)
