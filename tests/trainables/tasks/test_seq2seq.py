"""Text-to-text tasks: what their scores are counted with."""

from __future__ import annotations

import pytest

from foundation.errors import UserError
from trainables.tasks.seq2seq import Seq2Seq
from trainables.tasks.task import Limits
from trainables.text.word_tokenizers import train_words


def test_korean_targets_without_tokens_are_refused() -> None:
    """rouge-score deletes everything but a–z and 0–9: Hangul against itself would score 0."""
    rows = [{"source": f"글 {row}", "target": "요약" if row else "summary"} for row in range(3)]
    tokenizer = train_words([row["source"] for row in rows], 20)
    task = Seq2Seq("rouge_score")
    with pytest.raises(UserError, match="returns no token for 2 of 3 targets") as caught:
        task.encode_targets(rows, tokenizer, Limits(8, 8), scored=True)
    assert caught.value.todo == "use kiwi for Korean"
    assert task.encode_targets(rows[:2], tokenizer, Limits(8, 8), scored=True)["reference"] == [["summary"], []]
    assert "reference" not in task.encode_targets(rows, tokenizer, Limits(8, 8), scored=False)
