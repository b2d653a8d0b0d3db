"""What a searched parameter may be: a range of numbers or a choice, its default, and when it exists."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from search_spaces.errors import UserError, nearest, raise_all
from search_spaces.values import Scalar, as_number, as_whole, as_written, read_scalar

When: TypeAlias = Mapping[str, "Scalar | tuple[Scalar, ...]"]
Fault: TypeAlias = tuple[str, str]  # what is wrong, what to do

UNSET: Any = object()  # "no default given": None can be an option of a choice

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


@dataclass(frozen=True)
class FloatRange:
    """Every number from `low` to `high`, both included, drawn evenly or (`log`) evenly in the logarithm.

    Raises:
        ValueError: the bounds are no range, or the default lies outside.
    """

    low: float
    high: float
    log: bool = False
    default: float = UNSET
    when: When | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high", "default"):
            if getattr(self, name) is not UNSET:
                object.__setattr__(self, name, float(getattr(self, name)))
        _settle(self, bounds_faults(self.low, self.high, log=self.log))

    def contains(self, value: object) -> bool:
        """Whether `value` is a number in the range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high

    def fallback_default(self) -> float:
        """The midpoint; of a log range the geometric mean. To 12 digits, so that it reads well."""
        return min(max(float(f"{_middle(self.low, self.high, self.log):.12g}"), self.low), self.high)

    def to_dict(self) -> dict[str, Any]:
        """The YAML form, which `parse_range` reads back to an equal range."""
        kind = "log" if self.log else "float"
        return {kind: [self.low, self.high], "default": self.default, **_when_dict(self.when)}

    def describe(self) -> str:
        """For people: `log 1e-05 … 0.001`."""
        return f"{'log' if self.log else 'float'} {self.low:g} … {self.high:g}{_when_text(self.when)}"


