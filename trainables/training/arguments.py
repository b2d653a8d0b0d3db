"""Training arguments of a trial: precision, scheduler defaults, and the checks that need no model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, Seq2SeqTrainingArguments
from transformers.trainer_utils import SchedulerType
from transformers.training_args import OptimizerNames

from foundation.errors import UserError, first_line, raise_all
from search_spaces.choices import Direction
from trainables.models.transformers_internals import use_one_gpu
from trainables.tasks.task import Task
from trainables.text.decoding import check_decoding, check_lengths, decoding_config
from trainables.training import optimizers
from trainables.training.optimizers import scheduler_arguments
from trainables.training.parameters import Settings, split_parameters, value_problems

#: Optimizer steps between two logged losses; many trials have fewer steps than transformers' default of 500.
_LOGGING_STEPS = 10

#: Model types whose activations exceed the largest number of fp16 (65,504), so that the loss becomes NaN: they were
#: trained in bf16 (https://github.com/huggingface/transformers/issues/9295 for T5, /issues/11461 for Pegasus).
_OVERFLOWING = frozenset({"t5", "mt5", "umt5", "longt5", "switch_transformers", "pegasus", "pegasus_x"})

#: torch's default patience of ten evaluations is longer than most trials.
_PLATEAU = {"patience": 1, "factor": 0.5}


def check_config(config: Mapping[str, Any], task: type[Task]) -> None:
    """Checks a configuration by building everything it is turned into, except the model.

    Raises:
        UserError: a value cannot be used, or has no effect in `task`.
    """
    raise_all(value_problems(config))
    settings = split_parameters(config)
    _check_own_rate(settings)
    if settings.generation and not task.is_generative:
        raise UserError(
            f"{', '.join(settings.generation)}: the task {task.name} generates no text",
            "parameters of training, and model.FIELD",
            "remove it from the space",
        )
    ignored = [name for name, default in task.ignored_parameters.items() if settings.value(name) not in (None, default)]
    if ignored:
        problem = f"{', '.join(ignored)}: no effect in the task {task.name}"
        raise UserError(problem, "parameters that change a trial", f"remove {ignored[0]}")
    try:
        arguments = build_arguments(config, folder=Path("unused"), seed=0, metric="loss", mode=Direction.MIN)
    except Exception as error:
        problem = f"transformers refuses these values: {first_line(error)}"
        raise UserError(problem, "values of Seq2SeqTrainingArguments", "change the value that it names") from error
    if task.is_generative:
        _check_decoding(settings.generation)
        check_lengths(decoding_config(GenerationConfig(), settings.generation))
    try:
        optimizers.check(arguments, settings.extra)
    except Exception as error:
        optim, schedule = (OptimizerNames(arguments.optim), SchedulerType(arguments.lr_scheduler_type))
        chosen = f"optim {optim.value} with lr_scheduler_type {schedule.value}"
        todo = "install what the message names, or change optim, lr_scheduler_type or their options"
        allowed = "an optimizer and a scheduler whose libraries are installed"
        raise UserError(f"{chosen} cannot be used: {first_line(error)}", allowed, todo) from error


def _check_decoding(decoding: Mapping[str, Any]) -> None:
    try:
        check_decoding(decoding)
    except UserError as error:
        without = {name: {key: value for key, value in decoding.items() if key != name} for name in decoding}
        wrong = ", ".join(f"{name}={decoding[name]!r}" for name in decoding if _can_decode(without[name]))
        problem = f"transformers refuses {wrong or 'these decoding parameters'}: {error.problem}"
        raise UserError(problem, "values that generate() takes", "change or remove it") from error


def _can_decode(decoding: Mapping[str, Any]) -> bool:
    try:
        check_decoding(decoding)
    except UserError:
        return False
    return True


def _check_own_rate(settings: Settings) -> None:
    """Adafactor's own learning rate excludes any other one."""
    if not settings.extra.get("adafactor_own_rate"):
        return
    optim, decay = settings.training.get("optim"), settings.extra.get("layerwise_lr_decay") or 1.0
    if optim != "adafactor":
        problem = f"adafactor_own_rate with optim {optim or 'adamw_torch'}"
        raise UserError(problem, "optim: adafactor", "--set optim=adafactor, or remove adafactor_own_rate")
    if decay != 1.0:
        problem = f"adafactor_own_rate with layerwise_lr_decay {decay:g}"
        raise UserError(problem, "one of the two: Adafactor chooses the rate", "remove layerwise_lr_decay")


def overflows_in_fp16(model_type: str) -> bool:
    """Returns whether models of this type compute in 32 bit on GPUs without bf16."""
    return model_type in _OVERFLOWING


def choose_precision(training: Mapping[str, Any], device: torch.device, model_type: str = "") -> dict[str, bool]:
    """Returns the flags `bf16` and `fp16`: as configured, otherwise the fastest precision that device and model have.

    A CPU trains in 32 bit, or in bf16 if it is configured. It has no fp16: there, a configuration written for a GPU
    trains in 32 bit.
    """
    if device.type != "cuda":
        return {"bf16": bool(training.get("bf16", False)), "fp16": False}
    if "bf16" in training or "fp16" in training:
        return {name: bool(training.get(name, False)) for name in ("bf16", "fp16")}
    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)  # older GPUs emulate it, slowly
    return {"bf16": has_bf16, "fp16": not has_bf16 and not overflows_in_fp16(model_type)}


def build_arguments(
    config: Mapping[str, Any],
    *,
    folder: Path,
    seed: int,
    metric: str,
    mode: str,
    model_type: str = "",
    on_cpu: bool = False,
) -> Seq2SeqTrainingArguments:
    """Returns the training arguments of a trial. Everything that the search itself decides is set here only.

    Args:
        model_type: of the model's configuration, which decides the precision; empty if there is no model yet.
        on_cpu: whether a GPU is left alone.
    """
    training = dict(split_parameters(config).training)
    scheduler = str(training.get("lr_scheduler_type") or "linear")
    if options := training.get("lr_scheduler_kwargs"):
        training["lr_scheduler_kwargs"] = scheduler_arguments(scheduler, options)
    if scheduler == "reduce_lr_on_plateau":
        # torch's `mode` does not know the objective.
        training["lr_scheduler_kwargs"] = {**_PLATEAU, "mode": mode, **(training.get("lr_scheduler_kwargs") or {})}
    device = torch.device("cuda" if torch.cuda.is_available() and not on_cpu else "cpu")
    arguments = Seq2SeqTrainingArguments(
        **{
            "logging_steps": _LOGGING_STEPS,
            **training,
            **choose_precision(training, device, model_type),
            "output_dir": str(folder / "trainer"),
            "seed": seed,
            "data_seed": seed,
            "use_cpu": device.type == "cpu",
            "disable_tqdm": True,
            "report_to": "none",
            "logging_nan_inf_filter": False,  # it logs the mean of earlier steps in place of NaN
            "save_strategy": "no",  # `Engine.evaluate` decides
            "eval_strategy": "steps",  # `EvaluationSchedule` decides when; ReduceLROnPlateau needs a strategy
            "eval_steps": 2**40,
            "predict_with_generate": True,
            "remove_unused_columns": False,
            "metric_for_best_model": metric,
            "greater_is_better": mode == Direction.MAX,
            "ddp_find_unused_parameters": training.get("ddp_find_unused_parameters", False),
            "log_level": "error",
        }
    )
    use_one_gpu(arguments)  # one worker drives one device; more devices are more workers
    return arguments
