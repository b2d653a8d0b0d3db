"""The train, dev and test rows of a study, and what can be said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from corpora.reading import Refused, read_table
from corpora.records import clean
from corpora.splitting import cut_by_group, shared_texts
from foundation.checked_json import Count
from foundation.errors import UserError
from search_spaces.choices import BrokenRows, Quoting

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Layout:
    """How the files of a study are written.

    Args:
        columns: role (`source`, `target`, and perhaps `id` and `pair`) -> column name.
        header: names of the columns of files without a header line.
        quoting, broken: as `corpora.reading.read_table` has them.
        labels: targets as the files have them -> as they are learned; None: as they are.
    """

    columns: Mapping[str, str | None]
    header: Sequence[str] = ()
    quoting: Quoting = Quoting.AUTO
    broken: BrokenRows = BrokenRows.STOP
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Split:
    """One split: its rows (by role), the file they come from, that file's hash, and what was left out of it."""

    rows: Rows
    path: str
    sha256: str
    refused: tuple[Refused, ...] = ()


class SplitFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of a split, its number of rows after filters, and the SHA-256 of its content."""

    path: str
    rows: Count
    sha256: str


@dataclass(frozen=True)
class Splits:
    """All splits of a study; `remarks` are sentences for the person who gave them.

    Args:
        learnable: the training rows before a sample was drawn of them: they say which classes there are.
    """

    train: Split
    dev: Split
    test: Split | None
    remarks: list[str]
    learnable: Rows

    def described(self) -> dict[str, SplitFile]:
        """Split name -> its file, for the summary."""
        named = {"train": self.train, "dev": self.dev, "test": self.test}
        return {
            name: SplitFile(split.path, len(split.rows), split.sha256)
            for name, split in named.items()
            if split is not None
        }


def read_splits(
    train: str,
    dev: str | None,
    test: str | None,
    layout: Layout,
    *,
    seed: int,
    split_by: Sequence[str],
    classes: bool = False,
    dev_share: float = 0.1,
) -> Splits:
    """Read all files; without `dev`, cut it from `train` so that no text of the roles `split_by` stands on both sides.

    Args:
        seed: of the cut.
        split_by: the roles that tell whether two rows are too alike to be on both sides.
        classes: whether targets are classes; rows of one that would be in dev alone stay in train.
        dev_share: of the training rows that becomes the dev split.

    Raises:
        UserError: a file cannot be read, or holds rows that cannot be used.
    """
    whole = read_split(train, layout)
    test_split = read_split(test, layout) if test else None
    remarks = _refusals("train", whole)
    what = " or ".join(f"{role}s" for role in split_by)
    if dev:
        dev_split = read_split(dev, layout)
        remarks += _refusals("dev", dev_split) + _shared("dev", dev_split, "train", whole, split_by)
    else:
        try:
            kept, cut = cut_by_group(whole.rows, split_by, dev_share, seed)
        except UserError as error:
            raise UserError(f"{train}: {error.problem}", error.allowed, error.todo) from None
        _check_size(len(cut), len(whole.rows), dev_share, what)
        if classes:
            kept, cut = _with_every_class(whole.rows, kept, cut, split_by)
            if not cut:
                given = (
                    f"of {len(whole.rows):,} training rows none is left for dev: of their classes train has no other"
                )
                raise UserError(given, "classes of two rows and more", "--dev FILE, or more rows")
        dev_split = replace(whole, rows=[whole.rows[row] for row in cut], refused=())
        whole = replace(whole, rows=[whole.rows[row] for row in kept])
        remarks.append(f"no --dev: {len(cut):,} rows were cut from train, none of their {what} on both sides")
    if test_split is not None:
        remarks += _refusals("test", test_split) + _shared("test", test_split, "train", whole, split_by)
        remarks += [f"{remark}, which chooses" for remark in _shared("test", test_split, "dev", dev_split, split_by)]
    return Splits(whole, dev_split, test_split, remarks, learnable=whole.rows)


def read_split(path: str, layout: Layout, *, targets: bool = True) -> Split:
    """One file.

    Args:
        targets: whether every row needs one.

    Raises:
        UserError: it cannot be read, or holds rows that cannot be used.
    """
    named = {role: name for role, name in layout.columns.items() if name}
    needed = {role: name for role, name in named.items() if role != "id" and (targets or role != "target")}
    others = {"id": named.get("id") or ""} | ({} if targets else {"target": named["target"]})
    table = read_table(path, needed, others, header=layout.header, quoting=_quoting(path, layout), broken=layout.broken)
    rows = [{**row, "id": row.get("id") or str(number)} for number, row in enumerate(table.rows, 1)]
    if targets and layout.labels:
        rows = _relabelled(rows, layout.labels, path)
    return Split(rows, str(Path(path).resolve()), table.sha256, tuple(table.refused))


def _check_size(cut: int, rows: int, share: float, what: str) -> None:
    wanted = share * rows
    if not wanted / 2 - 1 <= cut <= 2 * wanted + 1:
        given = f"of {rows:,} training rows {cut:,} can be cut off for dev: rows hang together by common {what}"
        classes = "; if targets are classes, --set correct_labels=true" if "target" in what else ""
        raise UserError(given, f"about {wanted:,.0f} (data.dev_share)", f"--dev FILE{classes}")


def _with_every_class(
    rows: Rows, kept: Sequence[int], cut: Sequence[int], split_by: Sequence[str]
) -> tuple[list[int], list[int]]:
    """The cut, but for rows of classes that nothing would be learned of, and for those that share a text with them."""
    known = {rows[row]["target"] for row in kept}
    rare = [rows[row] for row in cut if rows[row]["target"] not in known]
    dev = [rows[row] for row in cut]
    back = {cut[index] for role in split_by for index in shared_texts(rare, dev, role)}
    return sorted([*kept, *back]), [row for row in cut if row not in back]


def _relabelled(rows: Rows, labels: Mapping[str, str], path: str) -> Rows:
    labels = {clean(old): clean(new) for old, new in labels.items()}
    strange = Counter(row["target"] for row in rows if row["target"] not in labels)
    if strange:
        shown = ", ".join(f"{label!r} ({count} times)" for label, count in strange.most_common(5))
        raise UserError(f"{path}: data.labels says nothing of {shown}", ", ".join(labels), "add it to data.labels")
    return [{**row, "target": labels[row["target"]]} for row in rows]


def _quoting(path: str, layout: Layout) -> Quoting:
    return Quoting.AUTO if "json" in Path(path).suffix.lower() else layout.quoting  # JSON lines quote in their own way


def _refusals(name: str, split: Split) -> list[str]:
    if not split.refused:
        return []
    shown = ", ".join(f"line {row.line:,} ({row.reason})" for row in split.refused[:3])
    more = f" and {len(split.refused) - 3:,} more" if len(split.refused) > 3 else ""
    total = len(split.rows) + len(split.refused)
    return [f"{name}: {len(split.refused):,} of {total:,} rows left out: {shown}{more}"]


def _shared(name: str, split: Split, other: str, among: Split, split_by: Sequence[str]) -> list[str]:
    shared = {role: len(shared_texts(among.rows, split.rows, role)) for role in split_by}
    total = len(split.rows)
    return [f"{count:,} of {total:,} {name} {role}s also stand in {other}" for role, count in shared.items() if count]
