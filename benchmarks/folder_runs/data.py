"""The files of a run: the first rows of public data, and texts of which each has the same number of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

#: Rows of training and dev, and texts whose answers are compared.
ROWS, SCORED, TEXTS = 96, 32, 20

#: Search space -> its file in the folder of the data.
FILES = {
    "kobart": "sae4k/train.csv",
    "t5": "sae4k/train.csv",
    "kcbert": "nsmc/ratings_train.txt",
    "sts": "korsts/sts-train.tsv",
}


def cut(data: Path, space: str, folder: Path) -> None:
    """Writes files of the first rows of the space's data to `folder`: `train`, `dev` and `texts`."""
    source = data / FILES[space]
    with source.open(encoding="utf-8") as file:
        header, *lines = islice(file, 4 * TEXTS * ROWS)
    first = {"train": lines[:ROWS], "dev": lines[ROWS : ROWS + SCORED]}
    first["texts"] = same_words(lines[ROWS + SCORED :], 2 if space == "sts" else 1)
    folder.mkdir()
    for split, part in first.items():
        (folder / f"{split}{source.suffix}").write_text("".join([header, *part]), encoding="utf-8")


def same_words(lines: Sequence[str], texts: int) -> list[str]:
    """Returns different lines whose texts have the same number of words.

    Args:
        texts: how many of the longest columns of a line are texts.
    """
    counts = {line: _words(line, texts) for line in lines if '"' not in line}
    most = Counter(counts.values()).most_common(1)[0][0]
    return [line for line in counts if counts[line] == most][:TEXTS]


def _words(line: str, texts: int) -> tuple[int, ...]:
    columns = line.rstrip("\n").split("\t" if "\t" in line else ",")
    longest = sorted(range(len(columns)), key=lambda column: -len(columns[column]))[:texts]
    return tuple(len(columns[column].split()) for column in sorted(longest))
