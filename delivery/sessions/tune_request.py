"""Everything that can be found wrong before anything is started or written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpora.samples.registry import SAMPLES
from corpora.splits import Splits
from delivery.results.output_paths import check_folder, check_name
from foundation.errors import UserError
from search_spaces import baseline_configs
from search_spaces.ranges import Range, as_tuple, ends
from search_spaces.resolve import load_space, resolve
from search_spaces.schema import Space
from search_spaces.values import load_yaml
from trainables.models.hub import load_tokenizer
from trainables.models.model_checks import check_model
from trainables.models.scratch import ARCHITECTURES, get_architecture, scratch_size
from trainables.tasks.registry import TASKS, get_task_class
from trainables.training.parameters import (
    alias_meanings,
    model_variant,
    parameter_kinds,
    split_parameters,
    value_problems,
)
from tuning import preparation, tokenizers
from tuning.algorithms import samplers
from tuning.algorithms.optuna_storage import check_database
from tuning.cluster.resources import Plan, local_machine, plan_slots
from tuning.studies.storage import Storage, check_writable
from tuning.studies.study import name_taken

_SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class TuneRequest:
    """What `tune` was asked for."""

    space: Space
    name: str
    storage: Storage
    address: str | None


def resolve_space(
    name: str,
    options: dict[str, Any],
    sets: Sequence[str],
    ranges: Sequence[str],
    config: Path | None,
    say: Callable[[str], None] = lambda text: None,
    *,
    sample: bool = True,
) -> Space:
    """The checked space; without any data file its embedded sample stands in.

    Args:
        sample: False: no data is needed, so the space stays what it is without any.
        say: is told what became of every key of another program's configuration file.

    Raises:
        UserError: every mistake at once.
    """
    raw, where = load_space(name)
    laid_over = None
    if config is not None:
        if not os.path.isfile(config):
            what = "it is a folder" if os.path.isdir(config) else "there is no such file"
            raise UserError(f"--config {config}: {what}", "a YAML file", "check the path")
        laid_over = load_yaml(config.read_bytes(), str(config)) or {}
        if not isinstance(laid_over, dict):
            raise UserError(
                f"--config {config} is no mapping", "lines KEY: VALUE", "start with a line such as model: …"
            )
        if baseline_configs.is_baseline(laid_over):
            laid_over = _translated(laid_over, str(config), raw, options, say)
    sources = [source.get("data") for source in (raw, laid_over or {})]
    given = any(source.get(split) for source in sources if isinstance(source, dict) for split in _SPLITS)
    given = given or _names_files(options)
    given = given or any(text.startswith(tuple(f"data.{split}=" for split in _SPLITS)) for text in sets)

    def resolved() -> Space:
        return resolve(
            raw,
            where,
            embedded=sample and not given,
            config=laid_over,
            config_where=str(config),
            sets=sets,
            ranges=ranges,
            options=options,
            parameter_kinds=parameter_kinds(),
            aliases=alias_meanings(),
            metrics=directions_of,
            words={"task": TASKS, "sample": SAMPLES, "architecture": ARCHITECTURES},
            faults=value_problems,
        )

    space = resolved()
    if _trains_a_tokenizer(space):
        return space
    _leave_the_tokenizer(raw)
    return resolved()


def _trains_a_tokenizer(space: Space) -> bool:
    if space.tokenizer or scratch_size(space.model) is None:
        return False
    return get_architecture(space.architecture).tokenizer is None


def _leave_the_tokenizer(raw: dict[str, Any]) -> None:
    """A space that trains its own tokenizer says what it shall be like; one that is given is as it is.

    What the command line says of it stays, and is refused.
    """
    parts = [part for part in (raw, raw.get("embedded")) if isinstance(part, dict)]
    rooms = [part.get(name) for part in parts for name in ("fixed", "search")]
    for room in (found for found in rooms if isinstance(found, dict)):
        for name in tokenizers.TOKENIZER_PARAMETERS:
            room.pop(name, None)


def _translated(
    mapping: dict[str, Any], where: str, raw: dict[str, Any], options: dict[str, Any], say: Callable[[str], None]
) -> dict[str, Any]:
    """Another program's file in kotune's own form; files named on the command line take the place of all of its."""
    searched = [*(raw.get("search") or {})]
    found, keys = baseline_configs.translate(mapping, where, searched, parameter_kinds())
    for line in baseline_configs.format_lines(keys):
        say(line)
    if _names_files(options):
        found.pop("data", None)
    defaults = found.pop("defaults", {})
    return {**found, "search": {name: {"default": value} for name, value in defaults.items()}}


def _names_files(options: dict[str, Any]) -> bool:
    return any(options.get(f"data.{split}") for split in _SPLITS)


def directions_of(task: str) -> dict[str, str]:
    """The metrics of a task and their directions, the usual one first.

    Raises:
        UserError: there is no such task.
    """
    return get_task_class(task).directions()


def check(order: TuneRequest, scratch: Path, say: Callable[[str], None] = lambda text: None) -> tuple[Splits, Plan]:
    """The splits and the slots of an order that can be carried out.

    Args:
        scratch: an empty folder for what is only looked at.
        say: is told before something that may take long.

    Raises:
        UserError: something in it cannot work.
    """
    space = order.space
    if not re.fullmatch(r"\w[\w.-]*", order.name):
        raise UserError(f"--study {order.name!r}", "letters, digits, and . _ - after the first", "choose another name")
    check_name("--study", order.name)
    if order.storage.bucket:
        check_writable(order.storage)
    else:
        check_folder("--storage", order.storage.folder)
    if order.storage.is_taken(order.name):
        raise name_taken(order.storage, order.name)
    check_database(space, new=True)
    check_configs(space)
    tokenizers.tokenizer_variants(space)
    if space.data.embedded:
        space = preparation.with_samples(space, scratch)
    elif not space.data.train:
        raise UserError("no training data", "--train FILE", "give --train, or no file at all for the embedded sample")
    splits = preparation.read(space)
    task = preparation.learn(space, splits)
    plan = plan_for(space, order.address, None if order.storage.bucket else order.storage.folder, say)
    if not plan.shape.gpus and split_parameters(space.fixed).training.get("fp16"):
        say("fp16 needs a GPU; here trials compute in 32 bit")
    # Last, since a hub id asks the network.
    may_be_hub_id = re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", space.model) and not os.path.exists(space.model)
    if may_be_hub_id:
        say(f"asking the hub for {space.model}")
    trust = space.trust_remote_code
    check_model(
        space.model, space.architecture, task, map(model_variant, _configs(space)), _longest(space), trust=trust
    )
    if space.tokenizer or scratch_size(space.model) is None:
        load_tokenizer(space.tokenizer or space.model, is_generative=task.is_generative, trust=trust)
    return splits, plan


def _longest(space: Space) -> int:
    """The most tokens that a source, a target or a generated text may have."""
    is_generative = get_task_class(space.task).is_generative
    lengths = [space.max_source_length, space.max_target_length if is_generative else 0]
    for name in ("max_new_tokens", "max_length") if is_generative else ():
        found = space.search.get(name)
        values = [space.fixed.get(name)] if found is None else ends(found)
        lengths += [int(value) for value in values if value is not None]
    return max(lengths)


def check_configs(space: Space) -> None:
    """Build what trials are made of: the recipe default and, parameter by parameter, the ends of every range.

    Raises:
        UserError: a configuration that the search could propose cannot be trained.
    """
    from trainables.training.arguments import check_config

    if space.fixed.get("adafactor_own_rate") and "learning_rate" in space.search:
        given = "learning_rate is searched beside adafactor_own_rate, which leaves it without effect"
        raise UserError(given, "one of the two", "--set adafactor_own_rate=false, or --set learning_rate=1e-3")
    task = get_task_class(space.task)
    for config in _configs(space):
        check_config(config, task)


def _configs(space: Space) -> list[dict[str, Any]]:
    """The recipe default, and it with one parameter after the other at the ends of its range.

    One that exists only beside other values is looked at beside those.
    """
    pins: list[dict[str, Any]] = [{}]
    for name, found in space.search.items():
        pins += [{**_fulfilling(space, found), name: value} for value in ends(found)]
    return [{**space.fixed, **samplers.defaults(space.search, pinned)} for pinned in pins]


def _fulfilling(space: Space, found: Range) -> dict[str, Any]:
    """Values beside which a parameter exists."""
    pins: dict[str, Any] = {}
    for parent, wanted in (found.when or {}).items():
        pins |= {**_fulfilling(space, space.search[parent]), parent: as_tuple(wanted)[0]}
    return pins


def plan_for(space: Space, address: str | None, shared: Path | None, say: Callable[[str], None]) -> Plan:
    """The slots of a study on this machine, or on the cluster at `address`.

    Args:
        shared: a folder that all machines must see.

    Raises:
        UserError: no cluster answers, or one trial needs more than there can be, or a machine does not see the folder.
    """
    if address is None:
        return plan_slots(space, [local_machine()])
    from tuning.cluster.connection import connect
    from tuning.cluster.fleet import machine_types
    from tuning.cluster.shared_folder import machines_without_folder

    plan = plan_slots(space, connect(address), machine_types())
    if shared is not None and (blind := machines_without_folder(shared.resolve(), say)):
        raise UserError(
            f"--storage {shared} is not seen by {', '.join(blind)}",
            "a folder that all machines of the cluster see at the same path, or a bucket: s3://…, gs://…",
            "mount it there, or name another",
        )
    return plan
