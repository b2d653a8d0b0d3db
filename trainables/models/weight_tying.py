"""Weights that a model keeps apart although its configuration would tie them.

T5 1.1, mT5, ByT5 and KE-T5 learned an output matrix of their own, but transformers' configuration of them always says
that it is the input embedding. Loading finds two matrices and keeps both. Whatever then makes the model anew or
resizes it would follow the configuration, and one of the two would be lost without a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn
from transformers import PreTrainedModel

from trainables.models.transformers_internals import forget_tie, tied_weights, weights_tied_by_config


def untied_against_config(model: PreTrainedModel) -> list[str]:
    """Names of the weights that the configuration ties and the model does not."""
    tied = set(tied_weights(model))
    return [name for name in weights_tied_by_config(model) if name not in tied]


def check_ties(model: PreTrainedModel, base: PreTrainedModel) -> None:
    """Check that nothing that was learned apart in `base` is one with another weight in `model`.

    Raises:
        ValueError: something is.
    """
    lost = sorted(set(tied_weights(model)) - set(tied_weights(base)))
    if lost:
        raise ValueError(f"what was learned apart would be lost: {', '.join(lost)}")


def untie(model: PreTrainedModel, names: Iterable[str]) -> None:
    """Give each of these weights a parameter of its own, of equal values."""
    for name in names:
        module_name, _, leaf = name.rpartition(".")
        module = model.get_submodule(module_name)
        setattr(module, leaf, nn.Parameter(module.get_parameter(leaf).detach().clone()))
        forget_tie(model, name)


def say_untied(folder: Path, model: PreTrainedModel) -> None:
    """Write into the `config.json` of a saved model that its matrices are two, for readers that trust the field.

    T5's configuration takes that field for something else when it is read, so only where this says the same.
    """
    if not untied_against_config(model) or getattr(model.config, "scale_decoder_outputs", False):
        return
    path = folder / "config.json"
    fields = json.loads(path.read_text(encoding="utf-8")) | {"tie_word_embeddings": False}
    path.write_text(json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def kept_untied(model: PreTrainedModel) -> Iterator[None]:
    """Resize in here: a model whose weights are apart is not tied by it, and both are resized."""
    if not untied_against_config(model):  # not every configuration has the field
        yield
        return
    model.config.tie_word_embeddings = False
    try:
        yield
    finally:
        model.config.tie_word_embeddings = True
