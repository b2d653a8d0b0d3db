"""A request for a new study, and every check that is possible before anything is started or written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from corpora.splits import Splits
from delivery.results.output_paths import check_folder, check_name
from foundation.errors import UserError
from search_spaces.choices import Runner, SamplerName, SchedulerName
from search_spaces.ranges import Range, as_tuple, ends
from search_spaces.schema import Space
from trainables.models.hub import has_local_weights
from trainables.models.model_checks import base_config, check_model
from trainables.models.scratch import scratch_size
from trainables.tasks.registry import get_task_class
from trainables.training.parameters import model_variant, split_parameters
from tuning import preparation, tokenizers
from tuning.algorithms import samplers
from tuning.algorithms.optuna_storage import check_database
from tuning.algorithms.untried import possible_trials
from tuning.cluster.ray_environment import check_temporary_folder
from tuning.cluster.resources import Plan, local_machine, plan_slots
from tuning.model_fit import Fit, check_fit
from tuning.studies.epochs import check_evaluations, check_warmup, steps_as_epochs
from tuning.studies.records import TrialRecord
from tuning.studies.storage import Storage, check_writable
from tuning.studies.study import name_taken
from tuning.wandb_settings import check_mode


@dataclass(frozen=True)
class StudyRequest:
    """What `tune` or `train` was asked to do.

    Args:
        address: The Ray cluster; None starts Ray on this machine.
        resume_from: The checkpoint folder that a training continues from (`train --resume-from`).
    """

    space: Space
    name: str
    storage: Storage
    address: str | None = None
    resume_from: Path | None = None


def limit_trials(space: Space, say: Callable[[str], None], records: Iterable[TrialRecord] = ()) -> Space:
    """Returns the space with no more trials than it has configurations; says so if it has fewer.

    Args:
        records: The trials that the study has already.
    """
    possible, repeats = possible_trials(space, records), space.sampler.repeats
    if possible is None or possible >= space.budget.trials:
        return space
    each = f", {repeats} trials of each" if repeats > 1 else ""
    say(f"the space has no more configurations than {possible // repeats}{each}: {possible} trials at most")
    return replace(space, budget=replace(space.budget, trials=possible))


class Checked(NamedTuple):
    """What the checks of a request gave.

    Args:
        space: The space with its numbers of steps as epochs.
        probed: Lines on the step that was tried.
    """

    space: Space
    splits: Splits
    plan: Plan
    fit: Fit
    probed: tuple[str, ...]


def check(
    request: StudyRequest, scratch: Path, say: Callable[[str], None] = lambda text: None, *, download: bool = False
) -> Checked:
    """Returns the splits and the slots of a request that can be run.

    Args:
        scratch: An empty folder for files that are only needed by the checks.
        say: Receives one line before each step that may take long.
        download: Whether weights that are not on this machine are downloaded, to try a step.

    Raises:
        UserError: Something in the request cannot work.
    """
    space = request.space
    if not re.fullmatch(r"\w[\w.-]*", request.name):
        raise UserError(
            f"--study {request.name!r}", "letters, digits, and . _ - after the first", "choose another name"
        )
    check_name("--study", request.name)
    if request.storage.bucket:
        check_writable(request.storage)
    else:
        check_folder("--storage", request.storage.folder)
    if request.storage.is_taken(request.name):
        raise name_taken(request.storage, request.name)
    _check_runner(space)
    check_sampler(space)
    check_mode(space)
    check_database(space, new=True)
    check_configs(space)
    tokenizers.tokenizer_variants(space)
    if space.data.embedded:
        space = preparation.with_samples(space, scratch)
    elif not space.data.train:
        raise UserError("no training data", "--train FILE", "give --train, or no file at all for the embedded sample")
    splits = preparation.read(space)
    space = steps_as_epochs(space, len(splits.train.rows), say)
    check_evaluations(space)
    check_warmup(space, len(splits.train.rows))
    task = preparation.learn(space, splits)
    plan = plan_for(space, request.address, None if request.storage.bucket else request.storage.folder, say)
    if not plan.shape.gpus and split_parameters(space.fixed).training.get("fp16"):
        say("fp16 needs a GPU; here trials compute in 32 bit")
    # Last, because a hub id needs the network.
    may_be_hub_id = re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", space.model) and not os.path.exists(space.model)
    if may_be_hub_id:
        say(f"asking the hub for {space.model}")
    trust = space.trust_remote_code
    variants = map(model_variant, _configs(space))
    check_model(
        space.model, space.architecture, task, variants, space.max_source_length, _longest_target(space), trust=trust
    )
    fit = check_fit(space, task, splits, _configs(space))
    # The data as they were named: the files of an embedded sample are in `scratch`.
    converted = replace(space, data=request.space.data, columns=request.space.columns)
    fit = replace(fit, remarks=[*fit.remarks, *_precision_remarks(space, plan)])
    if not download and scratch_size(space.model) is None and not has_local_weights(space.model):
        remark = f"no step was tried: the weights of {space.model} are not on this machine"
        return Checked(converted, splits, plan, fit, (remark,))
    from tuning.probe import probe

    return Checked(converted, splits, plan, fit, probe(space, task, splits, scratch).lines)


def _precision_remarks(space: Space, plan: Plan) -> list[str]:
    """Returns a line for a model that cannot compute in the precision that some GPUs would take."""
    from trainables.training.arguments import overflows_in_fp16

    model_type = base_config(space.model, space.architecture, trust=space.trust_remote_code).model_type
    is_chosen = {"fp16", "bf16"} & {*split_parameters(space.fixed).training, *space.search}
    if not plan.shape.gpus or is_chosen or not overflows_in_fp16(model_type):
        return []
    return [f"the activations of a {model_type} overflow in fp16: on a GPU without bf16, trials compute in 32 bit"]


def check_sampler(space: Space) -> None:
    """Checks that the sampler can learn from trials that the scheduler stops.

    Raises:
        UserError: it learns from completed trials only, so that the search would be random.
    """
    scheduler = space.scheduler.name
    if space.sampler.name is SamplerName.GP and scheduler is not SchedulerName.NONE:
        problem = f"sampler gp learns from completed trials only, and {scheduler} stops most of them early"
        allowed = "sampler tpe or cmaes, which learn from stopped trials as well; or gp with scheduler none"
        raise UserError(problem, allowed, "--set sampler=tpe, or --set scheduler=none")


def _check_runner(space: Space) -> None:
    """Checks that a study without Ray has one configuration only."""
    if space.runner is Runner.LOCAL and (space.search or space.budget.trials != 1):
        problem = f"runner local with {len(space.search)} searched parameters and {space.budget.trials} trials"
        raise UserError(problem, "one trial of one configuration", "kotune train SPACE, or --set runner=ray")


def _longest_target(space: Space) -> int:
    """Returns the largest number of tokens that a target or a generated text may have; 0 if there are none."""
    if not get_task_class(space.task).is_generative:
        return 0
    lengths = [space.max_target_length]
    for name in ("max_new_tokens", "max_length"):
        searched = space.search.get(name)
        values = [space.fixed.get(name)] if searched is None else ends(searched)
        lengths += [int(value) for value in values if value is not None]
    return max(lengths)


def check_configs(space: Space) -> None:
    """Builds the training arguments of the recipe default and of both ends of every range.

    Raises:
        UserError: A configuration that the search could propose cannot be trained.
    """
    from trainables.training.arguments import check_config

    if space.fixed.get("adafactor_own_rate") and "learning_rate" in space.search:
        problem = "learning_rate is searched beside adafactor_own_rate, which leaves it without effect"
        raise UserError(problem, "one of the two", "--set adafactor_own_rate=false, or --set learning_rate=1e-3")
    task = get_task_class(space.task)
    for config in _configs(space):
        check_config(config, task)


def _configs(space: Space) -> list[dict[str, Any]]:
    """Returns the recipe default, and variants of it with one parameter at an end of its range.

    A conditional parameter is combined with values that fulfil its condition.
    """
    pins: list[dict[str, Any]] = [{}]
    for name, searched in space.search.items():
        pins += [{**_fulfilling(space, searched), name: value} for value in ends(searched)]
    return [{**space.fixed, **samplers.defaults(space.search, pinned)} for pinned in pins]


def _fulfilling(space: Space, conditional: Range) -> dict[str, Any]:
    """Returns values that fulfil the condition of a parameter, and those of its parents."""
    pins: dict[str, Any] = {}
    for parent, values in (conditional.when or {}).items():
        pins |= {**_fulfilling(space, space.search[parent]), parent: as_tuple(values)[0]}
    return pins


def plan_for(space: Space, address: str | None, shared: Path | None, say: Callable[[str], None]) -> Plan:
    """Returns the slots of a study on this machine, or on the cluster at `address`.

    Args:
        shared: A folder that all machines must see.

    Raises:
        UserError: No cluster answers, one trial needs more than there can be, or a machine does not see the folder.
    """
    if address is None:
        if space.runner is Runner.RAY:
            check_temporary_folder()
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
