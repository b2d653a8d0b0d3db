"""Checks of the weights that transformers loaded. It draws those that the files lack at random, and drops others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import torch
from transformers import PreTrainedModel

from foundation.errors import COMMAND, UserError

#: Layers inside an encoder that many checkpoints lack, since masked language models do not use them.
_POOLER = "pooler"
#: The number of a layer in the name of a weight.
_NUMBER = re.compile(r"\.\d+\.")


class Origin(StrEnum):
    """Where a model comes from, which decides the weights that it must have.

    BASE is trained further, and may get a new head. TRAINED answers as it is. OWN was saved by kotune.
    """

    BASE = "base"
    TRAINED = "trained"
    OWN = "own"


def check_loaded_weights(
    source: str, model: PreTrainedModel, report: Mapping[str, Any], origin: Origin, *, has_new_head: bool
) -> None:
    """Checks that a model has its weights, and that they are numbers.

    Args:
        report: of transformers, on the weights that the files lack, have in another shape, or have beside the model's.
        has_new_head: whether the task gives the model its classes, so that a base model's head is trained from scratch.

    Raises:
        UserError: weights are missing, not finite, or for a model of kotune's own more than the model has.
    """
    kind = type(model).__name__
    random = sorted({*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])})
    if origin == Origin.BASE and has_new_head:
        random = _outside_the_head(model, random)
    if random:
        raise _random_error(source, model, random, origin)
    unknown = sorted(report["unexpected_keys"])
    if origin == Origin.TRAINED:
        unknown = _of_other_layers(model, unknown)
    if unknown and origin != Origin.BASE:
        problem = f"has weights that its {kind} has not: {_shown(unknown)}"
        raise _damaged(source, problem, "weights and config.json of one model", origin)
    if broken := _not_finite(model):
        problem = f"has weights that are not finite: {_shown(broken)}"
        raise _damaged(source, problem, "weights without NaN and infinity", origin)


def _random_error(source: str, model: PreTrainedModel, names: Sequence[str], origin: Origin) -> UserError:
    kind, total = type(model).__name__, len(model.state_dict())
    problem = f"lacks {len(names)} of {total} weights of a {kind}, which would be random: {_shown(names)}"
    if origin == Origin.OWN:
        return _damaged(source, problem, "the weights as kotune saved them", origin)
    if origin == Origin.TRAINED:
        allowed = f"a model that was saved as {kind}, with all of its weights"
        todo = "choose such a model, or train this one first with tune or train: --model"
    else:
        allowed = "a model with all of its weights; only the head of a classifier may be new"
        todo = "choose another --model, or start from fresh weights: --model scratch:base"
    return UserError(f"model {source!r} {problem}", allowed, todo)


def _outside_the_head(model: PreTrainedModel, names: Sequence[str]) -> list[str]:
    """Returns the weights that a new head does not explain."""
    base: Any = model.base_model
    if base is not model:
        prefix = f"{model.base_model_prefix}."
        return [name for name in names if name.startswith(prefix) and _POOLER not in name.split(".")]
    weights = model.state_dict()  # a network that does not say which part of it is the head
    missing = sum(weights[name].numel() for name in names if name in weights)
    return list(names) if 2 * missing > sum(weight.numel() for weight in weights.values()) else []


def _of_other_layers(model: PreTrainedModel, names: Sequence[str]) -> list[str]:
    """Returns the weights of layers that the model has not, although it has others of their kind."""
    kinds = {_NUMBER.sub(".0.", name) for name in model.state_dict()}
    return [name for name in names if _NUMBER.search(name) and _NUMBER.sub(".0.", name) in kinds]


def _not_finite(model: PreTrainedModel) -> list[str]:
    weights = model.state_dict().items()
    return [name for name, weight in weights if weight.is_floating_point() and not torch.isfinite(weight).all()]


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def _damaged(source: str, problem: str, allowed: str, origin: Origin) -> UserError:
    todo = (
        f"{COMMAND} export STUDY writes it again"
        if origin == Origin.OWN
        else "download it again, or choose another one"
    )
    return UserError(f"model {source!r} {problem}", allowed, todo)
