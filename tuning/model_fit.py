"""Checks that model, tokenizer and texts of a space fit together, before anything starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from corpora.splits import Splits
from search_spaces.schema import Space
from trainables.models.base_models import open_tokenizer, tokenizer_fit
from trainables.models.generation_defaults import inherited_remarks, load_generation_config
from trainables.models.model_checks import base_config, build_meta_model
from trainables.models.scratch import scratch_size
from trainables.tasks.task import Limits, Row, Task
from trainables.text.coverage import RoleCoverage, check_coverage, coverage_lines, measure_split
from trainables.text.languages import has_languages, languages_line
from trainables.training.parameters import split_parameters
from tuning.preparation import base_recipe, splits_by_name
from tuning.tokenizers import TokenizerVariant

#: Rows of each split that are tokenized to see how many tokens are unknown.
_SAMPLED_ROWS = 500

#: Share of cut texts above which the line is a warning.
_MANY_CUT = 0.1


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
    coverage: dict[str, RoleCoverage] = {}
    cut: list[str] = []
    for name, split in splits_by_name(splits).items():
        rows = _sample(split.rows)
        table = {**task.encode(rows, tokenizer, limits), **task.encode_targets(rows, tokenizer, limits, scored=False)}
        cut += _cut_lines(name, table, space)
        coverage[name] = measure_split(rows, table, tokenizer, targets=task.is_generative)
    check_coverage(coverage, tokenizer, str(recipe.tokenizer_source))
    return Fit(remarks, coverage_lines(coverage, tokenizer, is_trained=False) + cut)


def _cut_lines(split: str, table: Mapping[str, Sequence[Any]], space: Space) -> list[str]:
    """Returns a line for the sources and one for the targets of a split if some are longer than the limit."""
    sides = (("cut_source", "sources", "max_source_length"), ("cut_target", "targets", "max_target_length"))
    shares = [(sum(table[column]) / len(table[column]), what, limit) for column, what, limit in sides]
    return [
        f"{'warning: ' if share > _MANY_CUT else ''}{share:.1%} of the {what} of {split} are cut to "
        f"{getattr(space, limit)} tokens ({limit})"
        for share, what, limit in shares
        if share
    ]


def _sample(rows: Sequence[Row]) -> list[Row]:
    """Returns rows from all parts of a split, which may be sorted."""
    return list(rows[:: max(1, len(rows) // _SAMPLED_ROWS)])[:_SAMPLED_ROWS]
