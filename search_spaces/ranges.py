"""Ranges of searched parameters: numbers or choices, with a default and a condition."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeAlias

from search_spaces.values import RawMapping, Scalar

When: TypeAlias = Mapping[str, "Scalar | tuple[Scalar, ...]"]
Fault: TypeAlias = tuple[str, str]  # what is wrong, what to do

#: A finite space with more configurations is not listed: a search never comes to its end.
MAX_LISTED = 10_000
#: A search of a few dozen trials learns nothing from more, and every option is checked.
MAX_OPTIONS = 1_000

UNSET: Any = object()  # no default: None can be an option of a choice


@dataclass(frozen=True)
class FloatRange:
    """Numbers from `low` to `high`, both inclusive, drawn uniformly or (`log`) uniformly in the logarithm.

    Raises:
        ValueError: the bounds are invalid, or the default is outside.
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
        _finish(self, bounds_faults(self.low, self.high, log=self.log))

    def contains(self, value: object) -> bool:
        """Whether `value` is a number in the range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high

    def fallback_default(self) -> float:
        """Returns the midpoint, or the geometric mean of a log range, rounded to 12 digits for readability."""
        return min(max(float(f"{_middle(self.low, self.high, self.log):.12g}"), self.low), self.high)

    def to_dict(self) -> RawMapping:
        """Returns the YAML form, which `parse_range` reads back to an equal range."""
        kind = "log" if self.log else "float"
        return {kind: [self.low, self.high], "default": self.default, **_when_dict(self.when)}

    def describe(self) -> str:
        """Returns a text such as `log 1e-05 … 0.001`."""
        return f"{'log' if self.log else 'float'} {self.low:g} … {self.high:g}{_when_text(self.when)}"


@dataclass(frozen=True)
class IntRange:
    """The whole numbers `low`, `low + step`, … up to `high`, drawn uniformly or (`log`) uniformly in the logarithm.

    Raises:
        ValueError: the bounds or the step are invalid, or the default is not one of the numbers.
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    default: int = UNSET
    when: When | None = None

    def __post_init__(self) -> None:
        _finish(self, bounds_faults(self.low, self.high, log=self.log, step=self.step))

    def contains(self, value: object) -> bool:
        """Whether `value` is an int in the range and on its grid."""
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def fallback_default(self) -> int:
        """Returns the grid number nearest to the midpoint, or to the geometric mean of a log range."""
        steps = round((_middle(self.low, self.high, self.log) - self.low) / self.step)
        return self.low + self.step * min(steps, (self.high - self.low) // self.step)

    def to_dict(self) -> RawMapping:
        """Returns the YAML form, which `parse_range` reads back to an equal range."""
        step = {"step": self.step} if self.step != 1 else {}
        kind = "log_int" if self.log else "int"
        return {kind: [self.low, self.high], **step, "default": self.default, **_when_dict(self.when)}

    def describe(self) -> str:
        """Returns a text such as `int 1 … 8`."""
        step = f" step {self.step}" if self.step != 1 else ""
        return f"{'log int' if self.log else 'int'} {self.low} … {self.high}{step}{_when_text(self.when)}"


@dataclass(frozen=True)
class Choice:
    """One of several options without an order.

    Raises:
        ValueError: there is no option, an option is duplicated, or the default is not an option.
    """

    options: tuple[Scalar, ...]
    default: Scalar = UNSET
    when: When | None = None

    def __post_init__(self) -> None:
        _finish(self, choice_faults(self.options))

    def contains(self, value: object) -> bool:
        """Whether `value` is one of the options; `True` is not 1."""
        return _among(value, self.options)

    def fallback_default(self) -> Scalar:
        """Returns the first option."""
        return self.options[0]

    def to_dict(self) -> RawMapping:
        """Returns the YAML form, which `parse_range` reads back to an equal choice."""
        return {"choice": list(self.options), "default": self.default, **_when_dict(self.when)}

    def describe(self) -> str:
        """Returns a text such as `adamw_torch | adafactor`."""
        return " | ".join(str(option) for option in self.options) + _when_text(self.when)


Range: TypeAlias = FloatRange | IntRange | Choice


def with_default(searched: Range, value: Any) -> Range:
    """Returns the range with `value` as its default if `value` is inside, else as it is."""
    if isinstance(searched, IntRange) and isinstance(value, float) and value.is_integer():
        value = int(value)
    return replace(searched, default=value) if searched.contains(value) else searched


def ends(searched: Range) -> tuple[Any, ...]:
    """Returns the values that stand for the whole range in checks: every option, or the lowest and the highest."""
    return searched.options if isinstance(searched, Choice) else (searched.low, searched.high)


def continuous(search: Mapping[str, Range]) -> list[str]:
    """Returns the names of the parameters that have infinitely many values."""
    return [name for name, searched in search.items() if isinstance(searched, FloatRange)]


def configurations(search: Mapping[str, Range]) -> list[dict[str, Scalar]] | None:
    """Returns all configurations of a search; None if there are more than `MAX_LISTED`, or infinitely many.

    Conditions are respected.

    Args:
        search: A parameter follows those in its condition, as in `Space.search`.
    """
    if continuous(search):
        return None
    every = list(islice(_extensions({}, list(search.items())), MAX_LISTED + 1))
    return every if len(every) <= MAX_LISTED else None


def _extensions(values: dict[str, Scalar], ranges: Sequence[tuple[str, Range]]) -> Iterator[dict[str, Scalar]]:
    """Yields `values` with every combination of values of `ranges`."""
    if not ranges:
        yield values
        return
    (name, searched), *others = ranges
    if not holds(searched.when, values):
        yield from _extensions(values, others)
        return
    assert not isinstance(searched, FloatRange)
    every = searched.options if isinstance(searched, Choice) else range(searched.low, searched.high + 1, searched.step)
    for value in every:
        yield from _extensions({**values, name: value}, others)


def holds(when: When | None, values: Mapping[str, Any]) -> bool:
    """Whether the condition `when` is met by `values`; a parameter that is missing there does not meet it."""
    return all(name in values and _among(values[name], as_tuple(allowed)) for name, allowed in (when or {}).items())


def as_tuple(allowed: Scalar | tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    """Returns the allowed values of one condition as a tuple."""
    return allowed if isinstance(allowed, tuple) else (allowed,)


def bounds_faults(low: float, high: float, *, log: bool, step: int | None = None) -> list[Fault]:
    """Returns the problems of bounds and, for whole numbers, of their step; empty for a valid range."""
    faults: list[Fault] = []
    if not (math.isfinite(low) and math.isfinite(high)):
        return [(f"{low:g} … {high:g} is infinite", "write two finite numbers")]
    if low > high:
        faults.append(
            (f"the lower bound is above the upper bound: {low:g} > {high:g}", f"write {high:g} first, then {low:g}")
        )
    if low == high:
        faults.append((f"low and high are both {low:g}", f"write two different numbers, or fix it at {low:g}"))
    if log and low <= 0:
        faults.append((f"a log range cannot start at {low:g}", "start above 0, or search it without log"))
    return faults if step is None else faults + _step_faults(high - low, step, log)


def _step_faults(width: float, step: int, log: bool) -> list[Fault]:
    if log and step != 1:
        return [(f"a log range of whole numbers has no step, but the step is {step}", "remove the step")]
    if step <= 0:
        return [(f"the step is {step}", "set a step of 1 or more")]
    if 0 < width < step:
        return [(f"the step {step} is larger than the range", f"set a step of at most {width:g}")]
    return []


def choice_faults(options: Sequence[object]) -> list[Fault]:
    """Returns the problems of the options of a choice; empty for a valid choice."""
    if not options:
        return [("the choice has no option", "add at least one option")]
    if len(options) > MAX_OPTIONS:
        return [(f"the choice has {len(options):,} options", f"name at most {MAX_OPTIONS:,}")]
    faults: list[Fault] = []
    for index, option in enumerate(options):
        if not is_scalar(option):
            faults.append((f"the option {option!r} is not a plain value", "use texts, numbers, true, false or null"))
        elif option in options[:index]:  # 1 == True, also in Optuna's comparisons
            faults.append((f"duplicate option {option!r}", "remove one of the two"))
    return faults


def is_scalar(value: object) -> bool:
    """Whether `value` is a plain value: a text, a finite number, true, false or null."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | bool | int)


def _finish(instance: Any, faults: Sequence[Fault]) -> None:
    """Raises for an invalid range, and sets a missing default."""
    if faults:
        raise ValueError("; ".join(wrong for wrong, _ in faults))
    if instance.default is UNSET:
        object.__setattr__(instance, "default", instance.fallback_default())
    if not instance.contains(instance.default):
        raise ValueError(f"the default {instance.default!r} is not in {instance.describe()}")


def _among(value: object, options: tuple[Scalar, ...]) -> bool:
    """Whether `value` is one of `options`; unlike with `in`, True is not 1."""
    return any(option == value and isinstance(option, bool) == isinstance(value, bool) for option in options)


def _middle(low: float, high: float, log: bool) -> float:
    return math.sqrt(low) * math.sqrt(high) if log else low / 2 + high / 2


def _when_dict(when: When | None) -> RawMapping:
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in (when or {}).items()}
    return {"when": plain} if plain else {}


def _when_text(when: When | None) -> str:
    texts = [f"{name} = {' or '.join(map(str, as_tuple(allowed)))}" for name, allowed in (when or {}).items()]
    return f" when {' and '.join(texts)}" if texts else ""
