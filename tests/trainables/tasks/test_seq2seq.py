"""Text-to-text tasks: what their scores are counted with."""

from __future__ import annotations

import pytest

from foundation.errors import UserError
from trainables.tasks.classification import Classification
from trainables.tasks.registry import make_task
from trainables.tasks.regression import Regression
from trainables.tasks.seq2seq import Seq2Seq
from trainables.tasks.task import Limits, Task
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


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (Seq2Seq("whitespace", source_prefix="요약: "), "<s> 요약: 긴 글 짧은 글 </s>"),
        (Classification(("가", "나"), source_prefix="요약: "), "요약: 긴 글 </s> 요약: 짧은 글"),
        (Regression(source_prefix="요약: "), "요약: 긴 글 </s> 요약: 짧은 글"),
    ],
)
def test_the_prefix_is_before_every_text_and_kept_with_the_model(task: Task, text: str) -> None:
    """Exported folders hold the options of their task. Without a prefix nothing is written."""
    tokenizer = train_words(["요약: 긴 짧은 글"], 20)
    rows = [{"source": "긴 글", "pair": "짧은 글"}]
    exported = make_task(task.name, task.to_options())
    assert tokenizer.decode(exported.encode(rows, tokenizer, Limits(20, 8))["input_ids"][0]) == text
    options = {
        name: value for name, value in task.to_options().items() if name != "source_prefix"
    }  # of earlier exports
    plain = make_task(task.name, options).encode(rows, tokenizer, Limits(20, 8))["input_ids"][0]
    assert tokenizer.decode(plain) == text.replace("요약: ", "")
