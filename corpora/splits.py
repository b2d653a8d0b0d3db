"""Reads the train, dev and test rows of a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from corpora.classes import class_problem
from corpora.names import clean
from corpora.reading import has_own_names, read_table
from corpora.references import role_of, with_targets
from corpora.same_text import kind_of
from corpora.splitting import groups_of, shared_texts, split_by_group
from corpora.table_rows import Refused
from foundation.checked_json import Count
from foundation.errors import UserError
from search_spaces.choices import BrokenRows, Quoting

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Layout:
    """The format of the files of a study.

    Args:
        columns: Role (`source`, `target`, and perhaps `id` and `pair`) -> column name.
        targets: All target columns; a file uses those that it has, and a row those that have text.
        header: Column names of files without a header line.
        quoting, broken: As in `corpora.reading.read_table`.
        labels: Target in the files -> label that is learned; None: unchanged.
    """

    columns: Mapping[str, str | None]
    header: Sequence[str] = ()
    quoting: Quoting = Quoting.AUTO
    broken: BrokenRows = BrokenRows.STOP
    labels: Mapping[str, str] | None = None
    targets: Sequence[str] = ()


@dataclass(frozen=True)
class Split:
    """One split: its rows (keyed by role), their file, the file's hash, and the rows that were skipped.

    Args:
        header: The names of the columns of a file without a header line; empty for other files.
    """

    rows: Rows
    path: str
    sha256: str
    refused: tuple[Refused, ...] = ()
    header: tuple[str, ...] = ()


class SplitFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of a split, its number of rows after filters, and the SHA-256 of its content."""

    path: str
    rows: Count
    sha256: str


@dataclass(frozen=True)
class Splits:
    """All splits of a study; `remarks` are sentences for the user.

    Args:
        learnable: The training rows before sampling, which define the classes.
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


def dev_problems(rows: Rows) -> list[str]:
    """Returns why scores on these rows cannot tell good models from bad ones; empty if they can."""
    if len(rows) == 1:
        return ["dev has 1 row, so that its scores say little; use --dev FILE with more rows"]
    targets = {row["target"] for row in rows}
    if len(rows) > 1 and len(targets) == 1:
        return [f"all {len(rows):,} dev rows have the target {targets.pop()!r}; use --dev FILE with others too"]
    return []


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
    split_version: int,
) -> Splits:
    """Reads all files; without `dev`, splits it off `train` so that no text of the roles `split_by` is on both sides.

    Args:
        seed: Seed of the split.
        split_by: Roles whose texts must not be on both sides.
        classes: Targets are classes; a class that would be in dev only stays in train.
        dev_share: Share of the training rows that becomes the dev split.
        split_version: How texts are compared (`corpora.same_text.keys_of`).

    Raises:
        UserError: a file cannot be read, has unusable rows, cannot be split, or has targets that are no classes.
    """
    train_split = read_split(train, layout)
    if classes and (wrong := class_problem(train, train_split.rows, train_split.header, layout.columns)):
        raise wrong
    test_split = read_split(test, layout) if test else None
    remarks = [*_refusals("train", train_split), *([] if classes else _first_row("train", train_split))]
    what = " or ".join(f"{texts}s" for texts in _compared(split_by))
    if dev:
        dev_split = read_split(dev, layout)
        remarks += _refusals("dev", dev_split) + _shared("dev", dev_split, "train", train_split, split_by)
    else:
        try:
            rest, part = split_by_group(train_split.rows, split_by, dev_share, seed, split_version=split_version)
        except UserError as error:
            raise UserError(f"{train}: {error.problem}", error.allowed, error.todo) from None
        _check_size(len(part), len(train_split.rows), dev_share, what)
        if classes:
            rest, part = _with_every_class(train_split.rows, rest, part, split_by, split_version)
            if not part:
                rows = f"{len(train_split.rows):,} training rows"
                problem = f"cannot hold out a dev split of {rows}: every candidate row is the only example of its class"
                raise UserError(problem, "classes with two rows or more", "use --dev FILE, or more rows")
        dev_split = replace(train_split, rows=[train_split.rows[row] for row in part], refused=())
        train_split = replace(train_split, rows=[train_split.rows[row] for row in rest])
        shared = _shared("dev", dev_split, "train", train_split, split_by)  # only if an earlier version split them
        remark = f"no --dev: {len(part):,} rows of train became dev"
        remarks += [remark, *shared] if shared else [f"{remark}; no {what} are on both sides"]
    if test_split is not None:
        remarks += _refusals("test", test_split) + _shared("test", test_split, "train", train_split, split_by)
        remarks += [
            f"{remark}, which selects the best trial"
            for remark in _shared("test", test_split, "dev", dev_split, split_by)
        ]
    return Splits(train_split, dev_split, test_split, remarks, learnable=train_split.rows)


def read_split(path: str, layout: Layout, *, targets: bool = True) -> Split:
    """Reads one file.

    Args:
        targets: Every row needs a target.

    Raises:
        UserError: the file cannot be read, or has unusable rows.
    """
    return read_numbered(path, layout, targets=targets)[0]


def read_numbered(path: str, layout: Layout, *, targets: bool = True) -> tuple[Split, list[int]]:
    """Reads one file as `read_split` does, and returns the first line of each row in the file as well."""
    required, optional, any_of = roles_of(layout, targets=targets)
    table = read_table(
        path,
        required,
        optional,
        header=layout.header,
        quoting=quoting_of(path, layout),
        broken=layout.broken,
        any_of=any_of,
    )
    rows = [with_id(row, number, layout) for number, row in enumerate(table.rows, 1)]
    if targets and layout.labels:
        rows = _relabelled(rows, layout.labels, path)
    header = table.columns if table.line_numbers[:1] == [1] and not has_own_names(path) else ()
    return Split(rows, str(Path(path).resolve()), table.sha256, tuple(table.refused), header), table.line_numbers


def roles_of(layout: Layout, *, targets: bool) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Returns role -> column: those that every row needs, those that it may have, and those of which it needs one."""
    columns = {role: name for role, name in layout.columns.items() if name}
    needs_target = targets and not len(layout.targets) > 1
    required = {role: name for role, name in columns.items() if role != "id" and (needs_target or role != "target")}
    optional, any_of = {"id": columns.get("id") or ""}, dict[str, str]()
    if not needs_target:
        names = layout.targets or (columns["target"],)
        (any_of if targets else optional).update({role_of(number): name for number, name in enumerate(names, 1)})
    return required, optional, any_of


