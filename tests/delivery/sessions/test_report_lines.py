"""The last lines of a session, from which a user copies the next command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from delivery.results.summary import Failure
from delivery.sessions.report_lines import last_lines
from foundation.errors import UserError
from foundation.statuses import SessionEnd
from search_spaces.choices import Tracking, WandbMode
from tests.delivery.results.summaries import a_summary
from tests.tuning.studies.studies import SPACE, start_trial
from tuning.studies.study import Study
from tuning.wandb_settings import TrackingSettings


@pytest.mark.parametrize(("address", "option"), [("auto", " --address auto"), (None, "")])
def test_an_interrupted_study_goes_on_where_it_was(tmp_path: Path, address: str | None, option: str) -> None:
    """The command finds the storage from any folder, and the cluster; a finished study has none."""
    study = Study.create(SPACE, tmp_path / "my runs", "mine")
    lines = last_lines(study, a_summary(), None, SessionEnd.INTERRUPTED, address)
    assert lines[-1] == f"resume   python cli.py resume mine --storage '{tmp_path}/my runs'{option}"
    finished = last_lines(study, a_summary(), None, SessionEnd.DONE, address)
    assert not any(line.startswith("resume") for line in finished)


def test_offline_runs_are_counted_with_their_reason(tmp_path: Path) -> None:
    """Two of three runs are offline, one of them because of the server; a damaged record is refused with its place."""
    study = Study.create(SPACE, tmp_path / "my runs", "mine")
    tracking = TrackingSettings(WandbMode.ONLINE, "kotune", None, (), str(study.paths.root))
    kept = [("online", ""), ("offline", ""), ("offline", "no answer")]
    for number, (mode, reason) in enumerate(kept):
        record = start_trial(study, number)
        note = {"mode": mode, "id": record.trial_id, "reason": reason, "folder": "wandb/run"}
        (study.paths.trial(record.trial_id) / "tracking.json").write_text(json.dumps(note), encoding="utf-8")
    line = last_lines(study, a_summary(), tracking, SessionEnd.DONE, None)[-1]
    assert line.startswith("wandb    2 runs are offline (W&B could not be reached: no answer); send them: ")
    assert line.endswith(f"wandb sync '{study.paths.root}/wandb'/offline-run-*")
    (study.paths.trial("mine-0001") / "tracking.json").write_text('{"mode": "offline"', encoding="utf-8")
    with pytest.raises(UserError, match=r"mine-0001/tracking\.json"):
        last_lines(study, a_summary(), tracking, SessionEnd.DONE, None)


def test_the_curves_are_shown_by_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the installation of TensorBoard before it, which kotune does not need."""
    study = Study.create(replace(SPACE, tracking=Tracking.TENSORBOARD), tmp_path / "my runs", "mine")
    command = f"tensorboard --logdir '{study.paths.trials}'"
    for is_installed, prefix in [(True, ""), (False, "pip install tensorboard, then ")]:
        monkeypatch.setattr("delivery.sessions.report_lines.find_spec", lambda name, yes=is_installed: yes or None)
        line = last_lines(study, a_summary(), None, SessionEnd.DONE, None)[-1]
        assert line == f"curves   {prefix}{command}"


def test_every_reason_of_a_failure_is_named(tmp_path: Path) -> None:
    """Once, with all trials that failed for it; the trace and the command are those of the first."""
    study = Study.create(SPACE, tmp_path, "mine")
    reasons = {"mine-0001": "loss is nan", "mine-0002": "no memory", "mine-0003": "loss is nan"}
    failures = [Failure(trial, reason, {}, alone=f"run {trial}") for trial, reason in reasons.items()]
    lines = last_lines(study, a_summary(failures=failures), None, SessionEnd.DONE, None)
    assert [line for line in lines if line.startswith("failed")] == [
        "failed   mine-0001, mine-0003: loss is nan",
        "failed   mine-0002: no memory",
    ]
    assert [line.split("; alone: ")[1] for line in lines if "; alone: " in line] == ["run mine-0001", "run mine-0002"]
