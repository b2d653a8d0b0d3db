"""The test split, opened once: the exported model's score on rows that chose nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from corpora.tokenised import open_table
from delivery.export import read_settings
from delivery.generation import Writer
from trainables import metrics


def score_on_test(
    model: Path, rows: list[dict[str, str]], table: str, rouge_tokenizer: str, batch_size: int
) -> dict[str, Any]:
    """ROUGE of the exported model on the test split.

    Args:
        rows: the split's rows (`source`); the references are read, tokenised, from `table`.
    """
    writer = Writer(model, read_settings(model))
    texts = [""] * len(rows)
    for batch in writer.write([row["source"] for row in rows], batch_size):
        for position, text in batch:
            texts[position] = text
    tokenizer = metrics.text_tokenizer(rouge_tokenizer)
    scores = metrics.rouge(open_table(table)["reference"], tokenizer.tokenize(texts))
    return {**scores, "rows": len(rows), "rouge_tokenizer": tokenizer.name}
