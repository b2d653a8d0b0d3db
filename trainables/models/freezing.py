"""Which layer a parameter belongs to, and which layers are frozen."""

from __future__ import annotations

import re

import torch

from foundation.errors import UserError

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
