"""Reads ranges as people write them: the mappings of a YAML file and the one word of `--range`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

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
from search_spaces.values import as_number, as_whole, as_written, load_yaml, read_scalar

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


def parse_range(name: str, spec: object, where: str) -> Range:
    """The range that the YAML form `spec` of the parameter `name` describes; `where` is the file, for messages.

    Raises:
        UserError: not one of `YAML_FORMS`, bounds that are no range, or a default outside; all at once.
    """
    place = f"{where}: search.{name}"
    if not isinstance(spec, Mapping):
        raise UserError(f"{place} is {spec!r}", " or ".join(YAML_FORMS.values()), f"write {YAML_FORMS['float']}")
    kinds = [str(key) for key in spec if str(key) in YAML_FORMS]
    known = [*YAML_FORMS, "default", "when", *(["step"] if "int" in kinds else [])]
    problems = [
        UserError(f"{place}: unknown key {key!r}", ", ".join(known), nearest(str(key), known) or "take the key out")
        for key in spec
        if key not in known
    ]
    if len(kinds) != 1:
        said = f"several kinds: {', '.join(kinds)}" if kinds else "no kind of range"
        problems.append(UserError(f"{place} has {said}", ", ".join(YAML_FORMS), f"write {YAML_FORMS['float']}"))
        raise_all(problems)
    kind = kinds[0]
    items = spec[kind]
    if not isinstance(items, list | tuple):
        problems.append(UserError(f"{place}: {kind} is {items!r}", YAML_FORMS[kind], "write a list in [ ]"))
    raise_all(problems)
    extras = {"step": spec.get("step", 1), "default": spec.get("default", UNSET), "when": spec.get("when")}
    return _build(kind, list(items), place=place, allowed=YAML_FORMS[kind], **extras)


def parse_set_option(text: str) -> tuple[str, Any]:
    """Key and value from `--set` text such as `num_beams=4`.

    Raises:
        UserError: no key, or what YAML reads as no plain value.
    """
    place = f"--set {text}"
    key, equals, written = text.partition("=")
    if not equals or not key.strip():
        raise UserError(f"{place} has no KEY= before the value", "KEY=VALUE", "write KEY=VALUE without spaces")
    try:
        return key.strip(), as_written(load_yaml(written, place))
    except ValueError as error:
        raise UserError(f"{place}: not a value", "a finite number, text or a list", "write a plain value") from error


def parse_range_option(text: str) -> tuple[str, Range]:
    """The parameter's name and its range from `--range` text such as `learning_rate=log:1e-5:1e-3`.

    Raises:
        UserError: not one of `OPTION_FORMS`, or bounds that are no range.
    """
    place, every = f"--range {text}", " or ".join(OPTION_FORMS.values())
    name, equals, form = (part.strip() for part in text.partition("="))
    kind, _, rest = form.partition(":")
    if not name or not equals:
        raise UserError(f"{place} has no NAME= before the range", every, f"write for example {OPTION_FORMS['float']}")
    if kind not in OPTION_FORMS:
        todo = nearest(kind, OPTION_FORMS) or "name the kind of range first"
        raise UserError(f"{place}: unknown kind {kind!r}", every, todo)
    allowed = OPTION_FORMS[kind]
    if kind == "choice":
        return name, _build(kind, _options(rest, place, allowed), place=place, allowed=allowed)
    parts = rest.split(":") if rest else []
    step = parts.pop() if kind == "int" and len(parts) == 3 else 1
    return name, _build(kind, parts, step=step, place=place, allowed=allowed)


def _options(text: str, place: str, allowed: str) -> list[Any]:
    """The options in `a,b`; "a,,b" is refused, since YAML would read a null between the two."""
    items = [item.strip() for item in text.split(",")] if text.strip() else []
    if "" in items:
        raise UserError(f"{place}: item {items.index('') + 1} is empty", allowed, "write null if no value is meant")
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
    made = _ranged(kind, [_as_kind(kind, item) for item in items], as_whole(step) or 1, _read_when(when))
    if default is UNSET:
        return made
    read = _as_kind(kind, default)
    if not made.contains(read):
        todo = f"give a default inside, or leave it out for {made.fallback_default()!r}"
        raise UserError(f"{place}: the default {default!r} is not in the range", made.describe(), todo)
    return replace(made, default=read)


def _ranged(kind: str, items: list[Any], step: int, when: When | None) -> Range:
    if kind == "choice":
        return Choice(tuple(items), when=when)
    if kind.endswith("int"):
        return IntRange(items[0], items[1], step, log=kind.startswith("log"), when=when)
    return FloatRange(items[0], items[1], log=kind == "log", when=when)


def _as_kind(kind: str, value: object) -> Any:
    """`value` as a bound, option or default of this kind of range; None where it cannot be one."""
    if kind == "choice":
        return as_written(value) if isinstance(value, str) else value
    return as_whole(value) if kind.endswith("int") else as_number(value)


def _item_faults(kind: str, items: list[Any], step: object) -> list[Fault]:
    if kind == "choice":
        return choice_faults([_as_kind(kind, item) for item in items])
    faults: list[Fault] = []
    if len(items) != 2:
        faults.append((f"{len(items)} bounds are given, not 2", "give the lowest and the highest value"))
    what = "a whole number" if kind.endswith("int") else "a finite number"
    faults += [(f"{item!r} is not {what}", f"give {what}") for item in items if _as_kind(kind, item) is None]
    if as_whole(step) is None:
        faults.append((f"the step {step!r} is not a whole number", "give a step of 1 or more"))
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
    wanted = [(name, value if isinstance(value, list | tuple) else [value]) for name, value in when.items()]
    return [
        (f"the condition `when` gives {name} as {value!r}", todo)
        for name, value in wanted
        if not value or not all(is_scalar(item) for item in value)
    ]


def _read_when(when: Any) -> When | None:
    read = {str(name): as_written(value) for name, value in (when or {}).items()}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in read.items()} or None


def _errors(faults: Sequence[Fault], place: str, allowed: str) -> list[UserError]:
    return [UserError(f"{place}: {wrong}", allowed, todo) for wrong, todo in faults]
