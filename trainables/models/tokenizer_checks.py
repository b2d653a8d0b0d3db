"""Checks that a tokenizer fits the embeddings of its model (as many rows, of the same tokens) and the texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from foundation.errors import UserError
from trainables.models.hub import load_tokenizer
from trainables.tasks.task import Limits, Row, Task
from trainables.text.coverage import RoleCoverage, check_coverage, coverage_lines, measure_split

#: Added tokens that may be missing in the embeddings; T5's sentinels are that many.
_MOST_NEW = 100
#: Share of a tokenizer's tokens that must have the ids of the model's own one; some models leave room for more words.
_SHARED = 0.9
#: Rows of each split that are tokenized to see how many tokens are unknown.
_SAMPLED_ROWS = 500
#: Share of cut texts above which the line is a warning.
_MANY_CUT = 0.1
_TODO = "leave --tokenizer out, or train fresh weights for it: --model scratch:base"


@dataclass(frozen=True)
class TokenizerFit:
    """A tokenizer and the trained model that is to read its tokens.

    Args:
        model: hub id or folder.
        source: hub id or folder of the tokenizer.
        embeddings: rows of the model's input embedding.
        special_tokens: tokens that the search space adds; their rows are new.
        trust: run the code that comes with the model's own tokenizer.
    """

    tokenizer: PreTrainedTokenizerBase
    model: str
    source: str
    embeddings: int
    special_tokens: Collection[str] = ()
    trust: bool = False

    @property
    def rows(self) -> int:
        """Embeddings that the tokenizer needs; its ids may have gaps."""
        return max(self.tokenizer.get_vocab().values()) + 1

    def check(self) -> list[str]:
        """Returns remarks on new rows.

        Raises:
            UserError: the tokenizer has more tokens than the model, or other ones.
        """
        if self.source != self.model:
            self._check_meaning()
        new = self._new_tokens()
        added = self.tokenizer.get_added_vocab()
        if len(new) > _MOST_NEW or any(token not in added for token in new):
            raise UserError(
                f"tokenizer {self.source!r} has {len(self.tokenizer):,} tokens, and model {self.model!r} has "
                f"{self.embeddings:,} embeddings: {len(new):,} tokens would start from random values",
                f"at most {self.embeddings:,} tokens, and up to {_MOST_NEW} added ones",
                "name the tokenizer that the model was trained with: --tokenizer"
                if self.source == self.model
                else _TODO,
            )
        if not new:
            return []
        return [
            f"new embeddings for {len(new)} added token{'s' * (len(new) != 1)} of the tokenizer: {', '.join(new[:5])}"
        ]

    def _new_tokens(self) -> list[str]:
        """Returns the tokens without a row in the embeddings, except those that the search space adds."""
        vocabulary = self.tokenizer.get_vocab()
        new = (token for token, number in vocabulary.items() if number >= self.embeddings)
        return sorted((token for token in new if token not in self.special_tokens), key=vocabulary.__getitem__)

    def _check_meaning(self) -> None:
        """Checks that tokens have the ids that the model was trained with, if its own tokenizer can be loaded."""
        try:
            own = load_tokenizer(self.model, is_generative=False, trust=self.trust).get_vocab()
        except UserError:
            return  # a model without tokenizer files
        tokens = self.tokenizer.get_vocab()
        same = sum(own.get(token) == number for token, number in tokens.items())
        if same < _SHARED * min(len(own), len(tokens)):
            raise UserError(
                f"tokenizer {self.source!r} is of another model: {same:,} of its {len(tokens):,} tokens have the ids "
                f"that model {self.model!r} was trained with",
                "the model's own tokenizer, or one with the same ids",
                _TODO,
            )


def check_texts(
    splits: Mapping[str, Sequence[Row]],
    task: Task,
    tokenizer: PreTrainedTokenizerBase,
    limits: Limits,
    source: str,
    *,
    is_learned: bool = True,
) -> list[str]:
    """Checks that a tokenizer reads a sample of the rows, and returns what the user should know about their tokens.

    Args:
        source: hub id or folder of the tokenizer.
        is_learned: the model learns the targets, as tokens.

    Raises:
        UserError: the tokenizer does not know most of the texts.
    """
    coverage: dict[str, RoleCoverage] = {}
    cut: list[str] = []
    for name, all_rows in splits.items():
        rows = _sample(all_rows)
        table = {**task.encode(rows, tokenizer, limits)}
        if is_learned:
            table |= task.encode_targets(rows, tokenizer, limits, scored=False)
        cut += _cut_lines(name, table, limits)
        coverage[name] = measure_split(rows, table, tokenizer, targets=task.is_generative and is_learned)
    check_coverage(coverage, tokenizer, source)
    return coverage_lines(coverage, tokenizer, is_trained=False) + cut


def _cut_lines(split: str, table: Mapping[str, Sequence[Any]], limits: Limits) -> list[str]:
    """Returns a line for the sources and one for the targets of a split if some are longer than the limit."""
    sides = (
        ("cut_source", "sources", limits.source, "max_source_length"),
        ("cut_target", "targets", limits.target, "max_target_length"),
    )
    shares = [(sum(table[side[0]]) / len(table[side[0]]), *side[1:]) for side in sides if side[0] in table]
    return [
        f"{'warning: ' if share > _MANY_CUT else ''}{share:.1%} of the {what} of {split} are cut to "
        f"{limit} tokens ({key})"
        for share, what, limit, key in shares
        if share
    ]


def _sample(rows: Sequence[Row]) -> list[Row]:
    """Returns rows from all parts of a split, which may be sorted."""
    return list(rows[:: max(1, len(rows) // _SAMPLED_ROWS)])[:_SAMPLED_ROWS]
