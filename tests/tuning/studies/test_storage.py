"""Studies in a bucket, and this machine's copy of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks._fault_study import wait_until
from foundation import buckets
from foundation.errors import UserError
from tests.tuning.studies.studies import SPACE, start_trial
from tuning import preparation
from tuning.studies import storage
from tuning.studies.storage import BackgroundUpload, check_writable, readable_storage, storage_at
from tuning.studies.study import Study

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    "address", ["s3://", "gs:///", "ftp://there/runs", "s3:/bucket", "s3://key:secret@bucket/runs"]
)
def test_invalid_addresses_are_refused(address: str) -> None:
    """A folder may have any name that does not look like an address; a message shows no key."""
    with pytest.raises(UserError, match="--storage") as caught:
        storage_at(address)
    assert "secret" not in str(caught.value)


def test_another_machine_reads_what_was_written(bucket: str, tmp_path: Path) -> None:
    """Records, space and published files; each machine has its own copy."""
    first, second = (storage_at(f"{bucket}/runs", tmp_path / name) for name in ("here", "there"))
    study = Study.create(SPACE, first, "mine")
    record = start_trial(study, 0)
    study.add(record.trial_id, 1.0, 10, {"rouge_sum": 0.5}, 1.0)
    again = Study.load(second, "mine")
    assert again.records == study.records
    assert again.space == study.space
    again.end(record.trial_id, "completed")
    assert Study.load(first, "mine").records[record.trial_id].status == "completed"
    assert second.names() == ["mine"]
    with pytest.raises(UserError, match="already"):
        Study.create(SPACE, second, "mine")
    with pytest.raises(UserError, match="no study 'yours'"):
        Study.load(second, "yours")


def test_files_that_are_not_in_the_bucket_are_removed_from_the_copy(bucket: str, tmp_path: Path) -> None:
    """A machine that died before the upload; nothing depends on these files."""
    storage = storage_at(f"{bucket}/runs", tmp_path / "here")
    study = Study.create(SPACE, storage, "mine")
    record = start_trial(study, 0)
    file = study.paths.trial(record.trial_id) / "trial.json"
    file.write_text(file.read_text().replace("running", "pruned"))
    (study.paths.trial("mine-0007")).mkdir()
    (study.paths.trial("mine-0007") / "trial.json").write_text("{}")
    again = Study.load(storage, "mine")
    assert {name: record.status for name, record in again.records.items()} == {record.trial_id: "running"}


def test_data_in_the_folder_of_a_study_moves_with_it(tmp_path: Path) -> None:
    """Data elsewhere keeps its path."""
    study = Study.create(SPACE, tmp_path / "runs", "mine")
    data = replace(study.space.data, train=str(study.paths.copies / "train.csv"), dev="/elsewhere/dev.csv")
    study.change_space(replace(study.space, data=data))
    (tmp_path / "runs").rename(tmp_path / "moved")
    data = Study.load(tmp_path / "moved", "mine").space.data
    assert data.train == str(tmp_path.resolve() / "moved" / "mine" / "given_data" / "train.csv")
    assert data.dev == "/elsewhere/dev.csv"


def test_a_command_that_only_reads_has_its_own_copy(bucket: str, tmp_path: Path) -> None:
    """It is removed afterwards."""
    with readable_storage(f"{bucket}/runs") as storage:
        assert storage.folder != storage_at(f"{bucket}/runs").folder
        assert storage.folder.is_dir()
    assert not storage.folder.exists()


def test_a_bucket_that_cannot_be_written_is_refused(s3: object) -> None:
    """With one message that says what to check."""
    with pytest.raises(UserError, match=r"--storage s3://not-there-at-all/runs: .*bucket"):
        check_writable(storage_at("s3://not-there-at-all/runs"))


def test_a_database_in_use_is_uploaded_as_between_two_transactions(bucket: str, tmp_path: Path) -> None:
    """The last upload has the newest one."""
    file, address = tmp_path / "optuna.db", f"{bucket}/runs/mine/optuna.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE told (number)")
        database.commit()
        copies = BackgroundUpload({file: address, tmp_path / "nothing": f"{bucket}/nothing"})
        database.execute("INSERT INTO told VALUES (1)")
        database.commit()
        database.execute("INSERT INTO told VALUES (2)")  # not finished
        copies.notify()
        copies.close(10.0)
    (tmp_path / "copy.db").write_bytes(buckets.read(address) or b"")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT * FROM told").fetchall() == [(1,)]


def test_the_last_change_is_uploaded_at_the_end(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting for the pause between two uploads."""
    monkeypatch.setattr(storage, "_UPLOAD_SECONDS", 600.0)
    file, address = tmp_path / "log.txt", f"{bucket}/log.txt"
    file.write_text("first")
    copies = BackgroundUpload({file: address})
    copies.notify()
    assert wait_until(lambda: buckets.read(address) == b"first", 10) is not None
    file.write_text("last")
    copies.close(10.0)
    assert buckets.read(address) == b"last"


def test_notes_are_uploaded_without_a_new_result(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`status` shows the steps of a trial from them; a database changes with a result only."""
    monkeypatch.setattr(storage, "_NOTES_SECONDS", 0.05)
    monkeypatch.setattr(storage, "_UPLOAD_SECONDS", 0.0)
    note, database = tmp_path / "progress.json", tmp_path / "optuna.db"
    written: list[str] = []
    monkeypatch.setattr(buckets, "write", lambda address, content: written.append(content.decode()))
    copies = BackgroundUpload({note: f"{bucket}/progress.json", database: f"{bucket}/optuna.db"})
    database.write_bytes(b"no database")  # an upload of it would be an error
    for content in ("first", "second"):
        note.write_text(content)
        assert wait_until(lambda content=content: content in written, 10) is not None
    copies.close(10.0)
    assert written == ["first", "second", "second"]  # each version once, and all files at the end


def test_an_interrupted_upload_is_repeated(bucket: str, tmp_path: Path) -> None:
    """Half a table is not uploaded."""
    table = tmp_path / "table"
    table.mkdir()
    for name in ("data.arrow", "state.json"):
        (table / name).write_text(name)
    buckets.upload(table, f"{bucket}/table", ["state.json"])
    assert not preparation._is_uploaded(table, f"{bucket}/table")
    buckets.upload(table, f"{bucket}/table")
    assert preparation._is_uploaded(table, f"{bucket}/table")


def test_a_light_storage_downloads_no_model_and_no_data(bucket: str, tmp_path: Path) -> None:
    """`status` of a study with gigabytes of weights is fast."""
    study = Study.create(SPACE, storage_at(f"{bucket}/runs", tmp_path / "here"), "mine")
    start_trial(study, 0)
    for name in ("base_model/given/model.safetensors", "given_data/train.csv"):
        buckets.write(f"{bucket}/runs/mine/{name}", b"much")
    for light, is_copied in ((True, False), (False, True)):
        with readable_storage(f"{bucket}/runs", light=light) as place:
            again = Study.load(place, "mine")
            assert list(again.records) == ["mine-0000"]
            assert (again.paths.base_model() / "model.safetensors").exists() is is_copied
            assert again.paths.copies.exists() is is_copied
