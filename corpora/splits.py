"""The train, dev and test rows of a study, and what can be said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from corpora.reading import read_table
from corpora.splitting import cut_by_group, shared_targets

#: Share of the training rows that becomes the dev split when none is given.
DEV_SHARE = 0.1

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Split:
    """One split: its rows (roles `id`, `source`, `target`), the file they come from and that file's hash."""

    rows: Rows
    path: str
    sha256: str


@dataclass(frozen=True)
class Splits:
    """All splits of a study; `remarks` are sentences for the person who gave them."""

    train: Split
    dev: Split
    test: Split | None
    remarks: list[str]

    def described(self) -> dict[str, dict[str, object]]:
        """`path`, `rows` and `sha256` per split, for the summary."""
        named = {"train": self.train, "dev": self.dev, "test": self.test}
        return {
            name: {"path": split.path, "rows": len(split.rows), "sha256": split.sha256}
            for name, split in named.items()
            if split is not None
        }


def read_splits(
    train: str, dev: str | None, test: str | None, columns: Mapping[str, str | None], *, seed: int
) -> Splits:
    """Read all files; without `dev`, cut it from `train` so that no target stands on both sides.

    Args:
        columns: role (`id`, `source`, `target`) -> column name; without `id` rows are numbered.
        seed: of the cut.

    Raises:
        UserError: a file cannot be read, or holds rows that cannot be used.
    """
    whole = _read(train, columns)
    test_split = _read(test, columns) if test else None
    remarks = []
    if dev:
        dev_split = _read(dev, columns)
        shared = shared_targets(whole.rows, dev_split.rows)
        if shared:
            remarks.append(f"{shared} of {len(dev_split.rows)} dev targets also stand in train")
    else:
        kept, cut = cut_by_group(whole.rows, "target", DEV_SHARE, seed)
        dev_split = Split([whole.rows[row] for row in cut], whole.path, whole.sha256)
        whole = Split([whole.rows[row] for row in kept], whole.path, whole.sha256)
        remarks.append(f"no --dev: {len(cut)} rows were cut from train, no target on both sides")
    if test_split is not None:
        shared = shared_targets(whole.rows, test_split.rows)
        if shared:
            remarks.append(f"{shared} of {len(test_split.rows)} test targets also stand in train")
        shared = shared_targets(dev_split.rows, test_split.rows)
        if shared:
            remarks.append(f"{shared} of {len(test_split.rows)} test targets also stand in dev, which chooses")
    return Splits(whole, dev_split, test_split, remarks)


def _read(path: str, columns: Mapping[str, str | None]) -> Split:
    required = {role: name for role, name in columns.items() if name and role != "id"}
    table = read_table(path, required, {"id": columns.get("id") or ""})
    rows = [{**row, "id": row.get("id") or str(number)} for number, row in enumerate(table.rows, 1)]
    return Split(rows, str(Path(path).resolve()), table.sha256)
