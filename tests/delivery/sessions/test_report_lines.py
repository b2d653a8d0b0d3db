"""The last lines of a sitting, which a person types from."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.sessions.report_lines import last_lines
from foundation.statuses import SessionEnd
from tests.delivery.results.summaries import a_summary
from tests.tuning.studies.studies import SPACE
from tuning.studies.study import Study


@pytest.mark.parametrize(("address", "option"), [("auto", " --address auto"), (None, "")])
def test_an_interrupted_study_goes_on_where_it_was(tmp_path: Path, address: str | None, option: str) -> None:
    """The command finds the storage from any folder, and the cluster; a finished study has none."""
    study = Study.create(SPACE, tmp_path / "my runs", "mine")
    lines = last_lines(study, a_summary(), None, SessionEnd.INTERRUPTED, address)
    assert lines[-1] == f"resume   python cli.py resume mine --storage '{tmp_path}/my runs'{option}"
    finished = last_lines(study, a_summary(), None, SessionEnd.DONE, address)
    assert not any(line.startswith("resume") for line in finished)
