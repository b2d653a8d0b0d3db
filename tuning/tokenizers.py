"""Tokenizers that are searched: each is trained before the first trial, with a base model and tables of its own."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from foundation.errors import UserError
from search_spaces.ranges import Choice
from search_spaces.schema import Space
from trainables.models.scratch import scratch_size

#: Parameters that say how a tokenizer is trained: a base model and tables of its own for each of their values.
OF_THE_TOKENIZER = ("tokenizer_kind", "vocabulary")
#: So many tokenizers a study trains at most, all of them before its first trial.
_MOST_TOKENIZERS = 12


def tokenizers_of(space: Space) -> list[tuple[str | None, int | None]]:
    """Every (kind, vocabulary) that a trial may ask for; (None, None) where the tokenizer is given or as usual.

    Raises:
        UserError: they are searched without end, or with a model that brings its own tokenizer.
    """
    named = [name for name in OF_THE_TOKENIZER if name in space.search or space.fixed.get(name) is not None]
    if not named:
        return [(None, None)]
    if space.tokenizer or scratch_size(space.model) is None:
        given = f"{named[0]} with {'--tokenizer' if space.tokenizer else f'model {space.model}'}"
        raise UserError(given, "a scratch model, whose tokenizer is trained here", f"take {named[0]} out")
    kinds, sizes = (_values(space, name) for name in OF_THE_TOKENIZER)
    found = list(product(kinds, [None if size is None else int(size) for size in sizes]))  # 1e4 is a float
    if len(found) > _MOST_TOKENIZERS:
        given = f"tokenizer_kind and vocabulary would be {len(found)} tokenizers"
        raise UserError(given, f"at most {_MOST_TOKENIZERS}, all trained before the search", "name fewer choices")
    return found


def _values(space: Space, name: str) -> list[Any]:
    searched = space.search.get(name)
    if searched is None:
        return [space.fixed.get(name)]
    if not isinstance(searched, Choice):
        raise UserError(
            f"search.{name}: {searched.describe()}", "a choice, since each takes a tokenizer", f"{name}=choice:…"
        )
    return list(searched.options) + ([] if searched.when is None else [None])


def variant_of(config: Mapping[str, Any]) -> str:
    """The tokenizer that a configuration asks for, as `Material.tables` names it."""
    size = config.get("vocabulary")
    return variant_named(config.get("tokenizer_kind"), None if size is None else int(size))


def variant_named(kind: str | None, vocabulary: int | None) -> str:
    return "-".join(str(part) for part in (kind, vocabulary) if part is not None)
