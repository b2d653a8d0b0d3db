"""Every choice that a user can make has an implementation, and is saved and read back as plain text."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import pytest
import yaml

import search_spaces
from search_spaces.choices import (
    BrokenRows,
    ClassWeights,
    Direction,
    Quoting,
    RegressionLoss,
    RougeTokenizer,
    SamplerName,
    SchedulerName,
    TokenizerKind,
    Tracking,
    WandbMode,
    options_text,
)
from search_spaces.draft import from_dict
from search_spaces.schema import READERS, Space
from trainables.models.scratch import ARCHITECTURES
from trainables.tasks.classification import WEIGHT_EXPONENTS
from trainables.tasks.registry import TASKS
from trainables.tasks.regression import LOSSES
from trainables.text.rouge_tokenizers import TOKENIZERS
from trainables.training.parameter_names import EXTRA_WORDS
from tuning.algorithms.samplers import SAMPLERS
from tuning.algorithms.schedulers import SCHEDULERS, make_scheduler

KEYS: dict[str, type[StrEnum]] = {
    "scheduler.name": SchedulerName,
    "sampler.name": SamplerName,
    "tracking": Tracking,
    "wandb.mode": WandbMode,
    "data.quoting": Quoting,
    "data.broken_rows": BrokenRows,
    "mode": Direction,
    "rouge_tokenizer": RougeTokenizer,
}

#: A comment of a search space file that lists options, with the keys around it.
LISTING = re.compile(r"^ *(\w+): \S+ +# (.*\|.*)$")


@pytest.mark.parametrize("path", sorted(Path(search_spaces.__file__).parent.glob("*.yaml")), ids=lambda path: path.stem)
def test_comments_list_every_option(path: Path) -> None:
    """A comment `# a | b | c` names exactly the options of its key, in words between bars or parentheses."""
    options = {**KEYS, "tokenizer_kind": TokenizerKind, "regression_loss": RegressionLoss}
    section = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line[:1].isalpha():
            section = line.split(":")[0]
        if (match := LISTING.match(line)) and match[1] != "model":  # any model may be named
            key, text = match.groups()
            names = re.findall(r"(?:^|\| |: )(\w+)(?= \||$|;| \()", text)
            enum = options.get(f"{section}.{key}") or options[key]
            assert set(names) == set(enum), line


@pytest.mark.parametrize(
    ("options", "table"),
    [
        (SamplerName, SAMPLERS),
        (SchedulerName, SCHEDULERS),
        (RougeTokenizer, TOKENIZERS),
        (ClassWeights, WEIGHT_EXPONENTS),
        (RegressionLoss, LOSSES),
        (TokenizerKind, {kind for architecture in ARCHITECTURES.values() for kind in architecture.kinds}),
        (ClassWeights, EXTRA_WORDS["class_weights"]),
        (RegressionLoss, EXTRA_WORDS["regression_loss"]),
        (TokenizerKind, EXTRA_WORDS["tokenizer_kind"]),
    ],
)
def test_every_option_has_an_entry(options: type[StrEnum], table: Collection[str]) -> None:
    """And no table has an entry that cannot be chosen."""
    assert set(table) == set(options)


def test_every_scheduler_is_a_different_one() -> None:
    """No name falls through to the scheduler of another."""
    space = Space(mode=Direction.MAX)
    schedulers = {
        type(make_scheduler(replace(space, scheduler=replace(space.scheduler, name=name)), 3.0).inner)
        for name in SchedulerName
    }
    assert len(schedulers) == len(SchedulerName)


@pytest.mark.parametrize(("key", "option"), [(key, option) for key, options in KEYS.items() for option in options])
def test_an_option_is_saved_as_text_and_read_back(key: str, option: StrEnum) -> None:
    """`study.yaml` is written by PyYAML, which refuses enums; the space that is read has the enum again."""
    value = READERS[key].read(option.value)
    assert value is option
    section, _, name = key.rpartition(".")
    space = Space()
    changed = replace(getattr(space, section), **{name: value}) if section else value
    space = replace(space, **{section or name: changed})
    assert from_dict(yaml.safe_load(yaml.safe_dump(space.to_dict())), "study.yaml") == space


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", ["", "nothing of the kind", 1, True, ["auto"], {}])
def test_anything_else_is_refused(key: str, value: object) -> None:
    """With the values of the enum as what is allowed."""
    with pytest.raises(ValueError):  # noqa: PT011  the caller adds the message
        READERS[key].read(value)
    allowed = re.sub(r" \(with [^)]*\)", "", READERS[key].allowed)
    assert allowed.removesuffix(", or null") == ", ".join(KEYS[key])


def test_an_option_reads_as_its_text() -> None:
    """In a message with `!r`, in an f-string, and in a tuple that is hashed."""
    assert f"{Quoting.CSV!r} {Quoting.CSV} {(Quoting.CSV, 3)!r}" == "'csv' csv ('csv', 3)"


def test_options_are_listed_with_what_they_need() -> None:
    """As the tables and the checks have it that refuse them elsewhere."""
    assert options_text(SchedulerName) == "asha, median, none"
    assert READERS["sampler.name"].allowed == (
        "tpe, random, cmaes, gp (with scheduler none), grid (with whole numbers and choices only)"
    )
    assert READERS["runner"].allowed == "ray, local (with one configuration)"
    for name, options in (("class_weights", ClassWeights), ("regression_loss", RegressionLoss)):
        classes = {*TASKS.values()}
        (everywhere,) = {task.ignored_parameters[name] for task in classes if name in task.ignored_parameters}
        (task,) = (task.name for task in classes if name not in task.ignored_parameters)
        needs = {option: "" if option == everywhere else f"task {task}" for option in options}
        assert {option: option.needs for option in options} == needs
    trained = {name: architecture.kinds for name, architecture in ARCHITECTURES.items() if architecture.kinds}
    for kind in TokenizerKind:
        names = [name for name, kinds in trained.items() if kind in kinds]
        assert kind.needs == ("" if len(names) == len(trained) else f"architecture {' or '.join(names)}")
