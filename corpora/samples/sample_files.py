"""Sample data as files, one per split, all cut from one stream without repetition: nothing stands in two of them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

GIVE_UP_AFTER = 10_000  # attempts in vain, one after another: the tables are exhausted


def distinct(make: Callable[[], T | None], texts: Callable[[T], Sequence[str]], what: str) -> Iterator[T]:
    """Yield what `make` makes, without end, no text twice.

    Args:
        make: answers something at each call, by chance; None where it cannot be used.
        texts: those of its texts that may occur only once, also inside one of them.
        what: its name in the error.

    Raises:
        RuntimeError: nothing new came in `GIVE_UP_AFTER` calls.
    """
    seen: set[str] = set()
    made = in_vain = 0
    while in_vain < GIVE_UP_AFTER:
        one = make()
        in_vain += 1
        if one is None:
            continue
        new = texts(one)
        if len(set(new)) == len(new) and seen.isdisjoint(new):
            seen.update(new)
            made, in_vain = made + 1, 0
            yield one
    raise RuntimeError(f"no new {what} in {GIVE_UP_AFTER} attempts after {made}")


def write_tsv(folder: Path, stream: Iterable[Sequence[str]], sizes: Mapping[str, int]) -> dict[str, Path]:
    """SPLIT.tsv for every split in `sizes`: fields and tabs, no header. `folder` is made if missing; paths by split."""
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
    """SPLIT.csv for every split in `sizes`, with a header of `fields`; as `write_tsv` otherwise.

    Args:
        as_row: makes a row of one element of the stream and its name, SPLIT_NUMBER.
    """
    paths = {}
    for split, found in _cut(stream, sizes):
        paths[split] = _path(folder, f"{split}.csv")
        with paths[split].open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fields, lineterminator="\n")
            writer.writeheader()
            writer.writerows(as_row(one, f"{split}_{number}") for number, one in enumerate(found))
    return paths


def _cut(stream: Iterable[T], sizes: Mapping[str, int]) -> Iterator[tuple[str, list[T]]]:
    rest = iter(stream)
    for split, size in sizes.items():
        yield split, list(islice(rest, size))


def _path(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name
