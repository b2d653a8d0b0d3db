"""The base model that every trial starts from: a hub id, a local folder, or an architecture with fresh weights.

A study prepares its base model once, as a folder with weights and a tokenizer that has the special tokens. Trials copy
it from memory.
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
from foundation.errors import UserError, first_line
from trainables.models.hub import load_model, load_tokenizer
from trainables.models.load_errors import ALL_FILES, load_errors
from trainables.models.loaded_weights import Origin
from trainables.models.model_checks import (
    BUILD_ERRORS,
    SHAPE_PRESERVING,
    check_config_fields,
    misfit_error,
    rebuild_config,
)
from trainables.models.scratch import make_tokenizer, scratch_config, scratch_size
from trainables.models.special_tokens import make_consistent, resize_embeddings
from trainables.models.tokenizer_checks import TokenizerFit
from trainables.models.weight_tying import (
    check_no_new_ties,
    keep_untied,
    untie,
    untied_against_config,
    write_untied_flag,
)
from trainables.tasks.task import Task
from trainables.text.languages import set_languages


@dataclass(frozen=True)
class Recipe:
    """What a base model is made from.

    Args:
        model: hub id, folder, or `scratch:SIZE` of `architecture`.
        tokenizer: hub id or folder; None: the model's own, or one that is trained on the training texts.
        kind, vocabulary: of a trained tokenizer; None: the defaults of the architecture and size.
        special_tokens: tokens that the tokenizer never splits and that decoding does not skip.
        source_language, target_language: of a multilingual model; None: those in the tokenizer's files.
        seed: of fresh weights, including a new head and rows for new tokens.
        trust: run the code that comes with model and tokenizer; it is copied into the prepared folder.
        is_trained: the model is not trained further, and must have all of its weights.
    """

    model: str
    architecture: str = "bart"
    tokenizer: str | None = None
    kind: str | None = None
    vocabulary: int | None = None
    special_tokens: tuple[str, ...] = ()
    seed: int = 0
    trust: bool = False
    source_language: str | None = None
    target_language: str | None = None
    is_trained: bool = False

    @property
    def tokenizer_source(self) -> str | None:
        """Hub id or folder of the tokenizer; None: one is trained."""
        return self.tokenizer or (self.model if scratch_size(self.model) is None else None)


@dataclass(frozen=True)
class BaseModel:
    """A base model and its tokenizer in memory.

    Args:
        remarks: what was changed so that the two fit, for the user.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    remarks: tuple[str, ...]


def prepare_base(folder: Path, recipe: Recipe, task: Task, texts: Iterable[str]) -> tuple[str, ...]:
    """Writes a base model and its tokenizer into `folder`, which appears complete or not at all; returns its remarks.

    Args:
        texts: what a new tokenizer is trained on.
    """
    base = make_base(recipe, task, texts)
    disable_progress_bar()
    with new_folder(folder, overwrite=True) as staging:
        base.model.save_pretrained(staging)
        write_untied_flag(staging, base.model)
        base.tokenizer.save_pretrained(staging)
    return base.remarks


def make_base(recipe: Recipe, task: Task, texts: Iterable[str]) -> BaseModel:
    """Returns a base model and its tokenizer, which fit each other.

    Args:
        texts: what a new tokenizer is trained on.
    """
    tokenizer = open_tokenizer(recipe, task)
    size = scratch_size(recipe.model)
    if size is not None:
        if tokenizer is None:
            tokenizer = make_tokenizer(recipe.architecture, size, texts, recipe.kind, recipe.vocabulary)
            _add_tokens(tokenizer, recipe.special_tokens)
        config = scratch_config(recipe.architecture, size, tokenizer)
        for name, value in task.model_options().items():
            setattr(config, name, value)
        model = initialise_model(config, task, recipe.seed)
    else:
        assert tokenizer is not None  # a trained model has one
        model = _load_with_tokens(recipe, task, tokenizer)
    with load_errors(f"model {recipe.model!r} does not fit its tokenizer", recipe.model, ALL_FILES):
        return BaseModel(model, tokenizer, tuple(make_consistent(model, tokenizer, task)))


