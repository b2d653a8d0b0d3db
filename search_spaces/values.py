"""Reads single values as users write them, in YAML files and on the command line."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

import yaml

from foundation.errors import UserError

Scalar: TypeAlias = str | int | float | bool | None

#: A mapping of plain values as YAML contains it: read and not checked yet, or about to be written.
RawMapping: TypeAlias = dict[str, Any]

_INT = re.compile(r"[-+]?(?:0b[01][01_]*|0x[0-9a-fA-F][0-9a-fA-F_]*|0[0-7_]*|[1-9][0-9_]*)$")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
)
_EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$")
_DURATION = re.compile(r"(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?$")
_MAX_VALUES = 100_000  # of one YAML file
_TAG = "tag:yaml.org,2002:"


class StrictLoader(yaml.SafeLoader):
    """YAML without its traps: duplicate keys are refused, keys are texts, `1e-5` is a number, `1:30` is a text."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        """Reads one mapping and refuses duplicate keys (PyYAML silently keeps the last)."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"duplicate key {key.value!r}"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            if isinstance(key, yaml.ScalarNode) and key.tag != f"{_TAG}merge":
                key.tag = f"{_TAG}str"  # the label True or 1.0 keeps its spelling
            seen.add(str(key.value))
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Reads one value and adds the line to PyYAML's errors about numbers with 5,000 digits or `!!bool maybe`."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as error:
            problem = f"the value cannot be read as {node.tag.removeprefix(_TAG)}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error


# Without the rules of YAML 1.1 that read "1:30" as 90 and "2026-01-02" as a date.
_REPLACED = ("int", "float", "timestamp", "value")
StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag.removeprefix(_TAG) not in _REPLACED]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
StrictLoader.add_implicit_resolver(f"{_TAG}int", _INT, list("-+0123456789"))
StrictLoader.add_implicit_resolver(f"{_TAG}float", _FLOAT, list("-+0123456789."))
StrictLoader.add_implicit_resolver(f"{_TAG}float", _EXPONENT, list("-+0123456789"))


class SavedLoader(StrictLoader):
    """Reads YAML that PyYAML wrote: it does not quote texts that only other parsers read as numbers."""


SavedLoader.yaml_implicit_resolvers = yaml.SafeLoader.yaml_implicit_resolvers


def load_yaml(text: str | bytes, where: str, loader: type[StrictLoader] = StrictLoader) -> Any:
    """Reads YAML.

    Raises:
        UserError: the text is not YAML or has a duplicate key (the message has the line number), is nested too deeply,
            or expands to more than `_MAX_VALUES` values through aliases of aliases.
    """
    try:
        value = yaml.load(text, loader)
        if _expanded_size(value, {}) > _MAX_VALUES:
            problem = f"{where}: its aliases (*NAME) expand to more than {_MAX_VALUES:,} values"
            raise UserError(problem, "a few lines", "write the values without aliases")
        return value
    except RecursionError:
        raise UserError(f"{where}: nested too deeply", "a few levels of indentation", "remove levels") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{where}{line}: {problem}", "YAML, each key once", "fix that line") from None


def _expanded_size(value: object, sizes: dict[int, float]) -> float:
    """Returns the number of values after all aliases are expanded; infinite if a value contains itself."""
    if not isinstance(value, dict | list | tuple):
        return 1
    if id(value) not in sizes:
        sizes[id(value)] = math.inf  # the result if the recursion comes back to this value
        items = [*value, *value.values()] if isinstance(value, dict) else value
        sizes[id(value)] = 1 + sum(_expanded_size(item, sizes) for item in items)
    return sizes[id(value)]


def read_scalar(text: str) -> Scalar:
    """Reads a scalar by YAML's rules: `1` is an int, `true` a bool, `null` is None, `none` is a text."""
    loader = StrictLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if tag.removeprefix(_TAG) not in ("null", "bool", "int", "float"):
        return text
    try:
        value: Scalar = loader.construct_object(yaml.ScalarNode(tag, text))
    except yaml.YAMLError:  # more digits than Python accepts
        return text
    return value


def as_word(value: object, options: Collection[str]) -> object:
    """Converts true and false to the option that was meant: YAML reads a bare `off`, `no`, `on` or `yes` as these."""
    if not isinstance(value, bool):
        return value
    words = ("on", "yes", "true") if value else ("off", "no", "disabled", "none", "never", "false")
    return next((word for word in words if word in options), value)


def as_number(value: object) -> float | None:
    """Converts a number, or a text such as `1e-5`, to a finite float; returns None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_whole(value: object) -> int | None:
    """Converts a whole number, or a text such as `8`, `8.0`, `1e3`, to int; returns None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = as_number(value)
    return int(number) if number is not None and number.is_integer() else None


def as_written(value: object) -> Any:
    """Converts texts such as `1e-5` to numbers, at any depth, since other YAML parsers read them as texts.

    Raises:
        ValueError: a value that YAML and JSON cannot represent, or a number that is not finite.
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
    """Converts a duration to seconds: a number of seconds, or a text such as `90s`, `30m`, `4h`, `1h30m`, `1.5h`, `2d`.

    Args:
        option: The option with this value, for the message.

    Raises:
        UserError: the text is not a duration, or is not longer than 0 seconds.
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
            f"{option} {text!r} is not a duration".lstrip(), "seconds above 0, or 90s, 30m, 4h, 1h30m", todo
        )
    return seconds
