"""Tasks: what the columns of a corpus mean, how rows become tokens, and how an evaluation is scored.

Adding a task is one class here and one line in `TASKS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from corpora.fingerprint import fingerprint
from corpora.tokenised import cached
from search_spaces.errors import UserError, nearest
from trainables import metrics
from trainables.judging import Evaluation


@dataclass(frozen=True)
class Limits:
    """Longest source and target in tokens, ends included; longer rows are cut and counted."""

    source: int
    target: int


@dataclass(frozen=True)
class Prepared:
    """A tokenised split: its table, and how many of its rows were cut to the limits."""

    folder: Path
    rows: int
    cut_sources: int
    cut_targets: int


class Summarisation:
    """A dialogue or text (`source`) and its summary (`target`)."""

    name = "summarisation"
    metrics = tuple(metrics.DIRECTIONS)

    def prepare(
        self,
        rows: Sequence[Mapping[str, str]],
        tokenizer: PreTrainedTokenizerBase,
        limits: Limits,
        rouge_tokenizer: str,
        cache: Path,
        *,
        scored: bool = True,
    ) -> Prepared:
        """Tokenise a split once; the same rows, tokenizer and limits find the same table again.

        Args:
            scored: whether the targets are references of a score, to be cut into its units beforehand.
        """
        from corpora.tokenised import open_table

        text_tokenizer = metrics.text_tokenizer(rouge_tokenizer) if scored else None
        key = fingerprint(
            [[row["source"], row["target"]] for row in rows],
            _identity(tokenizer),
            [limits.source, limits.target],
            text_tokenizer.name if text_tokenizer else "",
            3,  # of this function: what the columns mean
        )

        def make() -> dict[str, list[Any]]:
            sources = encode([row["source"] for row in rows], tokenizer)
            targets = encode([row["target"] for row in rows], tokenizer, start=False)
            references = text_tokenizer.tokenize([row["target"] for row in rows]) if text_tokenizer else None
            return {
                "input_ids": [cut(tokens, limits.source) for tokens in sources],
                "labels": [cut(tokens, limits.target) for tokens in targets],
                "length": [min(len(tokens), limits.source) for tokens in sources],
                "cut_source": [len(tokens) > limits.source for tokens in sources],
                "cut_target": [len(tokens) > limits.target for tokens in targets],
                **({} if references is None else {"reference": references}),
            }

        folder = cached(cache, key, make)
        table = open_table(folder)
        return Prepared(folder, len(table), sum(table["cut_source"]), sum(table["cut_target"]))

    def score(
        self, evaluation: Evaluation, references: Sequence[Sequence[str]], rouge_tokenizer: str
    ) -> dict[str, float]:
        """Metrics of an evaluation against references that were tokenised beforehand."""
        tokens = metrics.text_tokenizer(rouge_tokenizer).tokenize(evaluation.texts)
        return {
            **metrics.rouge(references, tokens),
            "loss": evaluation.loss,
            "gen_len": evaluation.generated_tokens,
            "eval_seconds": evaluation.seconds,
        }


TASKS: dict[str, Summarisation] = {task.name: task for task in (Summarisation(),)}


def task_named(name: str) -> Summarisation:
    """The task called `name`.

    Raises:
        UserError: there is none.
    """
    if name not in TASKS:
        raise UserError(f"task {name!r} is unknown", ", ".join(TASKS), nearest(name, TASKS))
    return TASKS[name]


def encode(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, *, start: bool = True) -> list[list[int]]:
    """Token ids per text, closed by the end token.

    Many Korean tokenizers (KoBART's among them) add no ends of their own; then they are put here.

    Args:
        start: put the beginning token too; targets go without, since the decoder starts from its own.
    """
    if not texts:
        return []
    ids: list[list[int]] = tokenizer(list(texts), return_attention_mask=False, return_token_type_ids=False)["input_ids"]
    if ends_itself(tokenizer):
        return ids
    begin = [tokenizer.bos_token_id] if start and tokenizer.bos_token_id is not None else []
    return [[*begin, *tokens, tokenizer.eos_token_id] for tokens in ids]


def ends_itself(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer closes texts with an end token of its own accord."""
    return bool(tokenizer("가")["input_ids"][-1] == tokenizer.eos_token_id)


def cut(tokens: Sequence[int], limit: int) -> list[int]:
    """The first tokens up to `limit`, still closed by the end token."""
    return list(tokens) if len(tokens) <= limit else [*tokens[: limit - 1], tokens[-1]]


def clean(text: str, remove_tokens: Sequence[str]) -> str:
    """Generated text as it is scored and written: unwanted tokens out, runs of blanks made one."""
    for token in remove_tokens:
        text = text.replace(token, " ")
    return " ".join(text.split())


def _identity(tokenizer: PreTrainedTokenizerBase) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = backend.to_str() if backend is not None else ""
    return fingerprint(type(tokenizer).__name__, sorted(tokenizer.get_vocab().items()), rules)
