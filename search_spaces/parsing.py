"""Parses ranges as users write them: mappings in YAML files and the text of `--range`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from foundation.checked_yaml import load_yaml
from foundation.errors import UserError, nearest, raise_all
from search_spaces.ranges import (
    UNSET,
    Choice,
    Fault,
    FloatRange,
    IntRange,
    Range,
    When,
    bounds_faults,
    choice_faults,
    is_scalar,
)
from search_spaces.values import as_number, as_whole, as_written, read_scalar

YAML_FORMS = {
    "log": "{log: [1.0e-5, 1.0e-3], default: 1.0e-4}",
    "float": "{float: [0, 0.2], default: 0.1}",
    "int": "{int: [1, 8], step: 1, default: 4}",
    "log_int": "{log_int: [8, 512], default: 64}",
    "choice": "{choice: [a, b], default: a}",
}
OPTION_FORMS = {
    "log": "NAME=log:LOW:HIGH",
    "float": "NAME=float:LOW:HIGH",
    "int": "NAME=int:LOW:HIGH[:STEP]",
    "log_int": "NAME=log_int:LOW:HIGH",
    "choice": "NAME=choice:A,B,…",
}


#: Characters of an option in messages.
_SHOWN = 200


def parse_range(name: str, spec: object, where: str) -> Range:
    """Parses the YAML form `spec` of a range of the parameter `name`; `where` names the file in messages.

    Raises:
        UserError: not one of `YAML_FORMS`, invalid bounds, or a default outside the range; all problems at once.
    """
    place = f"{where}: search.{name}"
    if not isinstance(spec, Mapping):
        raise UserError(f"{place} is {spec!r}", " or ".join(YAML_FORMS.values()), f"write {YAML_FORMS['float']}")
    kinds = [str(key) for key in spec if str(key) in YAML_FORMS]
    keys = [*YAML_FORMS, "default", "when", *(["step"] if "int" in kinds else [])]
    problems = [
        UserError(f"{place}: unknown key {key!r}", ", ".join(keys), nearest(str(key), keys) or "remove the key")
        for key in spec
        if key not in keys
    ]
    if len(kinds) != 1:
        counted = f"several kinds: {', '.join(kinds)}" if kinds else "no kind of range"
        problems.append(UserError(f"{place} has {counted}", ", ".join(YAML_FORMS), f"write {YAML_FORMS['float']}"))
        raise_all(problems)
    kind = kinds[0]
    items = spec[kind]
    if not isinstance(items, list | tuple):
        problems.append(UserError(f"{place}: {kind} is {items!r}", YAML_FORMS[kind], "write a list in [ ]"))
    raise_all(problems)
    extras = {"step": spec.get("step", 1), "default": spec.get("default", UNSET), "when": spec.get("when")}
    return _build(kind, list(items), place=place, allowed=YAML_FORMS[kind], **extras)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def parse_set_option(text: str) -> tuple[str, Any]:
    """Parses `--set` text such as `num_beams=4` into key and value.

    Raises:
        UserError: the key is missing, or the value is not a plain YAML value.
    """
    place = f"--set {_short(text)}"
    key, equals, written = text.partition("=")
    if not equals or not key.strip():
        raise UserError(f"{place} has no KEY= before the value", "KEY=VALUE", "write KEY=VALUE without spaces")
    try:
        return key.strip(), as_written(load_yaml(written, place))
    except ValueError as error:
        raise UserError(
            f"{place}: not a plain value", "a finite number, text or a list", "write a plain value"
        ) from error


def parse_range_option(text: str) -> tuple[str, Range]:
    """Parses `--range` text such as `learning_rate=log:1e-5:1e-3` into the parameter's name and its range.

    Raises:
        UserError: not one of `OPTION_FORMS`, or invalid bounds.
    """
    place, forms = f"--range {_short(text)}", " or ".join(OPTION_FORMS.values())
    name, equals, form = (part.strip() for part in text.partition("="))
    kind, _, rest = form.partition(":")
    if not name or not equals:
        raise UserError(f"{place} has no NAME= before the range", forms, f"write for example {OPTION_FORMS['float']}")
    if kind not in OPTION_FORMS:
        todo = nearest(kind, OPTION_FORMS) or "write the kind of range first"
        raise UserError(f"{place}: unknown kind {kind!r}", forms, todo)
    allowed = OPTION_FORMS[kind]
    if kind == "choice":
        return name, _build(kind, _options(rest, place, allowed), place=place, allowed=allowed)
    parts = rest.split(":") if rest else []
    step = parts.pop() if kind == "int" and len(parts) == 3 else 1
    return name, _build(kind, parts, step=step, place=place, allowed=allowed)


def _options(text: str, place: str, allowed: str) -> list[Any]:
    """Parses the options in `a,b`; refuses "a,,b", since YAML would read the empty item as null."""
    items = [item.strip() for item in text.split(",")] if text.strip() else []
    if "" in items:
        raise UserError(f"{place}: item {items.index('') + 1} is empty", allowed, "write null for no value")
    return [read_scalar(item) for item in items]


def _build(
    kind: str,
    items: list[Any],
    *,
    place: str,
    allowed: str,
    step: object = 1,
    default: Any = UNSET,
    when: object = None,
) -> Range:
    faults = _when_faults(when) + _item_faults(kind, items, step)
    raise_all(_errors(faults, place, allowed))
    parsed = _make_range(kind, [_as_kind(kind, item) for item in items], as_whole(step) or 1, _read_when(when))
    if default is UNSET:
        return parsed
    typed = _as_kind(kind, default)
    if not parsed.contains(typed):
        todo = f"set a default in the range, or remove it for {parsed.fallback_default()!r}"
        raise UserError(f"{place}: the default {default!r} is not in the range", parsed.describe(), todo)
    return replace(parsed, default=typed)


def _make_range(kind: str, items: list[Any], step: int, when: When | None) -> Range:
    if kind == "choice":
        return Choice(tuple(items), when=when)
    if kind.endswith("int"):
        return IntRange(items[0], items[1], step, log=kind.startswith("log"), when=when)
    return FloatRange(items[0], items[1], log=kind == "log", when=when)


def _as_kind(kind: str, value: object) -> Any:
    """Converts a bound, option or default of this kind of range; returns None if it is invalid."""
    if kind == "choice":
        return as_written(value) if isinstance(value, str) else value
    return as_whole(value) if kind.endswith("int") else as_number(value)


def _item_faults(kind: str, items: list[Any], step: object) -> list[Fault]:
    if kind == "choice":
        return choice_faults([_as_kind(kind, item) for item in items])
    faults: list[Fault] = []
    if len(items) != 2:
        faults.append((f"{len(items)} bounds instead of 2", "write the lowest and the highest value"))
    what = "a whole number" if kind.endswith("int") else "a finite number"
    faults += [(f"{item!r} is not {what}", f"write {what}") for item in items if _as_kind(kind, item) is None]
    if as_whole(step) is None:
        faults.append((f"the step {step!r} is not a whole number", "set a step of 1 or more"))
    if faults:
        return faults
    low, high = (_as_kind(kind, item) for item in items)
    return bounds_faults(low, high, log=kind.startswith("log"), step=as_whole(step) if kind.endswith("int") else None)


def _when_faults(when: object) -> list[Fault]:
    todo = "write for example `when: {num_beams: [2, 4]}`"
    if when is None:
        return []
    if not isinstance(when, Mapping) or not when:
        return [(f"the condition `when` is {when!r}", todo)]
    conditions = [(name, value if isinstance(value, list | tuple) else [value]) for name, value in when.items()]
    return [
        (f"in the condition `when`, {name} is {value!r}", todo)
        for name, value in conditions
        if not value or not all(is_scalar(item) for item in value)
    ]


def _read_when(when: Any) -> When | None:
    values = {str(name): as_written(value) for name, value in (when or {}).items()}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()} or None


def _errors(faults: Sequence[Fault], place: str, allowed: str) -> list[UserError]:
    return [UserError(f"{place}: {wrong}", allowed, todo) for wrong, todo in faults]
