"""Rows of a tokenised table as padded tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch


def pad(rows: Sequence[Mapping[str, Sequence[int]]], pads: Mapping[str, int]) -> dict[str, torch.Tensor]:
    """Returns the columns of `pads` as tensors [rows, tokens], padded on the right to the longest row of the batch.

    `attention_mask` is derived from the lengths of `input_ids`.

    Args:
        pads: column -> padding value; columns that the rows lack are skipped.
    """
    stack = torch.nn.utils.rnn.pad_sequence
    padded = {
        name: stack([torch.as_tensor(row[name]) for row in rows], batch_first=True, padding_value=value)
        for name, value in pads.items()
        if name in rows[0]
    }
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    padded["attention_mask"] = (torch.arange(padded["input_ids"].shape[1]) < lengths[:, None]).long()
    return padded
