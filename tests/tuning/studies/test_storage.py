"""A study that lies in a bucket, and this machine's folder for it."""

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


@pytest.mark.parametrize("given", ["s3://", "gs:///", "ftp://there/runs", "s3:/bucket", "s3://key:secret@bucket/runs"])
def test_what_is_no_storage(given: str) -> None:
    """A folder may have any name but one that looks like an address; keys stand in none."""
    with pytest.raises(UserError, match="--storage") as caught:
        storage_at(given)
    assert "secret" not in str(caught.value)


def test_another_machine_sees_what_was_written(bucket: str, tmp_path: Path) -> None:
    """Records, space and what was published; a folder of its own for each machine."""
    here, there = (storage_at(f"{bucket}/runs", tmp_path / name) for name in ("here", "there"))
    study = Study.create(SPACE, here, "mine")
    record = start_trial(study, 0)
    study.add(record.trial_id, 1.0, 10, {"rouge_sum": 0.5}, 1.0)
    found = Study.load(there, "mine")
    assert found.records == study.records
    assert found.space == study.space
    found.end(record.trial_id, "completed")
    assert Study.load(here, "mine").records[record.trial_id].status == "completed"
    assert there.names() == ["mine"]
    with pytest.raises(UserError, match="already"):
        Study.create(SPACE, there, "mine")
    with pytest.raises(UserError, match="no study 'yours'"):
        Study.load(there, "yours")


def test_what_is_not_in_the_bucket_does_not_count(bucket: str, tmp_path: Path) -> None:
    """A machine that died had written more than it brought there: nobody acted on that."""
    storage = storage_at(f"{bucket}/runs", tmp_path / "here")
    study = Study.create(SPACE, storage, "mine")
    record = start_trial(study, 0)
    file = study.paths.trial(record.trial_id) / "trial.json"
    file.write_text(file.read_text().replace("running", "pruned"))
    (study.paths.trial("mine-0007")).mkdir()
    (study.paths.trial("mine-0007") / "trial.json").write_text("{}")
    again = Study.load(storage, "mine")
    assert {name: found.status for name, found in again.records.items()} == {record.trial_id: "running"}


def test_data_in_the_folder_of_a_study_is_found_wherever_it_lies(tmp_path: Path) -> None:
    """A study that was moved with its data goes on; data elsewhere stays where it is."""
    study = Study.create(SPACE, tmp_path / "runs", "mine")
    data = replace(study.space.data, train=str(study.paths.copies / "train.csv"), dev="/elsewhere/dev.csv")
    study.change_space(replace(study.space, data=data))
    (tmp_path / "runs").rename(tmp_path / "moved")
    data = Study.load(tmp_path / "moved", "mine").space.data
    assert data.train == str(tmp_path.resolve() / "moved" / "mine" / "given_data" / "train.csv")
    assert data.dev == "/elsewhere/dev.csv"


def test_whoever_looks_disturbs_nobody(bucket: str, tmp_path: Path) -> None:
    """What is fetched for a look is in a folder that is removed afterwards."""
    with readable_storage(f"{bucket}/runs") as storage:
        assert storage.folder != storage_at(f"{bucket}/runs").folder
        assert storage.folder.is_dir()
    assert not storage.folder.exists()


def test_a_bucket_that_cannot_be_written_is_found_before_the_start(s3: object) -> None:
    """One message, and what to look at."""
    with pytest.raises(UserError, match=r"--storage s3://not-there-at-all/runs: .*bucket"):
        check_writable(storage_at("s3://not-there-at-all/runs"))


def test_a_database_at_work_is_uploaded_whole(bucket: str, tmp_path: Path) -> None:
    """As it was between two transactions; and the newest at the end."""
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


def test_what_changed_last_is_uploaded_last(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a search does not wait for the pause between two copies, nor does its last line wait for ever."""
    monkeypatch.setattr(storage, "_UPLOAD_SECONDS", 600.0)
    file, address = tmp_path / "log.txt", f"{bucket}/log.txt"
    file.write_text("first")
    copies = BackgroundUpload({file: address})
    copies.notify()
    assert wait_until(lambda: buckets.read(address) == b"first", 10) is not None
    file.write_text("last")
    copies.close(10.0)
    assert buckets.read(address) == b"last"


def test_half_a_table_is_none(bucket: str, tmp_path: Path) -> None:
    """Whoever brought it there may have died meanwhile."""
    table = tmp_path / "table"
    table.mkdir()
    for name in ("data.arrow", "state.json"):
        (table / name).write_text(name)
    buckets.upload(table, f"{bucket}/table", ["state.json"])
    assert not preparation._is_uploaded(table, f"{bucket}/table")
    buckets.upload(table, f"{bucket}/table")
    assert preparation._is_uploaded(table, f"{bucket}/table")


def test_a_look_fetches_no_model(bucket: str, tmp_path: Path) -> None:
    """`status` of a study with gigabytes of weights takes a moment."""
    study = Study.create(SPACE, storage_at(f"{bucket}/runs", tmp_path / "here"), "mine")
    start_trial(study, 0)
    for name in ("base_model/given/model.safetensors", "given_data/train.csv"):
        buckets.write(f"{bucket}/runs/mine/{name}", b"much")
    for light, there in ((True, False), (False, True)):
        with readable_storage(f"{bucket}/runs", light=light) as place:
            found = Study.load(place, "mine")
            assert list(found.records) == ["mine-0000"]
            assert (found.paths.base_model() / "model.safetensors").exists() is there
            assert found.paths.copies.exists() is there
