"""Weights that a model keeps apart although its configuration would tie them.

T5 1.1, mT5, ByT5 and KE-T5 learned an output matrix of their own, but transformers' configuration of them always says
that it is the input embedding. Loading finds two matrices and keeps both. Whatever then makes the model anew or
resizes it would follow the configuration, and one of the two would be lost without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn
from transformers import PreTrainedModel


def kept_apart(model: PreTrainedModel) -> list[str]:
    """Names of the weights that the configuration ties and the model does not."""
    said = model.get_expanded_tied_weights_keys(all_submodels=True)
    return [name for name in said if name not in model.all_tied_weights_keys]


def take_apart(model: PreTrainedModel, names: Iterable[str]) -> None:
    """Give each of these weights a parameter of its own, of equal values."""
    for name in names:
        module_name, _, leaf = name.rpartition(".")
        module = model.get_submodule(module_name)
        setattr(module, leaf, nn.Parameter(module.get_parameter(leaf).detach().clone()))
        model.all_tied_weights_keys.pop(name, None)  # it is not there where an override says they are two


@contextmanager
def staying_apart(model: PreTrainedModel) -> Iterator[None]:
    """Resize in here: a model whose weights are apart is not tied by it, and both are resized."""
    if not kept_apart(model):  # not every configuration has the field
        yield
        return
    model.config.tie_word_embeddings = False
    try:
        yield
    finally:
        model.config.tie_word_embeddings = True
