"""Cut a part off a table so that no rows that share a text stand on both sides."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

from foundation.errors import UserError, raise_all

Row = Mapping[str, str]


def cut_by_group(rows: Sequence[Row], roles: Sequence[str], fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices of the rows that are kept and of those that are cut off, both in file order.

    Rows are one group that share a text in one of the roles, or are joined by others that do. The cut side has the
    number of rows nearest to `fraction * len(rows)` that whole groups can add up to, of two equally near ones the
    smaller; at least one group stays on either side. Groups of every size are cut in about the same share. Which
    ones, only `seed` and the groups themselves decide, not the order of the rows.

    Args:
        rows: the rows of a `Table`.
        roles: whose texts are compared, without regard to case and whitespace.
        fraction: the share of rows to cut off, between 0 and 1, both excluded.
        seed: any integer.

    Raises:
        UserError: fewer than two groups, a fraction out of range, or a role that the rows do not have.
    """
    _check(rows, roles, fraction)
    groups = _groups(rows, roles)
    if len(groups) < 2:
        given = f"{len(rows):,} rows in {len(groups)} group{'' if len(groups) == 1 else 's'} cannot be cut in two"
        allowed = f"at least two groups of rows that share no {' or '.join(roles)}"
        classes = "; if the targets are classes, --set correct_labels=true" if "target" in roles else ""
        raise UserError(given, allowed, "give a file of its own for each split" + classes)
    by_size: dict[int, list[str]] = defaultdict(list)
    for key in sorted(groups, key=lambda key: _hash(seed, key)):
        by_size[len(groups[key])].append(key)
    numbers = _groups_per_size({size: len(keys) for size, keys in by_size.items()}, fraction, seed)
    cut = {index for size, keys in by_size.items() for key in keys[: numbers[size]] for index in groups[key]}
    return [index for index in range(len(rows)) if index not in cut], sorted(cut)


def shared_texts(first: Sequence[Row], second: Sequence[Row], role: str) -> list[int]:
    """Indices of the rows of `second` whose text in `role` stands in `first` too, without regard to case and
    whitespace.

    Raises:
        KeyError: a row without that role.
    """
    known = {_same(row[role]) for row in first}
    return [index for index, row in enumerate(second) if _same(row[role]) in known]


def _check(rows: Sequence[Row], roles: Sequence[str], fraction: float) -> None:
    problems = []
    if not 0 < fraction < 1:
        given = f"a split that cuts off {fraction} of the rows"
        problems.append(UserError(given, "more than 0 and less than 1", "0.1 cuts off one row in ten"))
    for role in roles:
        if any(role not in row for row in rows):
            known = ", ".join(sorted({role for row in rows for role in row}))
            problems.append(UserError(f"a split by {role!r}, which not every row has", known, "name one of these"))
    raise_all(problems)


def _groups(rows: Sequence[Row], roles: Sequence[str]) -> dict[str, list[int]]:
    """Rows that belong together, by the first of their texts in the first role."""
    above = list(range(len(rows)))  # row -> one nearer to the first of its group

    def first(row: int) -> int:
        while above[row] != row:
            above[row] = above[above[row]]  # halves the way for whoever asks next
            row = above[row]
        return row

    seen: dict[tuple[str, str], int] = {}
    for index, row in enumerate(rows):
        for role in roles:
            above[first(index)] = first(seen.setdefault((role, _same(row[role])), index))
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(len(rows)):
        groups[first(index)].append(index)
    return {min(_same(rows[index][roles[0]]) for index in group): group for group in groups.values()}


def _same(text: str) -> str:
    return " ".join(text.casefold().split())


def _hash(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{key}".encode()).digest()


def _uniform(seed: int, key: str) -> float:
    return int.from_bytes(_hash(seed, key)[:8]) / 2**64


def _groups_per_size(counts: Mapping[int, int], fraction: float, seed: int) -> dict[int, int]:
    """How many groups of each size to cut, so that the rows add up as near to the fraction as they can."""
    sizes = sorted(counts)  # the small ones last to be fixed below, since they fill any gap that is left
    total = sum(size * counts[size] for size in sizes)
    sums = _reachable_sums([(size, counts[size]) for size in sizes], total - 1)
    left = _nearest_sum(sums[-1], fraction * total)
    numbers = {}
    for size, before in reversed(list(zip(sizes, sums, strict=False))):
        # Rounding by chance, or a size that only few groups have would never be cut.
        share = fraction * counts[size] + _uniform(seed, f"size {size}") - 0.5
        bits = _bits(before)
        feasible = [k for k in range(min(counts[size], left // size) + 1) if _has(bits, left - k * size)]
        numbers[size] = min(feasible, key=lambda k: abs(k - share))
        left -= numbers[size] * size
    return numbers


def _reachable_sums(sizes: Sequence[tuple[int, int]], most: int) -> list[int]:
    """Bit s of the n-th number: some of the groups of the first n (size, count) add up to s rows, s <= most."""
    sums = [1]
    for size, count in sizes:
        reached, step = sums[-1], 1
        while count:
            taken = min(step, count)
            reached |= reached << (size * taken)
            count, step = count - taken, 2 * step
        sums.append(reached & ((1 << (most + 1)) - 1))
    return sums


def _nearest_sum(reached: int, wanted: float) -> int:
    bits = _bits(reached)
    return min((s for s in range(1, len(bits)) if _has(bits, s)), key=lambda s: (abs(s - wanted), s))


def _bits(number: int) -> str:
    return bin(number)[:1:-1]  # lowest first


def _has(bits: str, position: int) -> bool:
    return position < len(bits) and bits[position] == "1"
