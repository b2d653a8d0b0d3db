"""Splits off a part of the rows so that no text is on both sides."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

from corpora.same_text import keys_of, word_key
from foundation.errors import UserError, raise_all
from search_spaces.choices import SPLIT_VERSION

Row = Mapping[str, str]


def split_by_group(
    rows: Sequence[Row], roles: Sequence[str], fraction: float, seed: int, *, split_version: int
) -> tuple[list[int], list[int]]:
    """Returns the indices of the remaining rows and of those that are split off, both in file order.

    Rows that share a text in one of the roles, directly or through other rows, form a group, and groups are never
    divided. The split has the number of rows nearest to `fraction * len(rows)` that whole groups can reach (of two
    equally near numbers the smaller), and each side has at least one group. Groups of every size are chosen at about
    the same rate. The choice depends on `seed` and on the groups, not on the order of the rows.

    Args:
        rows: The rows of a `Table`.
        roles: Roles whose texts are compared, as `corpora.same_text` describes.
        fraction: Share of rows to split off, between 0 and 1, both exclusive.
        seed: Any integer.
        split_version: As in `corpora.same_text.keys_of`.

    Raises:
        UserError: there are fewer than two groups, the fraction is out of range, or rows do not have a role.
    """
    _check(rows, roles, fraction)
    groups = {
        # The first text decides the order of groups; as words, so that a seed gives the split of earlier versions
        # wherever their groups are the same.
        min(word_key(rows[index][roles[0]]) for index in group): group
        for group in groups_of(rows, roles, split_version=split_version)
    }
    if len(groups) < 2:
        problem = f"{len(rows):,} rows in {len(groups)} group{'' if len(groups) == 1 else 's'} cannot be split"
        allowed = f"at least two groups of rows that share no {' or '.join(roles)}"
        classes = "; if the targets are classes, --set correct_labels=true" if "target" in roles else ""
        raise UserError(problem, allowed, "use a separate file for each split" + classes)
    by_size: dict[int, list[str]] = defaultdict(list)
    for key in sorted(groups, key=lambda key: _hash(seed, key)):
        by_size[len(groups[key])].append(key)
    numbers = _groups_per_size({size: len(keys) for size, keys in by_size.items()}, fraction, seed)
    part = {index for size, keys in by_size.items() for key in keys[: numbers[size]] for index in groups[key]}
    return [index for index in range(len(rows)) if index not in part], sorted(part)


def shared_texts(first: Sequence[Row], second: Sequence[Row], roles: Sequence[str]) -> list[int]:
    """Returns the indices of rows of `second` that share a text in one of the roles with `first`.

    Raises:
        KeyError: a row does not have one of the roles.
    """
    keys = {key for row in first for key in keys_of(row, roles, split_version=SPLIT_VERSION)}
    each = (keys_of(row, roles, split_version=SPLIT_VERSION) for row in second)
    return [index for index, row_keys in enumerate(each) if not keys.isdisjoint(row_keys)]


def groups_of(rows: Sequence[Row], roles: Sequence[str], *, split_version: int) -> list[list[int]]:
    """Returns the groups of row indices that share a text, directly or through other rows."""
    parents = list(range(len(rows)))  # union-find: row -> a row nearer to the root of its group

    def root(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]  # path halving
            row = parents[row]
        return row

    seen: dict[tuple[str, str], int] = {}
    for index, row in enumerate(rows):
        for key in keys_of(row, roles, split_version=split_version):
            parents[root(index)] = root(seen.setdefault(key, index))
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(len(rows)):
        groups[root(index)].append(index)
    return list(groups.values())


def _check(rows: Sequence[Row], roles: Sequence[str], fraction: float) -> None:
    problems = []
    if not 0 < fraction < 1:
        problem = f"a split of {fraction} of the rows"
        problems.append(UserError(problem, "more than 0 and less than 1", "0.1 is one row in ten"))
    for role in roles:
        if any(role not in row for row in rows):
            roles_of_rows = ", ".join(sorted({role for row in rows for role in row}))
            problem = f"a split by {role!r}, which some rows do not have"
            problems.append(UserError(problem, roles_of_rows, "use one of these"))
    raise_all(problems)


def _hash(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{key}".encode()).digest()


def _uniform(seed: int, key: str) -> float:
    return int.from_bytes(_hash(seed, key)[:8]) / 2**64


def _groups_per_size(counts: Mapping[int, int], fraction: float, seed: int) -> dict[int, int]:
    """Returns how many groups of each size to split off, so that their rows are as near to the fraction as possible."""
    sizes = sorted(counts)  # small sizes are decided last below, since they fill any gap
    total = sum(size * counts[size] for size in sizes)
    sums = _reachable_sums([(size, counts[size]) for size in sizes], total - 1)
    remaining = _nearest_sum(sums[-1], fraction * total)
    numbers = {}
    for size, smaller in reversed(list(zip(sizes, sums, strict=False))):
        # Randomized rounding: otherwise a size with few groups would never be chosen.
        share = fraction * counts[size] + _uniform(seed, f"size {size}") - 0.5
        bits = _bits(smaller)
        feasible = [k for k in range(min(counts[size], remaining // size) + 1) if _has(bits, remaining - k * size)]
        numbers[size] = min(feasible, key=lambda k: abs(k - share))
        remaining -= numbers[size] * size
    return numbers


def _reachable_sums(sizes: Sequence[tuple[int, int]], most: int) -> list[int]:
    """Returns bit sets: bit s of the n-th number is set if groups of the first n sizes can add up to s <= most rows."""
    sums = [1]
    for size, count in sizes:
        reached, step = sums[-1], 1
        while count:
            groups = min(step, count)  # 1, 2, 4, … groups at once, as in binary knapsack
            reached |= reached << (size * groups)
            count, step = count - groups, 2 * step
        sums.append(reached & ((1 << (most + 1)) - 1))
    return sums


def _nearest_sum(reached: int, target: float) -> int:
    bits = _bits(reached)
    return min((s for s in range(1, len(bits)) if _has(bits, s)), key=lambda s: (abs(s - target), s))


def _bits(number: int) -> str:
    return bin(number)[:1:-1]  # lowest bit first


def _has(bits: str, position: int) -> bool:
    return position < len(bits) and bits[position] == "1"
