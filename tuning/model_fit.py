"""Checks that model, tokenizer and texts of a space fit together, before anything starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from corpora.splits import Splits
from search_spaces.schema import Space
from trainables.models.base_models import open_tokenizer, tokenizer_fit
from trainables.models.generation_defaults import inherited_remarks, load_generation_config
from trainables.models.model_checks import base_config, build_meta_model
from trainables.models.scratch import scratch_size
from trainables.models.tokenizer_checks import check_texts
from trainables.tasks.task import Limits, Task
from trainables.text.languages import has_languages, languages_line
from trainables.training.parameters import split_parameters
from tuning.preparation import base_recipe, splits_by_name
from tuning.tokenizers import TokenizerVariant


@dataclass(frozen=True)
class Fit:
    """What the user should know about model and tokenizer.

    Args:
        remarks: On the model.
        coverage: On the tokens of a sample of the rows.
    """

    remarks: list[str] = field(default_factory=list)
    coverage: list[str] = field(default_factory=list)


def check_fit(space: Space, task: Task, splits: Splits, configs: Iterable[Mapping[str, Any]]) -> Fit:
    """Checks the tokenizer of a space with its model and a sample of the rows; one that is to be trained fits.

    Args:
        configs: Configurations of trials.

    Raises:
        UserError: The tokenizer cannot be loaded, is of another model, or does not know most of the texts; or the
            model generates longer texts than a configuration allows.
    """
    recipe = base_recipe(space, TokenizerVariant(None, None))
    tokenizer = open_tokenizer(recipe, task)
    if tokenizer is None:
        return Fit()
    remarks = [languages_line(tokenizer)] if task.is_generative and has_languages(tokenizer) else []
    if scratch_size(space.model) is None:
        config = base_config(space.model, space.architecture, trust=recipe.trust)
        model = build_meta_model(config, task, trust=recipe.trust)
        remarks += tokenizer_fit(recipe, tokenizer, model).check()
        if task.is_generative:
            decoding = [split_parameters(config).generation for config in configs]
            remarks += inherited_remarks(space.model, load_generation_config(space.model), decoding)
    limits = Limits(space.max_source_length, space.max_target_length)
    rows = {name: split.rows for name, split in splits_by_name(splits).items()}
    return Fit(remarks, check_texts(rows, task, tokenizer, limits, str(recipe.tokenizer_source)))