@dataclass(frozen=True)
class IntRange:
    """The whole numbers `low`, `low + step`, … up to `high`, drawn evenly or (`log`) evenly in the logarithm.

    Raises:
        ValueError: the bounds and the step are no range, or the default is not one of the numbers.
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    default: int = UNSET
    when: When | None = None

    def __post_init__(self) -> None:
        _settle(self, bounds_faults(self.low, self.high, log=self.log, step=self.step))

    def contains(self, value: object) -> bool:
        """Whether `value` is an int in the range and on its grid."""
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def fallback_default(self) -> int:
        """The number of the grid nearest to the midpoint; of a log range, to the geometric mean."""
        steps = round((_middle(self.low, self.high, self.log) - self.low) / self.step)
        return self.low + self.step * min(steps, (self.high - self.low) // self.step)

    def to_dict(self) -> dict[str, Any]:
        """The YAML form, which `parse_range` reads back to an equal range."""
        step = {"step": self.step} if self.step != 1 else {}
        kind = "log_int" if self.log else "int"
        return {kind: [self.low, self.high], **step, "default": self.default, **_when_dict(self.when)}

    def describe(self) -> str:
        """For people: `int 1 … 8`."""
        step = f" step {self.step}" if self.step != 1 else ""
        return f"{'log int' if self.log else 'int'} {self.low} … {self.high}{step}{_when_text(self.when)}"


@dataclass(frozen=True)
class Choice:
    """One of some options without an order.

    Raises:
        ValueError: no option, an option twice, or a default that is none of them.
    """

    options: tuple[Scalar, ...]
    default: Scalar = UNSET
    when: When | None = None

    def __post_init__(self) -> None:
        _settle(self, choice_faults(self.options))

    def contains(self, value: object) -> bool:
        """Whether `value` is one of the options; `True` is not 1."""
        return _among(value, self.options)

    def fallback_default(self) -> Scalar:
        """The first option."""
        return self.options[0]

    def to_dict(self) -> dict[str, Any]:
        """The YAML form, which `parse_range` reads back to an equal choice."""
        return {"choice": list(self.options), "default": self.default, **_when_dict(self.when)}

    def describe(self) -> str:
        """For people: `adamw_torch | adafactor`."""
        return " | ".join(str(option) for option in self.options) + _when_text(self.when)


Range: TypeAlias = FloatRange | IntRange | Choice


def holds(when: When | None, values: Mapping[str, Any]) -> bool:
    """Whether a parameter with the condition `when` exists beside `values`; one absent there fulfils nothing."""
    return all(name in values and _among(values[name], listed(wanted)) for name, wanted in (when or {}).items())


def listed(wanted: Scalar | tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    """The values of one condition as a tuple, however it was written."""
    return wanted if isinstance(wanted, tuple) else (wanted,)


def bounds_faults(low: float, high: float, *, log: bool, step: int | None = None) -> list[Fault]:
    """What keeps `low`, `high` and, of whole numbers, `step` from being a range; nothing if they are one."""
    faults: list[Fault] = []
    if not (math.isfinite(low) and math.isfinite(high)):
        return [(f"{low:g} … {high:g} has no end", "give two finite numbers")]
    if low > high:
        faults.append((f"the range is upside down: {low:g} > {high:g}", f"write {high:g} first, then {low:g}"))
    if low == high:
        faults.append((f"low and high are both {low:g}", f"give two different numbers, or fix it at {low:g}"))
    if log and low <= 0:
        faults.append((f"a log range cannot start at {low:g}", "start above 0, or search it without log"))
    return faults if step is None else faults + _step_faults(high - low, step, log)


def _step_faults(width: float, step: int, log: bool) -> list[Fault]:
    if log and step != 1:
        return [(f"a log range of whole numbers has no step, but {step} is given", "leave the step out")]
    if step <= 0:
        return [(f"the step is {step}", "give a step of 1 or more")]
    if 0 < width < step:
        return [(f"the step {step} is larger than the range", f"give a step of at most {width:g}")]
    return []


def choice_faults(options: Sequence[object]) -> list[Fault]:
    """What keeps `options` from being a choice; nothing if they are one."""
    if not options:
        return [("the choice has no option", "give at least one option")]
    faults: list[Fault] = []
    for index, option in enumerate(options):
        if not _is_scalar(option):
            faults.append((f"the option {option!r} is not one plain value", "give texts, numbers, true, false or null"))
        elif option in options[:index]:  # 1 == True, also for Optuna, which compares so
            faults.append((f"the option {option!r} stands there twice", "keep one of the two"))
    return faults


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
        if not value or not all(_is_scalar(item) for item in value)
    ]


def _read_when(when: Any) -> When | None:
    read = {str(name): as_written(value) for name, value in (when or {}).items()}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in read.items()} or None


def _errors(faults: Sequence[Fault], place: str, allowed: str) -> list[UserError]:
    return [UserError(f"{place}: {wrong}", allowed, todo) for wrong, todo in faults]


def _settle(made: Any, faults: Sequence[Fault]) -> None:
    """Refuse what is no range, and fill in the default that was not given."""
    if faults:
        raise ValueError("; ".join(wrong for wrong, _ in faults))
    if made.default is UNSET:
        object.__setattr__(made, "default", made.fallback_default())
    if not made.contains(made.default):
        raise ValueError(f"the default {made.default!r} is not in {made.describe()}")


def _is_scalar(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | bool | int)


def _among(value: object, options: tuple[Scalar, ...]) -> bool:
    """Whether `value` is one of `options`; unlike `in`, True is not 1."""
    return any(option == value and isinstance(option, bool) == isinstance(value, bool) for option in options)


def _middle(low: float, high: float, log: bool) -> float:
    return math.sqrt(low) * math.sqrt(high) if log else low / 2 + high / 2


def _when_dict(when: When | None) -> dict[str, Any]:
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in (when or {}).items()}
    return {"when": plain} if plain else {}


def _when_text(when: When | None) -> str:
    texts = [f"{name} = {' or '.join(map(str, listed(wanted)))}" for name, wanted in (when or {}).items()]
    return f" when {' and '.join(texts)}" if texts else ""
