"""Writes sample data as one file per split, from one stream without repetition."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

GIVE_UP_AFTER = 10_000  # consecutive attempts without a new text


def distinct(make: Callable[[], T | None], texts: Callable[[T], Sequence[str]], what: str) -> Iterator[T]:
    """Yields items of `make` without repeated texts.

    Args:
        make: Returns a random item, or None for one that cannot be used.
        texts: Returns the texts of an item that must be unique, also within the item.
        what: Name of an item, for the error.

    Raises:
        RuntimeError: `GIVE_UP_AFTER` calls in a row returned nothing new.
    """
    seen: set[str] = set()
    items = attempts = 0
    while attempts < GIVE_UP_AFTER:
        item = make()
        attempts += 1
        if item is None:
            continue
        new = texts(item)
        if len(set(new)) == len(new) and seen.isdisjoint(new):
            seen.update(new)
            items, attempts = items + 1, 0
            yield item
    raise RuntimeError(f"no new {what} in {GIVE_UP_AFTER} attempts after {items}")


def write_tsv(folder: Path, stream: Iterable[Sequence[str]], sizes: Mapping[str, int]) -> dict[str, Path]:
    """Writes SPLIT.tsv for every split in `sizes`, without a header; creates `folder` and returns the paths."""
    paths = {}
    for split, rows in _cut(stream, sizes):
        paths[split] = _path(folder, f"{split}.tsv")
        lines = ["\t".join(row) + "\n" for row in rows]
        paths[split].write_text("".join(lines), encoding="utf-8", newline="\n")
    return paths


def write_csv(
    folder: Path,
    stream: Iterable[T],
    sizes: Mapping[str, int],
    fields: Sequence[str],
    as_row: Callable[[T, str], dict[str, str]],
) -> dict[str, Path]:
    """Writes SPLIT.csv for every split in `sizes`, with a header of `fields`; else as `write_tsv`.

    Args:
        as_row: Converts an item of the stream and its name, SPLIT_NUMBER, to a row.
    """
    paths = {}
    for split, items in _cut(stream, sizes):
        paths[split] = _path(folder, f"{split}.csv")
        with paths[split].open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fields, lineterminator="\n")
            writer.writeheader()
            writer.writerows(as_row(item, f"{split}_{number}") for number, item in enumerate(items))
    return paths


def _cut(stream: Iterable[T], sizes: Mapping[str, int]) -> Iterator[tuple[str, list[T]]]:
    rest = iter(stream)
    for split, size in sizes.items():
        yield split, list(islice(rest, size))


def _path(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name
