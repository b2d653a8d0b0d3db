"""What a model is made of: parameters by layer, what is trained and what is frozen, sizes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from delivery.inference.settings import read_settings
from foundation.errors import UserError
from search_spaces.schema import Space
from trainables.models.hub import load_config
from trainables.models.model_checks import base_config, described, outline
from trainables.tasks.registry import task_named
from trainables.training.evaluation_schedule import layer_of
from trainables.training.parameters import split_parameters


@dataclass(frozen=True)
class Layer:
    """One layer, or what stands outside all layers."""

    name: str
    parameters: int
    trained: int
    shapes: tuple[str, ...]


def layers_of(model: torch.nn.Module) -> list[Layer]:
    """The layers of a model, in its own order; a weight that is used twice counts once."""
    found: dict[str, list[tuple[str, torch.nn.Parameter]]] = {}
    for name, parameter in model.named_parameters():
        found.setdefault(layer_of(name), []).append((name, parameter))
    return [
        Layer(
            name,
            sum(parameter.numel() for _, parameter in inside),
            sum(parameter.numel() for _, parameter in inside if parameter.requires_grad),
            tuple(f"{full.removeprefix(name + '.')} {'×'.join(map(str, one.shape))}" for full, one in inside),
        )
        for name, inside in found.items()
    ]


def summarize_model(space: Space, freeze_layers: int | None = None) -> tuple[str, list[Layer]]:
    """The class of the space's model, and its layers; no weights are loaded.

    Args:
        freeze_layers: default: as many as the space freezes.

    Raises:
        UserError: there is no such model, or it has fewer layers than are to be frozen.
    """
    fixed = split_parameters(space.fixed)
    config = described(base_config(space.model, space.architecture, trust=space.trust_remote_code), fixed.model)
    frozen = int(fixed.extra.get("freeze_layers") or 0) if freeze_layers is None else freeze_layers
    model = outline(config, task_named(space.task), fixed.model, frozen, trust=space.trust_remote_code)
    return type(model).__name__, layers_of(model)


def summarize_exported(folder: Path, freeze_layers: int | None = None) -> tuple[str, list[Layer]]:
    """The same of an exported model, which freezes nothing unless told to."""
    settings = read_settings(folder)
    if settings.members:
        problem = f"{folder} is an ensemble"
        raise UserError(problem, "one of its members", f"for example {folder / settings.members[0]}")
    task = task_named(settings.task)
    model = outline(load_config(str(folder)), task, freeze_layers=freeze_layers or 0)
    return type(model).__name__, layers_of(model)


def totals(layers: Iterable[Layer]) -> dict[str, float]:
    """Parameters in all, those that are trained, and megabytes: of the weights in 32 bit, and with Adam's two moments
    and the gradients."""
    layers = list(layers)
    parameters, trained = (math.fsum(getattr(layer, name) for layer in layers) for name in ("parameters", "trained"))
    return {
        "parameters": parameters,
        "trained": trained,
        "weights_mb": parameters * 4 / 2**20,
        "training_mb": (parameters + 3 * trained) * 4 / 2**20,
    }


def print_layers(kind: str, layers: Iterable[Layer], *, shapes: bool) -> None:
    """A table on standard output.

    Args:
        shapes: name every weight with its shape.
    """
    layers = list(layers)
    table = Table("layer", title=kind)
    table.add_column("parameters", justify="right")
    table.add_column("trained", justify="right")
    for layer in layers:
        trained = "frozen" if not layer.trained else f"{layer.trained:,}"
        table.add_row(layer.name, f"{layer.parameters:,}", trained)
        for shape in layer.shapes if shapes else ():
            table.add_row(f"  {shape}", "", "")
    found = totals(layers)
    table.add_section()
    table.add_row("all", f"{found['parameters']:,.0f}", f"{found['trained']:,.0f}")
    console = Console()
    console.print(table)
    console.print(
        f"{found['weights_mb']:,.0f} MB of weights in 32 bit; {found['training_mb']:,.0f} MB with gradients and Adam's"
        " two moments, activations not counted"
    )
