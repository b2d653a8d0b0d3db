"""The model every trial starts from: a hub id, a local folder, or fresh weights of an architecture.

A study prepares its base model once, as a folder with weights, tokenizer and the special tokens added.
Trials copy it from memory.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase, set_seed
from transformers.utils.logging import disable_progress_bar

from foundation.durable import new_folder
from foundation.errors import first_line
from trainables.models.hub import load_model, load_tokenizer
from trainables.models.model_checks import KEEPS_SHAPES, UNFIT, check_fields, made_again, unfit
from trainables.models.scratch import make_tokenizer, scratch_config, scratch_size
from trainables.models.weight_tying import check_ties, kept_untied, say_untied, untie, untied_against_config
from trainables.tasks.task import Task


@dataclass(frozen=True)
class Recipe:
    """What a base model is made of.

    Args:
        model: hub id, folder, or `scratch:SIZE` of `architecture`.
        tokenizer: hub id or folder; None: the model's own, or one that is trained on the training texts.
        kind, vocabulary: of a tokenizer that is trained; None: as usual for the architecture and size.
        special_tokens: words that are never cut and that decoding keeps.
        trust: run the code that comes with model and tokenizer; it goes along into the prepared folder.
    """

    model: str
    architecture: str = "bart"
    tokenizer: str | None = None
    kind: str | None = None
    vocabulary: int | None = None
    special_tokens: tuple[str, ...] = ()
    seed: int = 0
    trust: bool = False


def prepare_base(folder: Path, recipe: Recipe, task: Task, texts: Iterable[str]) -> None:
    """Write the model and tokenizer that trials start from into `folder`; it appears whole or not at all."""
    size = scratch_size(recipe.model)
    if size is not None:
        words = (
            load_tokenizer(recipe.tokenizer, is_generative=task.is_generative, trust=recipe.trust)
            if recipe.tokenizer
            else make_tokenizer(recipe.architecture, size, texts, recipe.kind, recipe.vocabulary)
        )
        _add_tokens(words, recipe.special_tokens)
        network = fresh_model(_with(scratch_config(recipe.architecture, size, words), task), task, recipe.seed)
    else:
        words = load_tokenizer(recipe.tokenizer or recipe.model, is_generative=task.is_generative, trust=recipe.trust)
        set_seed(recipe.seed)  # a new head, and rows for new tokens, are drawn
        network = load_model(recipe.model, task.auto_model, task.model_options(), trust=recipe.trust)
        _add_tokens(words, recipe.special_tokens)
        embeddings: Any = network.get_input_embeddings()
        if len(words) > embeddings.num_embeddings:
            set_seed(recipe.seed)
            with kept_untied(network):
                network.resize_token_embeddings(len(words))
        if network.config.pad_token_id is None:
            network.config.pad_token_id = words.pad_token_id
    disable_progress_bar()
    with new_folder(folder, overwrite=True) as staging:
        network.save_pretrained(staging)
        say_untied(staging, network)
        words.save_pretrained(staging)


def _add_tokens(words: PreTrainedTokenizerBase, special_tokens: Iterable[str]) -> None:
    known = words.get_vocab()
    words.add_tokens([token for token in special_tokens if token not in known])


def _with(config: Any, task: Task) -> Any:
    for name, value in task.model_options().items():
        setattr(config, name, value)
    return config


def fresh_model(config: Any, task: Task, seed: int) -> PreTrainedModel:
    """A model of `config` with weights drawn from `seed`."""
    set_seed(seed)
    model: PreTrainedModel = task.auto_model.from_config(config)
    return model


class BaseModels:
    """Base models kept in memory, so that a trial starts from a copy instead of from disk."""

    def __init__(self) -> None:
        self._kept: dict[str, PreTrainedModel] = {}

    def fresh(
        self, folder: str, overrides: Mapping[str, Any], task: Task, weights_seed: int | None, *, trust: bool = False
    ) -> PreTrainedModel:
        """A new copy of the model in `folder`, with fields of its configuration replaced by `overrides`.

        Args:
            weights_seed: of a model that was never trained: overrides may then change the shape of its weights, which
                are drawn anew.
            trust: run the code that comes with it.

        Raises:
            UserError: an override names no field, or changes the shape of weights.
        """
        if folder not in self._kept:
            self._kept = {
                folder: load_model(folder, task.auto_model, trust=trust)
            }  # one study at a time: memory for one
        base = self._kept[folder]
        if not overrides:
            return copy.deepcopy(base)
        check_fields(base.config, overrides)
        try:
            config = made_again(base.config, overrides)
            model = _with_weights_of(base, config) if weights_seed is None else fresh_model(config, task, weights_seed)
        except UNFIT as error:
            raise unfit(overrides, first_line(error), KEEPS_SHAPES if weights_seed is None else "") from error
        if task.is_generative:
            model.generation_config = copy.deepcopy(base.generation_config)
        return model


def _with_weights_of(base: PreTrainedModel, config: Any) -> PreTrainedModel:
    model = type(base)(config)
    untie(model, untied_against_config(base))
    check_ties(model, base)
    model.load_state_dict(base.state_dict())
    return model
