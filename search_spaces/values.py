"""One value as people write it, in YAML or on the command line: read it, or say what is allowed instead."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import yaml

from foundation.errors import UserError

Scalar: TypeAlias = str | int | float | bool | None

_INT = re.compile(r"[-+]?(?:0b[01][01_]*|0x[0-9a-fA-F][0-9a-fA-F_]*|0[0-7_]*|[1-9][0-9_]*)$")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
)
_EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$")
_DURATION = re.compile(r"(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?$")
_MOST_VALUES = 100_000  # of one YAML file
_TAG = "tag:yaml.org,2002:"


class StrictLoader(yaml.SafeLoader):
    """YAML without its traps: no key twice, `1e-5` is a number, `1:30` and dates are text."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        """Read one mapping, refusing a key that stands in it twice (PyYAML keeps the last in silence)."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"the key {key.value!r} stands here twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(str(key.value))
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Make one value; PyYAML's own errors of numbers with 5,000 digits or `!!bool maybe` get their line."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as error:
            problem = f"a value that cannot be read as {node.tag.removeprefix(_TAG)}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error


# The rules of YAML 1.1 that read "1:30" as 90 and "2026-01-02" as a date are left out.
_REPLACED = ("int", "float", "timestamp", "value")
StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag.removeprefix(_TAG) not in _REPLACED]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
StrictLoader.add_implicit_resolver(f"{_TAG}int", _INT, list("-+0123456789"))
StrictLoader.add_implicit_resolver(f"{_TAG}float", _FLOAT, list("-+0123456789."))
StrictLoader.add_implicit_resolver(f"{_TAG}float", _EXPONENT, list("-+0123456789"))


class SavedLoader(StrictLoader):
    """What PyYAML wrote: a text that looks like a number to others stands there without quotes."""


SavedLoader.yaml_implicit_resolvers = yaml.SafeLoader.yaml_implicit_resolvers


def load_yaml(text: str | bytes, where: str, loader: type[StrictLoader] = StrictLoader) -> Any:
    """What the YAML `text` holds.

    Raises:
        UserError: the text is no YAML, or a key stands twice in one mapping; the message has the line number. Or it
            holds what cannot be read: a number without end, aliases of aliases of aliases.
    """
    try:
        read = yaml.load(text, loader)
        if _written_out(read, {}) > _MOST_VALUES:
            given = f"{where}: its aliases (*NAME) stand for more than {_MOST_VALUES:,} values"
            raise UserError(given, "a few lines", "write out what they stand for")
        return read
    except RecursionError:
        raise UserError(f"{where}: nested too deep", "a few levels of indentation", "write it flatter") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{where}{line}: {problem}", "YAML, each key once", "correct that line") from None


def _written_out(value: object, known: dict[int, float]) -> float:
    """How many values there are once every alias is written out; no end of them where one stands in itself."""
    if not isinstance(value, dict | list | tuple):
        return 1
    if id(value) not in known:
        known[id(value)] = math.inf  # for whoever comes back here from inside
        items = [*value, *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_written_out(item, known) for item in items)
    return known[id(value)]


def read_scalar(text: str) -> Scalar:
    """`text` under YAML's rules for one plain scalar: `1` is an int, `true` a bool, `null` is None, `none` is text."""
    loader = StrictLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if tag.removeprefix(_TAG) not in ("null", "bool", "int", "float"):
        return text
    try:
        value: Scalar = loader.construct_object(yaml.ScalarNode(tag, text))
    except yaml.YAMLError:  # more digits than Python takes for a number
        return text
    return value


def as_number(value: object) -> float | None:
    """A finite number given as a number or as text such as `1e-5`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_whole(value: object) -> int | None:
    """A whole number given as a number or as text (`8`, `8.0`, `1e3`); None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = as_number(value)
    return int(number) if number is not None and number.is_integer() else None


def as_written(value: object) -> Any:
    """`value` with text such as `1e-5` as the number meant (other YAML readers leave it text), at any depth.

    Raises:
        ValueError: something YAML and JSON cannot carry, or a number that is not finite.
    """
    if isinstance(value, Mapping):
        if any(isinstance(key, bool) for key in value):  # YAML reads a bare `no` as false
            raise ValueError(value)
        return {str(key): as_written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_written(item) for item in value]
    if isinstance(value, str) and _EXPONENT.match(value):
        return value if as_number(value) is None else float(value)
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(value)


def parse_duration(text: str | float, option: str = "") -> float:
    """The seconds in `text`: a number of them, or text such as `90s`, `30m`, `4h`, `1h30m`, `1.5h`, `2d`.

    Args:
        option: what it was given with, for the message.

    Raises:
        UserError: no such form, or not longer than 0 seconds.
    """
    seconds = as_number(text)
    match = _DURATION.match(str(text).strip().lower())
    if seconds is None and match:
        parts = [as_number(part) if part else 0.0 for part in match.groups()]
        units = (86_400, 3_600, 60, 1)
        seconds = sum(part * unit for part, unit in zip(parts, units, strict=True) if part is not None)
        seconds = None if None in parts else seconds
    if seconds is None or seconds <= 0:
        todo = "write for example 30m, 4h or 1h30m"
        raise UserError(
            f"{option} {text!r} is not a length of time".lstrip(), "seconds above 0, or 90s, 30m, 4h, 1h30m", todo
        )
    return seconds