def with_id(row: Mapping[str, str], number: int, layout: Layout) -> dict[str, str]:
    """Returns a row with its number as its id if it has none, and with its targets as the layout says."""
    row = {**row, "id": row.get("id") or str(number)}
    return with_targets(row, len(layout.targets)) if len(layout.targets) > 1 else row


def _check_size(part: int, rows: int, share: float, what: str) -> None:
    expected = share * rows
    if not expected / 2 - 1 <= part <= 2 * expected + 1:
        problem = f"{part:,} of {rows:,} training rows would become dev: rows with common {what} stay together"
        classes = "; if targets are classes, --set correct_labels=true" if "target" in what else ""
        raise UserError(problem, f"about {expected:,.0f} (data.dev_share)", f"use --dev FILE{classes}")


def _with_every_class(
    rows: Rows, rest: Sequence[int], part: Sequence[int], split_by: Sequence[str], split_version: int
) -> tuple[list[int], list[int]]:
    """Moves dev rows of classes that train does not have back to train, with all rows that share a text with them."""
    classes = {rows[row]["target"] for row in rest}
    back: set[int] = set()
    for group in groups_of([rows[row] for row in part], split_by, split_version=split_version):
        if any(rows[part[index]]["target"] not in classes for index in group):
            back.update(part[index] for index in group)
    return sorted([*rest, *back]), [row for row in part if row not in back]


def _relabelled(rows: Rows, labels: Mapping[str, str], path: str) -> Rows:
    labels = {clean(old): clean(new) for old, new in labels.items()}
    missing = Counter(row["target"] for row in rows if row["target"] not in labels)
    if missing:
        shown = ", ".join(f"{label!r} ({count} times)" for label, count in missing.most_common(5))
        raise UserError(f"{path}: data.labels does not contain {shown}", ", ".join(labels), "add it to data.labels")
    return [{**row, "target": labels[row["target"]]} for row in rows]


def quoting_of(path: str, layout: Layout) -> Quoting:
    """Returns how the fields of a file are quoted."""
    return Quoting.AUTO if has_own_names(path) else layout.quoting  # JSON has its own quoting, and Parquet none


def _refusals(name: str, split: Split) -> list[str]:
    if not split.refused:
        return []
    shown = ", ".join(f"line {row.line:,} ({row.reason})" for row in split.refused[:3])
    more = f" and {len(split.refused) - 3:,} more" if len(split.refused) > 3 else ""
    total = len(split.rows) + len(split.refused)
    return [f"{name}: {len(split.refused):,} of {total:,} rows skipped: {shown}{more}"]


def _first_row(name: str, split: Split) -> list[str]:
    """Returns how a file without a header line begins: column names of another program would be a row."""
    if not split.header:
        return []
    texts = [
        f"{role} {(text if len(text) <= 30 else text[:29] + '…')!r}"
        for role, text in split.rows[0].items()
        if role != "id"
    ]
    return [f"{name} has no header line; its first row: {', '.join(texts)}"]


def _compared(split_by: Sequence[str]) -> dict[str, list[str]]:
    """Returns what messages call the compared texts -> their roles; the two texts of a pair are compared together."""
    kinds: dict[str, list[str]] = {}
    for role in split_by:
        kinds.setdefault(kind_of(role), []).append(role)
    return {roles[0] if len(roles) == 1 else kind: roles for kind, roles in kinds.items()}


def _shared(name: str, split: Split, other: str, other_split: Split, split_by: Sequence[str]) -> list[str]:
    total = len(split.rows)
    remarks = []
    for texts, roles in _compared(split_by).items():
        if count := len(shared_texts(other_split.rows, split.rows, roles)):
            are = f"{name} {texts}s are also" if len(roles) == 1 else f"{name} rows have a text that is also"
            remarks.append(f"{count:,} of {total:,} {are} in {other}")
    return remarks
