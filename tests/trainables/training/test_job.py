"""The job of a trial: read, checked and written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import UserError
from search_spaces.choices import WandbMode
from trainables.tracking.run_settings import RunSettings
from trainables.training.job import TRACE, EpochValue, Job, write_trace

MakeJob = Callable[..., Job]


def test_a_job_is_read_as_it_was_written(make_job: MakeJob, tmp_path: Path) -> None:
    """With its evaluations and the settings of its W&B run."""
    run = RunSettings(
        mode=WandbMode.OFFLINE, project="p", run_id="1", name="1", group="g", folder="f", record="r", tags=("a",)
    )
    job = make_job(tmp_path, evaluations=[[1, 0.5], [2, 0.6, 0.25]], tracking=run)
    assert Job.from_json(json.dumps(job.to_plain()).encode(), "job.json") == job
    assert job.evaluations == (EpochValue(1.0, 0.5), EpochValue(2.0, 0.6, 0.25))  # older files have no loss
    assert json.loads(json.dumps(job.to_plain()["evaluations"])) == [[1.0, 0.5, None], [2.0, 0.6, 0.25]]


def test_a_job_without_tracking_holds_null_or_an_empty_object(make_job: MakeJob, tmp_path: Path) -> None:
    """The empty object is what older files hold."""
    content = make_job(tmp_path).to_plain()
    for value in (None, {}):
        assert Job.from_json(json.dumps({**content, "tracking": value}).encode(), "job.json").tracking is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "job.json: unknown field 'colour'"),
        ({"seed": "7"}, "job.json: seed is '7'"),
        ({"evaluations": [[1.0]]}, "job.json: evaluations[0] "),
        ({"tracking": {"mode": "on"}}, "job.json: tracking.mode is 'on'"),
    ],
)
def test_a_job_with_a_wrong_field_is_refused(
    changes: dict[str, Any], message: str, make_job: MakeJob, tmp_path: Path
) -> None:
    """The message names the file, the field and the remedy."""
    content = json.dumps({**make_job(tmp_path).to_plain(), **changes}).encode()
    with pytest.raises(UserError) as refused:
        Job.from_json(content, "job.json")
    assert message in str(refused.value)
    assert "run it with the version of kotune that wrote it" in str(refused.value)


def test_a_job_without_a_field_is_refused(make_job: MakeJob, tmp_path: Path) -> None:
    """The message names the missing field."""
    content = make_job(tmp_path).to_plain()
    del content["dev"]
    with pytest.raises(UserError, match="job: dev is missing"):
        Job.from_plain(content)


def test_a_job_that_is_no_json_is_refused() -> None:
    """As is a truncated file."""
    with pytest.raises(UserError, match="line 1, character 14"):
        Job.from_json(b'{"trial_id": ', "job.json")


def test_a_trace_that_cannot_be_written_is_left_out(tmp_path: Path) -> None:
    """The disk may be what failed. A file name that is no Unicode is written with escapes."""
    write_trace(str(tmp_path), "no file \udcff")
    assert (tmp_path / TRACE).read_text(encoding="utf-8") == "no file \\udcff"
    (tmp_path / "file").touch()
    write_trace(str(tmp_path / "file"), "no folder")
