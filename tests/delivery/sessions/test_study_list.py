"""The table of all studies."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.tuning.studies.studies import SPACE, start_trial
from tuning.display.live import SilentView, logged
from tuning.studies.study import Study

Typed = Callable[[Sequence[str]], tuple[int, str, str]]


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """Three studies: one that was interrupted, one without a trial, one with a damaged record."""
    one = Study.create(replace(SPACE, name="cnn"), tmp_path, "one")
    study = start_trial(one, 0)
    one.add(study.trial_id, 1.0, 10, {"rouge_sum": 0.25}, 1.0)
    began = datetime.now(timezone(timedelta(hours=9))) - timedelta(hours=3, minutes=5)
    one.paths.log.write_text(f"---- {began.isoformat(' ', 'seconds')}\n---- 2001-01-01 00:00:00\n")
    Study.create(SPACE, tmp_path, "two")
    three = Study.create(SPACE, tmp_path, "three")
    (three.paths.trial("three-0000") / "trial.json").parent.mkdir()
    (three.paths.trial("three-0000") / "trial.json").write_text("{")
    return tmp_path


def test_every_study_has_a_row(storage: Path, typed: Typed) -> None:
    """Name, space, state, trials, best score and age; a damaged study is named with its problem."""
    code, out, _ = typed(["status", "--storage", str(storage)])
    assert code == 0
    rows = {line.split()[1]: line.replace("│", " ").split() for line in out.splitlines() if line.startswith("│")}
    assert rows["one"] == ["one", "cnn", "interrupted", "1", "of", "20", "rouge_sum", "0.2500", "3", "h"]
    assert rows["two"] == ["two", "space", "waiting", "0", "of", "20"]
    assert rows["three"] == ["three", "damaged"]
    assert out.splitlines()[-1].startswith(f"three: {storage}/three/trials/three-0000/trial.json, line 1")


def test_the_list_as_json(storage: Path, typed: Typed) -> None:
    """One object for each study, as `status STUDY --json` prints it."""
    code, out, _ = typed(["status", "--storage", str(storage), "--json"])
    assert code == 0
    one, three, two = json.loads(out)
    assert (one["study"], one["space"], one["state"], one["best"]["value"]) == ("one", "cnn", "interrupted", 0.25)
    assert one["age"] == pytest.approx(11100, abs=60)
    assert (two["age"], two["trials"]["of"]) == (None, 20)
    assert (three["state"], "trial.json" in three["problem"]) == ("damaged", True)


def test_a_storage_without_studies(tmp_path: Path, typed: Typed) -> None:
    """An empty folder has no studies; a folder that does not exist was mistyped."""
    code, out, _ = typed(["status", "--storage", str(tmp_path)])
    assert (code, out.startswith(f"no studies in {tmp_path}")) == (0, True)
    code, out, err = typed(["status", "--storage", str(tmp_path / "non")])
    assert (code, out, "non: there is no such folder" in err) == (2, "", True)


def test_the_log_gives_the_age(tmp_path: Path, typed: Typed) -> None:
    """Its first line has the time with its zone, since `status` may run on another machine."""
    study = Study.create(SPACE, tmp_path, "one")
    with logged(SilentView(), study.paths.log):
        pass
    assert study.paths.log.read_text(encoding="utf-8").strip()[-6] in "+-"
    assert json.loads(typed(["status", "--storage", str(tmp_path), "--json"])[1])[0]["age"] < 60
