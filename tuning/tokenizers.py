"""The tokenizers of a space: each is trained before the first trial and has its own base model and tables."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

from foundation.errors import UserError
from search_spaces.ranges import Choice
from search_spaces.schema import Space
from trainables.models.scratch import scratch_size

#: Parameters of the training of a tokenizer.
TOKENIZER_PARAMETERS = ("tokenizer_kind", "vocabulary")
#: The most tokenizers of a study, since all are trained before its first trial.
_MAX_TOKENIZERS = 12


class TokenizerVariant(NamedTuple):
    """One tokenizer of a study; both are None for the model's own or a given one."""

    kind: str | None
    vocabulary: int | None

    @property
    def name(self) -> str:
        """The name of its base model and of its tables, such as `bpe-8000`; empty for the model's own."""
        return "-".join(str(part) for part in self if part is not None)


def tokenizer_variants(space: Space) -> list[TokenizerVariant]:
    """Returns every tokenizer that a trial may use.

    Raises:
        UserError: A range instead of a choice is searched, there are too many, or the model has its own tokenizer.
    """
    names = [name for name in TOKENIZER_PARAMETERS if name in space.search or space.fixed.get(name) is not None]
    if not names:
        return [TokenizerVariant(None, None)]
    if space.tokenizer or scratch_size(space.model) is None:
        problem = f"{names[0]} with {'--tokenizer' if space.tokenizer else f'model {space.model}'}"
        raise UserError(problem, "a scratch model, for which kotune trains a tokenizer", f"remove {names[0]}")
    kinds, sizes = (_values(space, name) for name in TOKENIZER_PARAMETERS)
    variants = [TokenizerVariant(kind, _whole(size)) for kind, size in product(kinds, sizes)]
    if len(variants) > _MAX_TOKENIZERS:
        problem = f"tokenizer_kind and vocabulary would be {len(variants)} tokenizers"
        raise UserError(problem, f"at most {_MAX_TOKENIZERS}, all trained before the search", "name fewer choices")
    return variants


def _values(space: Space, name: str) -> list[Any]:
    searched = space.search.get(name)
    if searched is None:
        return [space.fixed.get(name)]
    if not isinstance(searched, Choice):
        problem = f"search.{name}: {searched.describe()}"
        raise UserError(problem, "a choice, since each value needs a tokenizer", f"{name}=choice:…")
    return list(searched.options) + ([] if searched.when is None else [None])


def _whole(size: float | None) -> int | None:
    return None if size is None else int(size)  # YAML reads 1e4 as a float


def variant_in(config: Mapping[str, Any]) -> TokenizerVariant:
    """Returns the tokenizer of a configuration."""
    return TokenizerVariant(config.get("tokenizer_kind"), _whole(config.get("vocabulary")))


def variant_of(config: Mapping[str, Any]) -> str:
    """Returns the name of the tokenizer of a configuration, which is its key in `Material.tables`."""
    return variant_in(config).name
