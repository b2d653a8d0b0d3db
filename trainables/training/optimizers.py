"""Optimizers that `Trainer` does not offer, arguments of its schedulers, and what to do on divergence."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from transformers import Seq2SeqTrainingArguments, Trainer, get_scheduler
from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION, Adafactor, AdafactorSchedule, GreedyLR
from transformers.trainer_utils import SchedulerType

from trainables.models.freezing import layer_depths

#: Schedulers that take any arguments -> what these go to.
_WITH_ANY_ARGUMENTS = {SchedulerType.REDUCE_ON_PLATEAU: torch.optim.lr_scheduler.ReduceLROnPlateau}

#: The number of steps of a schedule that is checked.
_STEPS = 10

#: Options of torch's optimizers for some parameters: `params`, `lr`, `weight_decay`.
ParameterGroup = dict[str, Any]


def make(model: Any, arguments: Any, extra: Mapping[str, Any]) -> torch.optim.Optimizer | None:
    """Returns the optimizer for the extra parameters of a trial; None if `Trainer` makes it.

    `layerwise_lr_decay` d multiplies the learning rate of a parameter by d for every layer between it and the head
    (Howard & Ruder 2018, https://aclanthology.org/P18-1031). `adafactor_own_rate` lets Adafactor choose its step
    relative to the size of the weights (Shazeer & Stern 2018, https://arxiv.org/abs/1804.04235).
    """
    decay, own_rate = extra.get("layerwise_lr_decay") or 1.0, extra.get("adafactor_own_rate")
    if own_rate:
        groups = parameter_groups(model, arguments.weight_decay, None, 1.0)
        adafactor: torch.optim.Optimizer = Adafactor(
            groups, lr=None, scale_parameter=True, relative_step=True, warmup_init=True
        )
        return adafactor
    if decay == 1.0:
        return None
    kind, settings = Trainer.get_optimizer_cls_and_kwargs(arguments, model)
    optimizer: torch.optim.Optimizer = kind(
        parameter_groups(model, arguments.weight_decay, arguments.learning_rate, float(decay)), **settings
    )
    return optimizer


def check(arguments: Seq2SeqTrainingArguments, extra: Mapping[str, Any]) -> None:
    """Makes the optimizer and the learning rate scheduler of a trial, for a model with two weights.

    Raises:
        Exception: what the library raises for values that it cannot use, or for a package that is not installed.
    """
    if arguments.optim_target_modules is not None:
        return  # the optimizer looks for these modules in the model of the trial
    model = torch.nn.Linear(1, 1)
    optimizer = make(model, arguments, extra)
    if optimizer is None:
        kind, settings = Trainer.get_optimizer_cls_and_kwargs(arguments, model)  # type: ignore[arg-type]
        parameters: Any = parameter_groups(model, arguments.weight_decay, None, 1.0)
        for name in ("params", "model", "optimizer_dict"):  # as `Trainer.create_optimizer`
            parameters = settings.pop(name, parameters)
        optimizer = kind(parameters, **settings)
    if extra.get("adafactor_own_rate"):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the optimizer makes no steps
        schedule = get_scheduler(
            arguments.lr_scheduler_type,
            optimizer=optimizer,
            num_warmup_steps=arguments.get_warmup_steps(_STEPS),
            num_training_steps=_STEPS,
            scheduler_specific_kwargs=arguments.lr_scheduler_kwargs,  # type: ignore[arg-type]  # parsed by now
        )
        needs_metric = isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau | GreedyLR)
        for _ in range(_STEPS):
            schedule.step(*([1.0] if needs_metric else []))


def parameter_groups(
    model: torch.nn.Module, weight_decay: float, learning_rate: float | None, layer_decay: float
) -> list[ParameterGroup]:
    """Groups the trained parameters by learning rate and weight decay: matrices decay, biases and norms do not."""
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    groups: dict[tuple[int, bool], ParameterGroup] = {}
    for name, (depth, top) in layer_depths(list(named)).items():
        decays = named[name].ndim > 1
        group = groups.setdefault((top - depth, decays), {"params": [], "weight_decay": weight_decay * decays})
        if learning_rate is not None:
            group["lr"] = learning_rate * layer_decay ** (top - depth)
        group["params"].append(named[name])
    return [groups[key] for key in sorted(groups)]


def adafactor_schedule(optimizer: torch.optim.Optimizer) -> Any:
    """Returns a learning rate scheduler that shows Adafactor's own rate."""
    return AdafactorSchedule(optimizer)


def divergence(event: str, arguments: Any, extra: Mapping[str, Any]) -> str:
    """Returns why a trial whose loss is no number failed, and what to lower.

    Args:
        event: what is no number, and when, such as `training loss is nan at step 20`.
    """
    if extra.get("adafactor_own_rate"):
        rate, remedies = "Adafactor's own learning rate", ["use optim=adamw_torch with a low learning_rate"]
    else:
        rate = f"learning_rate {arguments.learning_rate:g}"
        remedies = ["lower learning_rate, or the upper end of its range"]
    if arguments.max_grad_norm == 0 or arguments.max_grad_norm > 1:
        remedies.append("lower max_grad_norm to 1")
    if not arguments.warmup_steps:
        remedies.append("warm up (warmup_steps=0.1)")
    if arguments.fp16:
        remedies.append("set fp16=false, because 16 bit overflows at 65,504")
    return f"{event} with {rate}: {'; or '.join(remedies)}"


def scheduler_arguments(scheduler: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns `arguments` without those of other schedulers.

    A search may compare schedulers, and all trials have the same fixed arguments. Names that no scheduler has stay, so
    that they are refused.
    """
    own = _argument_names().get(SchedulerType(scheduler), frozenset())
    others = frozenset[str]().union(*_argument_names().values()) - own
    return {name: value for name, value in arguments.items() if name not in others}


@cache
def _argument_names() -> Mapping[SchedulerType, frozenset[str]]:
    functions: Mapping[SchedulerType, Any] = {**TYPE_TO_SCHEDULER_FUNCTION, **_WITH_ANY_ARGUMENTS}
    return {kind: frozenset(inspect.signature(function).parameters) for kind, function in functions.items()}
