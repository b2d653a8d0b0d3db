"""The table of all studies in a storage, as `status` without a name prints it."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from delivery.sessions.status import StudyStatus, status_lines, study_status
from foundation.errors import COMMAND, UserError
from foundation.formatting import age_text, score_text
from foundation.secrets import redact
from tuning.studies.storage import Storage

#: Columns of a file or a pipe, which has no width of its own.
_WIDTH = 200


@dataclass(frozen=True)
class DamagedStudy:
    """A study that cannot be read, and why."""

    study: str
    storage: str
    problem: str
    state: str = "damaged"

    def to_dict(self) -> dict[str, Any]:
        """Returns what `status --json` prints."""
        return asdict(self)


def describe(name: str | None, storage: Storage) -> tuple[Any, list[str]]:
    """Returns what `status` prints, ready for JSON and as lines: of one study, or of all studies if `name` is None.

    Raises:
        UserError: There is no such study, or no such storage.
    """
    if name is not None:
        status = study_status(name, storage)
        return status.to_dict(), status_lines(status)
    studies = list_studies(storage)
    return [study.to_dict() for study in studies], table_lines(storage, studies)


def list_studies(storage: Storage) -> list[StudyStatus | DamagedStudy]:
    """Returns the status of every study in the storage, by name. A damaged one does not hide the others.

    Raises:
        UserError: There is no such folder.
    """
    if not storage.bucket and not os.path.isdir(storage.folder):
        problem = f"--storage {storage}: there is no such folder"
        raise UserError(problem, "a folder of studies, s3://BUCKET/… or gs://BUCKET/…", f"{COMMAND} tune starts one")
    return [_status(name, storage) for name in storage.names()]


def _status(name: str, storage: Storage) -> StudyStatus | DamagedStudy:
    try:
        return study_status(name, storage)
    except UserError as error:
        return DamagedStudy(name, str(storage), redact(error.problem))


def table_lines(storage: Storage, studies: Sequence[StudyStatus | DamagedStudy]) -> list[str]:
    """Returns a table with one row for each study, and the problems of damaged ones."""
    if not studies:
        return [f"no studies in {storage}; {COMMAND} tune starts one"]
    columns = ("study", "space", "state", "trials", "best on dev", "age")
    table = Table(*(Column(name, overflow="fold", no_wrap=name in ("study", "age")) for name in columns))
    for study in studies:
        table.add_row(*map(Text, _cells(study)))
    text = io.StringIO()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
    Console(file=text, width=width).print(table)
    problems = [f"{study.study}: {study.problem}" for study in studies if isinstance(study, DamagedStudy)]
    return [*text.getvalue().splitlines(), *problems]


def _cells(study: StudyStatus | DamagedStudy) -> list[str]:
    if isinstance(study, DamagedStudy):
        return [study.study, "", study.state, "", "", ""]
    best = f"{study.metric} {score_text(study.best.value)}" if study.best else ""
    trials, age = f"{study.begun} of {study.budget}", "" if study.age is None else age_text(study.age)
    return [study.study, study.space, study.state, trials, best, age]
