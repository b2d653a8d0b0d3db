"""What `Trainer` has no word for: frozen layers, learning rates that fall layer by layer, Adafactor's own rate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from transformers import Trainer
from transformers.optimization import Adafactor, AdafactorSchedule

from search_spaces.errors import UserError

#: `bert.encoder.layer.3.` -> (`bert.encoder.layer`, 3); T5's `encoder.block.3.` and BART's `encoder.layers.3.` too
_LAYER = re.compile(r"^(?P<stack>.*?\b(?:layer|layers|block|h))\.(?P<number>\d+)\.")
_EMBEDDING = re.compile(r"embed|shared")


def depths(names: list[str]) -> dict[str, tuple[int, int]]:
    """Parameter name -> (depth, top): 0 for embeddings, n + 1 for the n-th layer of its stack, `top` for what is above.

    `top` is the depth of a head on the parameter's own stack, so that an encoder and a decoder count for themselves.
    """
    found = {name: _LAYER.match(name) for name in names}
    sizes: dict[str, int] = {}
    for match in found.values():
        if match:
            sizes[match["stack"]] = max(sizes.get(match["stack"], 0), int(match["number"]) + 1)
    most = max(sizes.values(), default=0)
    depth = {}
    for name, match in found.items():
        if match:
            depth[name] = (int(match["number"]) + 1, sizes[match["stack"]] + 1)
        else:
            depth[name] = (0 if _EMBEDDING.search(name) else most + 1, most + 1)
    return depth


def freeze(model: torch.nn.Module, layers: int) -> None:
    """Train neither the embeddings nor the lowest `layers` layers (of the encoder, where there is a decoder too).

    Raises:
        UserError: the model has fewer layers.
    """
    if not layers:
        return
    named = dict(model.named_parameters())
    lower = {name: at for name, at in depths(list(named)).items() if "decoder" not in name}
    most = max((top - 1 for _, top in lower.values()), default=0)
    if layers > most:
        allowed = f"0 to {most}: the model has {most} layers" if most else "0: the model has no layers to freeze"
        raise UserError(f"freeze_layers: {layers}", allowed, "freeze fewer" if most else "leave it out")
    for name, (depth, _) in lower.items():
        if depth <= layers:
            named[name].requires_grad_(False)


def make(model: Any, arguments: Any, own: Mapping[str, Any]) -> torch.optim.Optimizer | None:
    """The optimizer for kotune's own parameters; None where transformers' own does.

    `layerwise_lr_decay` d multiplies the learning rate of a parameter by d for every layer between it and the head
    (Howard & Ruder 2018, https://aclanthology.org/P18-1031). `adafactor_own_rate` lets Adafactor choose its step
    relative to the size of the weights (Shazeer & Stern 2018, https://arxiv.org/abs/1804.04235).
    """
    decay, own_rate = own.get("layerwise_lr_decay") or 1.0, own.get("adafactor_own_rate")
    if own_rate:
        groups = parameter_groups(model, arguments.weight_decay, None, 1.0)
        made: torch.optim.Optimizer = Adafactor(
            groups, lr=None, scale_parameter=True, relative_step=True, warmup_init=True
        )
        return made
    if decay == 1.0:
        return None
    kind, settings = Trainer.get_optimizer_cls_and_kwargs(arguments, model)
    optimizer: torch.optim.Optimizer = kind(
        parameter_groups(model, arguments.weight_decay, arguments.learning_rate, float(decay)), **settings
    )
    return optimizer


def parameter_groups(
    model: torch.nn.Module, weight_decay: float, learning_rate: float | None, layer_decay: float
) -> list[dict[str, Any]]:
    """Trained parameters by learning rate, and by whether they decay: matrices do, biases and norms do not."""
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, (depth, top) in depths(list(named)).items():
        decays = named[name].ndim > 1
        group = groups.setdefault((top - depth, decays), {"params": [], "weight_decay": weight_decay * decays})
        if learning_rate is not None:
            group["lr"] = learning_rate * layer_decay ** (top - depth)
        group["params"].append(named[name])
    return [groups[key] for key in sorted(groups)]


def adafactor_schedule(optimizer: torch.optim.Optimizer) -> Any:
    """Shows Adafactor's own rate where a schedule is expected."""
    return AdafactorSchedule(optimizer)
