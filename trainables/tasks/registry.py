"""All tasks by name. A new task is one class and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foundation.errors import UserError, nearest
from search_spaces.checks import Objective
from trainables.tasks.classification import Classification
from trainables.tasks.regression import Regression
from trainables.tasks.seq2seq import Seq2Seq
from trainables.tasks.task import Task

#: `task:` of a search space -> class.
TASKS: dict[str, type[Task]] = {
    "seq2seq": Seq2Seq,
    "summarisation": Seq2Seq,  # aliases of seq2seq
    "summarization": Seq2Seq,
    "classification": Classification,
    "regression": Regression,
}


def get_task_class(name: str) -> type[Task]:
    """Returns the class of a task.

    Raises:
        UserError: no task has this name.
    """
    if name not in TASKS:
        raise UserError(f"task {name!r} is unknown", ", ".join(TASKS), nearest(name, TASKS) or "choose one of them")
    return TASKS[name]


def objectives(task: str) -> dict[str, Objective]:
    """Returns what a search of a task can optimise, the default metric first.

    Raises:
        UserError: no task has this name.
    """
    return {metric.name: Objective(metric.direction.value, metric.requires) for metric in get_task_class(task).metrics}


def metric_label(name: str, tokenizer: str | None) -> str:
    """Returns the name of a metric for people, with the tokenizer that its value depends on: `rouge_1 (whitespace)`."""
    metrics = (metric for task in TASKS.values() for metric in task.metrics if metric.name == name)
    return next((metric.label(tokenizer) for metric in metrics), name)


def make_task(name: str, options: Mapping[str, Any], origin: str = "task_options") -> Task:
    """Returns a task with its options, which were read from `origin`.

    Raises:
        UserError: no task has this name, or it has no such option, or none of this type.
    """
    return get_task_class(name).from_options(options, origin)
