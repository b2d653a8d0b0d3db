"""Text from an exported folder: rows in, texts out in the same order, in batches, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from search_spaces.errors import UserError
from trainables.batching import pad
from trainables.tasks import clean, cut, encode

#: What kotune adds to an exported folder: how inputs were cut and outputs cleaned.
SETTINGS = "kotune.json"


class Writer:
    """Generates with an exported model, its own decoding parameters included.

    Raises:
        UserError: the folder holds no model that kotune exported.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        try:
            self.model = AutoModelForSeq2SeqLM.from_pretrained(folder)
            self.tokenizer = AutoTokenizer.from_pretrained(folder)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{folder}: no model can be loaded from it: {str(error).splitlines()[0]}",
                "a folder written by kotune export, such as runs/STUDY/best_model",
            ) from error
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model.to(self.device).eval()
        self._limit, self._remove = int(settings["max_source_length"]), list(settings["remove_tokens"])

    @torch.inference_mode()
    def write(self, texts: Sequence[str], batch_size: int) -> Iterator[list[tuple[int, str]]]:
        """Batches of (position, generated text); the longest come first, so that memory runs out early or never."""
        tokens = [cut(ids, self._limit) for ids in encode(texts, self.tokenizer)]
        order = sorted(range(len(texts)), key=lambda row: -len(tokens[row]))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = pad([{"input_ids": tokens[row], "labels": [0]} for row in rows], self.model.config.pad_token_id)
            inputs = {name: batch[name].to(self.device) for name in ("input_ids", "attention_mask")}
            generated = self.model.generate(**inputs)
            returned = self.model.generation_config.num_return_sequences or 1
            texts_out = self.tokenizer.batch_decode(generated[::returned], skip_special_tokens=True)
            yield [(row, clean(text, self._remove)) for row, text in zip(rows, texts_out, strict=True)]
