"""The lines of Python in a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import ByT5Tokenizer

from delivery.exports import card
from delivery.sessions.space_options import resolve_space
from trainables.tasks.regression import Regression
from trainables.tasks.seq2seq import Seq2Seq
from trainables.tasks.task import Task
from tuning.studies.study import Study


@pytest.mark.parametrize(
    ("space", "task", "call"),
    [
        ("t5", Seq2Seq(), "tokenizer('query: ' + TEXT, "),
        ("sts", Regression(), "tokenizer('query: ' + TEXT, 'query: ' + SECOND_TEXT, "),
    ],
)
def test_the_card_writes_the_prefix(space: str, task: Task, call: str, tmp_path: Path) -> None:
    """Without it the model would read texts unlike those that it was trained on."""
    tokenizer: Any = ByT5Tokenizer()
    for prefix, written in (("query: ", call), (None, call.replace("'query: ' + ", ""))):
        options = ["wandb.mode=disabled", *([f"source_prefix={prefix}"] if prefix else [])]
        study = Study.create(resolve_space(space, {}, options, [], None), tmp_path, f"with-{prefix is not None}")
        assert written in card._use(study, tmp_path, tokenizer, task)
