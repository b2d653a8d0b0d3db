"""Reads single values as users write them, in YAML files and on the command line."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

import yaml

from foundation.checked_yaml import EXPONENT, YAML_TAG, StrictLoader
from foundation.errors import UserError

Scalar: TypeAlias = str | int | float | bool | None

#: A mapping of plain values as YAML contains it: read and not checked yet, or about to be written.
RawMapping: TypeAlias = dict[str, Any]

_DURATION = re.compile(r"(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?$")


def read_scalar(text: str) -> Scalar:
    """Reads a scalar by YAML's rules: `1` is an int, `true` a bool, `null` is None, `none` is a text."""
    loader = StrictLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if tag.removeprefix(YAML_TAG) not in ("null", "bool", "int", "float"):
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
    if isinstance(value, str) and EXPONENT.match(value):
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
