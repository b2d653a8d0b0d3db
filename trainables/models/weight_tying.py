"""Weights that a model keeps separate although its configuration ties them.

T5 1.1, mT5, ByT5 and KE-T5 have an output matrix of their own, but their configuration in transformers always ties it
to the input embedding. Loading a checkpoint keeps both matrices. Code that builds the model again or resizes it follows
the configuration, and would silently lose one of the two.
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
    """Returns the names of the weights that the configuration ties but the model does not."""
    tied = set(tied_weights(model))
    return [name for name in weights_tied_by_config(model) if name not in tied]


def check_no_new_ties(model: PreTrainedModel, base: PreTrainedModel) -> None:
    """Checks that `model` ties no weights that are separate in `base`.

    Raises:
        ValueError: it ties some, so that trained weights would be lost.
    """
    lost = sorted(set(tied_weights(model)) - set(tied_weights(base)))
    if lost:
        raise ValueError(f"separately trained weights would be lost: {', '.join(lost)}")


def untie(model: PreTrainedModel, names: Iterable[str]) -> None:
    """Gives each of these weights a parameter of its own, with equal values."""
    for name in names:
        module_name, _, leaf = name.rpartition(".")
        module = model.get_submodule(module_name)
        setattr(module, leaf, nn.Parameter(module.get_parameter(leaf).detach().clone()))
        forget_tie(model, name)


def write_untied_flag(folder: Path, model: PreTrainedModel) -> None:
    """Writes `tie_word_embeddings: false` into the `config.json` of a saved model whose matrices are separate.

    Other programs rely on the field. The file is left unchanged if the model scales the decoder's outputs: T5's
    configuration derives that scaling from the same field when it is loaded.
    """
    if not untied_against_config(model) or getattr(model.config, "scale_decoder_outputs", False):
        return
    path = folder / "config.json"
    fields = json.loads(path.read_text(encoding="utf-8")) | {"tie_word_embeddings": False}
    path.write_text(json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def keep_untied(model: PreTrainedModel) -> Iterator[None]:
    """Context in which resizing the embeddings does not tie separate weights, but resizes both."""
    if not untied_against_config(model):  # not every configuration has the field
        yield
        return
    model.config.tie_word_embeddings = False
    try:
        yield
    finally:
        model.config.tie_word_embeddings = True
