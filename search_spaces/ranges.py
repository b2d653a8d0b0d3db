"""What a searched parameter may be: a range of numbers or a choice, its default, and when it exists."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from search_spaces.values import Scalar

When: TypeAlias = Mapping[str, "Scalar | tuple[Scalar, ...]"]
Fault: TypeAlias = tuple[str, str]  # what is wrong, what to do

UNSET: Any = object()  # "no default given": None can be an option of a choice


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


def ends(found: Range) -> tuple[Any, ...]:
    """The values of a range that tell whether all can be used: every option, or the lowest and the highest."""
    return found.options if isinstance(found, Choice) else (found.low, found.high)


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
        if not is_scalar(option):
            faults.append((f"the option {option!r} is not one plain value", "give texts, numbers, true, false or null"))
        elif option in options[:index]:  # 1 == True, also for Optuna, which compares so
            faults.append((f"the option {option!r} stands there twice", "keep one of the two"))
    return faults


def is_scalar(value: object) -> bool:
    """Whether `value` is one plain value: a text, a finite number, true, false or null."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | bool | int)


def _settle(made: Any, faults: Sequence[Fault]) -> None:
    """Refuse what is no range, and fill in the default that was not given."""
    if faults:
        raise ValueError("; ".join(wrong for wrong, _ in faults))
    if made.default is UNSET:
        object.__setattr__(made, "default", made.fallback_default())
    if not made.contains(made.default):
        raise ValueError(f"the default {made.default!r} is not in {made.describe()}")


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
