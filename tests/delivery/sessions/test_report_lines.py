"""The last lines of a sitting, which a person types from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from delivery.sessions.report_lines import last_lines
from foundation.statuses import SessionEnd
from tests.tuning.studies.test_study import SPACE
from tuning.studies.study import Study

_NOTHING: dict[str, Any] = {
    "trials": {"total": 0, "completed": 0, "pruned": 0, "failed": 0, "unfinished": 0},
    "best": None,
    "failures": [],
    "metric": "rouge_sum",
    "rouge_tokenizer": "whitespace",
    "wall_seconds": 1.0,
}


@pytest.mark.parametrize(("address", "option"), [("auto", " --address auto"), (None, "")])
def test_an_interrupted_study_goes_on_where_it_was(tmp_path: Path, address: str | None, option: str) -> None:
    """The command finds the storage from any folder, and the cluster; a finished study has none."""
    study = Study.create(SPACE, tmp_path / "my runs", "mine")
    told = last_lines(study, _NOTHING, None, SessionEnd.INTERRUPTED, address)
    assert told[-1] == f"resume   python cli.py resume mine --storage '{tmp_path}/my runs'{option}"
    assert not any(line.startswith("resume") for line in last_lines(study, _NOTHING, None, SessionEnd.DONE, address))