def open_tokenizer(recipe: Recipe, task: Task) -> PreTrainedTokenizerBase | None:
    """Loads the tokenizer of a base model with its languages and special tokens; None if it is to be trained.

    Raises:
        UserError: the tokenizer cannot be loaded, or does not have the languages.
    """
    source = recipe.tokenizer_source
    if source is None:
        if recipe.source_language or recipe.target_language:
            problem = f"source_language or target_language: model {recipe.model!r} trains a tokenizer without languages"
            raise UserError(problem, "a multilingual model such as mBART-50 or NLLB", "remove them")
        return None
    tokenizer = load_tokenizer(source, is_generative=task.is_generative, trust=recipe.trust)
    if task.is_generative or recipe.source_language or recipe.target_language:
        set_languages(tokenizer, recipe.source_language, recipe.target_language, source)
    _add_tokens(tokenizer, recipe.special_tokens)
    return tokenizer


def tokenizer_fit(recipe: Recipe, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> TokenizerFit:
    """Returns the tokenizer of a base model together with its trained model, to be checked."""
    embeddings: Any = model.get_input_embeddings()
    source = recipe.tokenizer or recipe.model
    return TokenizerFit(tokenizer, recipe.model, source, embeddings.num_embeddings, recipe.special_tokens, recipe.trust)


def _load_with_tokens(recipe: Recipe, task: Task, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """Loads the model and grows the embeddings to the vocabulary of the tokenizer, which has the special tokens."""
    set_seed(recipe.seed)  # for a new head
    origin = Origin.TRAINED if recipe.is_trained else Origin.BASE
    model = load_model(recipe.model, task.auto_model, task.model_options(), trust=recipe.trust, origin=origin)
    fit = tokenizer_fit(recipe, tokenizer, model)
    fit.check()
    if fit.rows > fit.embeddings:
        set_seed(recipe.seed)  # for the new rows, however many numbers the head took
        with keep_untied(model):
            resize_embeddings(model, fit.rows)
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    return model


def _add_tokens(tokenizer: PreTrainedTokenizerBase, special_tokens: Iterable[str]) -> None:
    vocabulary = tokenizer.get_vocab()
    tokenizer.add_tokens([token for token in special_tokens if token not in vocabulary])


def initialise_model(config: Any, task: Task, seed: int) -> PreTrainedModel:
    """Returns a model of `config` with weights drawn from `seed`."""
    set_seed(seed)
    model: PreTrainedModel = task.auto_model.from_config(config)
    return model


class BaseModels:
    """Cache of the newest base model, so that trials copy it from memory instead of loading it from disk.

    Args:
        models: folder -> model that is loaded already.
    """

    def __init__(self, models: Mapping[str, PreTrainedModel] | None = None) -> None:
        self._models: dict[str, PreTrainedModel] = dict(models or {})

    def copy_of(
        self, folder: str, overrides: Mapping[str, Any], task: Task, weights_seed: int | None, *, trust: bool = False
    ) -> PreTrainedModel:
        """Returns a new copy of the model in `folder`, with `overrides` in its configuration.

        Args:
            weights_seed: of a model that was never trained; overrides may then change the shape of its weights, which
                are drawn again.
            trust: run the code that comes with the model.

        Raises:
            UserError: an override is no field of the configuration, or changes the shape of trained weights.
        """
        if folder not in self._models:
            # Memory holds one study's model at a time.
            self._models = {folder: load_model(folder, task.auto_model, trust=trust, origin=Origin.OWN)}
        base = self._models[folder]
        if not overrides:
            return copy.deepcopy(base)
        check_config_fields(base.config, overrides)
        try:
            config = rebuild_config(base.config, overrides)
            model = (
                _with_weights_of(base, config) if weights_seed is None else initialise_model(config, task, weights_seed)
            )
        except BUILD_ERRORS as error:
            allowed = {"allowed": SHAPE_PRESERVING} if weights_seed is None else {}
            raise misfit_error(overrides, first_line(error), **allowed) from error
        if task.is_generative:
            model.generation_config = copy.deepcopy(base.generation_config)
        return model


def _with_weights_of(base: PreTrainedModel, config: Any) -> PreTrainedModel:
    model = type(base)(config)
    untie(model, untied_against_config(base))
    check_no_new_ties(model, base)
    model.load_state_dict(base.state_dict())
    return model
