"""The tasks there are. Adding one is a class of its own and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foundation.errors import UserError, nearest
from trainables.tasks.classification import Classification
from trainables.tasks.regression import Regression
from trainables.tasks.seq2seq import Seq2Seq
from trainables.tasks.task import Task

#: Name in a search space -> class.
TASKS: dict[str, type[Task]] = {
    "seq2seq": Seq2Seq,
    "summarisation": Seq2Seq,  # a seq2seq under the name that its users know
    "classification": Classification,
    "regression": Regression,
}


def task_named(name: str) -> type[Task]:
    """The class of the task called `name`.

    Raises:
        UserError: there is none.
    """
    if name not in TASKS:
        raise UserError(f"task {name!r} is unknown", ", ".join(TASKS), nearest(name, TASKS))
    return TASKS[name]


def make_task(name: str, options: Mapping[str, Any]) -> Task:
    """The task called `name` with its options.

    Raises:
        UserError: there is no such task, or it has no such option.
    """
    return task_named(name).from_options(options)
