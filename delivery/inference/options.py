"""The options of the command line on a model: its task, `--set`, its tokenizer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from msgspec.structs import replace

from delivery.inference.settings import ModelSettings
from foundation.checked_json import plain
from foundation.errors import UserError, raise_all
from search_spaces.baseline_keys import FLAT
from search_spaces.names import Names
from search_spaces.parsing import parse_set_option
from search_spaces.resolve import resolve
from search_spaces.schema import READERS, SECTIONS, Space
from trainables.tasks.registry import TASKS, get_task_class, objectives
from trainables.training.parameter_names import RESERVED
from trainables.training.parameters import alias_meanings, parameter_kinds, split_parameters, value_problems

#: Keys of a search space that say how a file is read and scored.
_READING = (
    *(f"columns.{name}" for name in SECTIONS["columns"]),
    *("data.quoting", "data.broken_rows", "data.labels"),
    *("rouge_tokenizer", "reference_scores", "rdass_encoder"),
)
#: Keys that belong to a model: an exported folder has them.
_OF_THE_MODEL = (
    *("max_source_length", "max_target_length", "source_prefix", "source_language", "target_language"),
    *("remove_tokens", "correct_labels", "decimals", "filters.strip_whitespace"),
)
#: Keys that only a model that writes text reads, beside the options of its task.
_OF_TEXT = ("source_language", "target_language", "correct_labels", "max_target_length")


@dataclass(frozen=True)
class ModelOptions:
    """The options of `predict` and `evaluate` on a model.

    Args:
        sets: `KEY=VALUE` texts of `--set`.
        task: Of a model that kotune did not export.
        tokenizer: Hub id or folder; None: the model's own.
        trust: Run the code that comes with the model.

    Raises:
        UserError: A text of `--set` is not `KEY=VALUE`.
    """

    sets: tuple[str, ...] = ()
    task: str | None = None
    tokenizer: str | None = None
    trust: bool = False

    def __post_init__(self) -> None:
        for text in self.sets:
            parse_set_option(text)


NO_OPTIONS = ModelOptions()


def change_settings(settings: ModelSettings, options: ModelOptions) -> tuple[ModelSettings, Mapping[str, Any]]:
    """Returns the settings of an exported model with the options of the command line, and its decoding parameters.

    Raises:
        UserError: An option that an exported model does not take; all problems of `--set` at once.
    """
    if options.task is not None and get_task_class(options.task) is not get_task_class(settings.task):
        problem = f"--task {options.task}: this model was exported for {settings.task}"
        raise UserError(problem, settings.task, "leave --task out")
    if options.tokenizer is not None:
        problem = f"--tokenizer {options.tokenizer}: an exported model has its own tokenizer"
        raise UserError(problem, "a tokenizer for a model that kotune did not export", "leave --tokenizer out")
    if not options.sets:
        return settings, {}
    scoring = {name: value for name, value in settings.task_options.items() if name in _READING}
    raw = {
        "task": settings.task,
        "columns": plain(settings.columns),
        "data": {
            "quoting": settings.quoting.value,
            "broken_rows": settings.broken_rows.value,
            "labels": settings.file_labels,
        },
        **scoring,
    }
    space = resolve_options(raw, "the exported folder", options.sets, _READING)
    decoding = decoding_of(space)
    if settings.members and any(_key(text) in _READING for text in options.sets):
        problem = f"--set {', '.join(map(_key, options.sets))}: an ensemble reads a file as each of its members does"
        raise UserError(problem, "the files of its members", "leave it out, or name the columns as the members do")
    changed = replace(
        settings,
        columns=space.columns,
        quoting=space.data.quoting,
        broken_rows=space.data.broken_rows,
        file_labels=space.data.labels and dict(space.data.labels),
        task_options={**settings.task_options, **{name: plain(getattr(space, name)) for name in scoring}},
    )
    return changed, decoding


def pretrained_space(model: str, options: ModelOptions) -> Space:
    """Returns the settings of a model that kotune did not export as a search space without ranges.

    Raises:
        UserError: An unknown task, or a setting that such a model does not take; all problems at once.
    """
    raw = {
        "task": options.task,
        "model": model,
        "tokenizer": options.tokenizer,
        "trust_remote_code": options.trust,
    }
    return resolve_options(raw, f"--task {options.task}", options.sets, (*_READING, *_OF_THE_MODEL))


def resolve_options(raw: Mapping[str, Any], where: str, sets: Sequence[str], keys: Collection[str]) -> Space:
    """Returns `raw` with the texts of `--set` as a checked search space.

    Args:
        where: Names `raw` in messages.
        keys: What `--set` may change, beside decoding parameters.

    Raises:
        UserError: All problems at once.
    """
    task = str(raw["task"])
    raise_all([problem for text in sets for problem in _key_problems(text, task, keys)])
    return resolve(
        raw,
        where,
        sets=sets,
        parameter_kinds=parameter_kinds(),
        aliases=alias_meanings(),
        reserved=RESERVED,
        metrics=objectives,
        words={"task": TASKS},
        faults=value_problems,
    )


def decoding_of(space: Space) -> Mapping[str, Any]:
    """Returns the decoding parameters of a space.

    Raises:
        UserError: It has parameters of training, or the model writes no text.
    """
    settings = split_parameters(space.fixed)
    if space.fixed and (
        not get_task_class(space.task).is_generative or settings.training or settings.model or settings.extra
    ):
        allowed = "decoding parameters, such as num_beams and max_new_tokens, of a model that writes text"
        raise UserError(f"{', '.join(space.fixed)}: not an option of a trained model", allowed, "leave it out")
    return settings.generation


def _key(text: str) -> str:
    return parse_set_option(text)[0]


def _key_problems(text: str, task: str, keys: Collection[str]) -> list[UserError]:
    """Returns why a text of `--set` has no effect on a trained model; an unknown key is refused by `resolve`."""
    key = _key(text)
    allowed = f"{', '.join(keys)}, and decoding parameters"
    if key in keys:
        if not _is_of_another_task(key, task):
            return []
        return [UserError(f"--set {text} has no effect on a model for {task}", allowed, "leave it out")]
    if key in _OF_THE_MODEL:
        return [UserError(f"--set {text}: the exported model has its own {key}", allowed, "leave it out")]
    is_foreign = key in FLAT and Names(parameter_kinds(), alias_meanings(), RESERVED).canonical(key) is None
    if key in READERS or is_foreign:
        return [UserError(f"--set {text}: predict and evaluate do not read {key}", allowed, "leave it out")]
    if key in SECTIONS:
        return [UserError(f"--set {text} sets a whole section", allowed, f"write --set {key}.NAME=VALUE")]
    return []


def _is_of_another_task(key: str, task: str) -> bool:
    if task not in TASKS:
        return False  # the unknown task is refused
    own = TASKS[task]
    if key in _OF_TEXT:
        return not own.is_generative
    options = {one.name for each in TASKS.values() for one in fields(each)}
    return key in options and key not in {one.name for one in fields(own)}
