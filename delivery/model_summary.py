"""The layers of a model: parameters, how many are trained or frozen, and sizes in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from delivery.inference.settings import read_settings
from delivery.sessions.space_options import resolve_space
from foundation.errors import UserError
from foundation.standard_output import output
from search_spaces.resolve import list_spaces
from search_spaces.schema import Space
from trainables.models.hub import load_config
from trainables.models.model_checks import base_config, build_meta_model, override_config
from trainables.tasks.registry import get_task_class
from trainables.training.evaluation_schedule import layer_of
from trainables.training.parameters import split_parameters


@dataclass(frozen=True)
class Layer:
    """One layer, or the parameters outside all layers."""

    name: str
    parameters: int
    trained: int
    shapes: tuple[str, ...]


def layers_of(model: torch.nn.Module) -> list[Layer]:
    """Returns the layers of a model, in its own order; a weight that is used twice counts once."""
    parameters: dict[str, list[tuple[str, torch.nn.Parameter]]] = {}
    for name, parameter in model.named_parameters():
        parameters.setdefault(layer_of(name), []).append((name, parameter))
    return [
        Layer(
            name,
            sum(parameter.numel() for _, parameter in inside),
            sum(parameter.numel() for _, parameter in inside if parameter.requires_grad),
            tuple(f"{full.removeprefix(name + '.')} {'×'.join(map(str, one.shape))}" for full, one in inside),
        )
        for name, inside in parameters.items()
    ]


def summarize(
    space: str, model: str | None, sets: Sequence[str], freeze_layers: int | None = None
) -> tuple[str, list[Layer]]:
    """Returns the class and the layers of a search space's model, or of the exported model in a folder.

    Raises:
        UserError: There is neither, or `model` or `sets` would change an exported model.
    """
    if space not in list_spaces() and os.path.isdir(space):
        if model is not None or sets:
            option = "--set" if sets else "--model"
            problem = f"{option} beside the folder {space}, whose model is fixed"
            raise UserError(problem, f"{option} beside a search space", f"leave {option} out, or name a search space")
        return summarize_exported(Path(space), freeze_layers)
    return summarize_model(resolve_space(space, {"model": model}, list(sets), [], None, sample=False), freeze_layers)


def summarize_model(space: Space, freeze_layers: int | None = None) -> tuple[str, list[Layer]]:
    """Returns the class and the layers of the space's model, without loading weights.

    Args:
        freeze_layers: Number of layers to freeze; default: as many as the space freezes.

    Raises:
        UserError: There is no such model, or it has fewer layers than are to be frozen.
    """
    fixed = split_parameters(space.fixed)
    config = override_config(base_config(space.model, space.architecture, trust=space.trust_remote_code), fixed.model)
    frozen = int(fixed.extra.get("freeze_layers") or 0) if freeze_layers is None else freeze_layers
    model = build_meta_model(config, get_task_class(space.task), fixed.model, frozen, trust=space.trust_remote_code)
    return type(model).__name__, layers_of(model)


def summarize_exported(folder: Path, freeze_layers: int | None = None) -> tuple[str, list[Layer]]:
    """Returns the class and the layers of an exported model.

    Args:
        freeze_layers: Number of layers to freeze; default: none.

    Raises:
        UserError: The folder is no exported model, or an ensemble.
    """
    settings = read_settings(folder)
    if settings.members:
        problem = f"{folder} is an ensemble"
        raise UserError(problem, "one of its members", f"for example {folder / settings.members[0]}")
    task = get_task_class(settings.task)
    model = build_meta_model(load_config(str(folder)), task, freeze_layers=freeze_layers or 0)
    return type(model).__name__, layers_of(model)


@dataclass(frozen=True)
class Totals:
    """The size of a model.

    Args:
        parameters: Number of all parameters.
        trained: Number of those that are trained.
    """

    parameters: int
    trained: int

    @property
    def weights_mb(self) -> float:
        """Megabytes of the weights, in 32 bit."""
        return self.parameters * 4 / 2**20

    @property
    def training_mb(self) -> float:
        """Megabytes of the weights, their gradients and Adam's two moments."""
        return (self.parameters + 3 * self.trained) * 4 / 2**20


def totals(layers: Iterable[Layer]) -> Totals:
    """Returns the sums over all layers."""
    layers = list(layers)
    return Totals(sum(layer.parameters for layer in layers), sum(layer.trained for layer in layers))


def print_layers(kind: str, layers: Iterable[Layer], *, shapes: bool) -> None:
    """Prints the layers as a table.

    Args:
        kind: The class of the model, as the title.
        shapes: Print every weight with its shape.
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
    size = totals(layers)
    table.add_section()
    table.add_row("all", f"{size.parameters:,}", f"{size.trained:,}")
    console = Console(file=output())
    console.print(table)
    console.print(
        f"{size.weights_mb:,.0f} MB of weights in 32 bit; {size.training_mb:,.0f} MB with gradients and Adam's"
        " two moments, without activations"
    )
