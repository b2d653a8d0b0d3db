"""The layer of each parameter, and freezing of the lowest layers."""

from __future__ import annotations

import re

import torch

from foundation.errors import UserError

#: `bert.encoder.layer.3.` -> (`bert.encoder.layer`, 3); also T5's `encoder.block.3.` and BART's `encoder.layers.3.`
_LAYER = re.compile(r"^(?P<stack>.*?\b(?:layer|layers|block|h))\.(?P<number>\d+)\.")
_EMBEDDING = re.compile(r"embed|shared")


def layer_depths(names: list[str]) -> dict[str, tuple[int, int]]:
    """Returns parameter name -> (depth, top).

    The depth is 0 for embeddings, n + 1 for layer n of a stack, and `top` for parameters above all layers. `top` is the
    depth of a head on the parameter's own stack, so that encoder and decoder are counted separately.
    """
    matches = {name: _LAYER.match(name) for name in names}
    sizes: dict[str, int] = {}
    for match in matches.values():
        if match:
            sizes[match["stack"]] = max(sizes.get(match["stack"], 0), int(match["number"]) + 1)
    most = max(sizes.values(), default=0)
    depths = {}
    for name, match in matches.items():
        if match:
            depths[name] = (int(match["number"]) + 1, sizes[match["stack"]] + 1)
        else:
            depths[name] = (0 if _EMBEDDING.search(name) else most + 1, most + 1)
    return depths


def freeze(model: torch.nn.Module, layers: int) -> None:
    """Freezes the embeddings and the lowest `layers` layers; those of the encoder if there is a decoder too.

    Raises:
        UserError: the model has fewer layers.
    """
    if not layers:
        return
    parameters = dict(model.named_parameters())
    lower = {name: depth for name, depth in layer_depths(list(parameters)).items() if "decoder" not in name}
    most = max((top - 1 for _, top in lower.values()), default=0)
    if layers > most:
        allowed = f"0 to {most}: the model has {most} layers" if most else "0: the model has no layers to freeze"
        raise UserError(f"freeze_layers: {layers}", allowed, "freeze fewer" if most else "remove it")
    for name, (depth, _) in lower.items():
        if depth <= layers:
            parameters[name].requires_grad_(False)
