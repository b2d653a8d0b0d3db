"""Merges the layers of a search space (file, config, command line) and collects every problem of all layers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from foundation.errors import UserError, UserErrors, nearest, raise_all
from search_spaces.checks import (
    Objective,
    condition_problems,
    metric_problems,
    parents_first,
    space_problems,
    word_problems,
)
from search_spaces.choices import Direction
from search_spaces.names import Names, unknown_key, unknown_parameter
from search_spaces.parsing import YAML_FORMS, parse_range
from search_spaces.ranges import UNSET, Range, ends, holds, with_default
from search_spaces.schema import READERS, SECTIONS, Space
from search_spaces.values import as_written

#: Task -> its metrics, the default metric first.
MetricsOf = Callable[[str], Mapping[str, Objective]]
#: Parameters and their values -> the problems of these values.
FaultsOf = Callable[[Mapping[str, Any]], Sequence[UserError]]
#: Pairs of parameters that set the same limit; the later layer wins.
_RIVALS = {"max_length": ("max_new_tokens",), "max_new_tokens": ("max_length",)}


class Draft:
    """Layers are applied in order and later ones win; `build` checks the result and raises all problems."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.values: dict[str, Any] = {}  # by dotted key
        self.fixed: dict[str, Any] = {}
        self.search: dict[str, Range] = {}
        self.recipe: dict[str, Any] = {}  # parameter -> the value that a layer gave it, by its current name
        self.origin: dict[str, str] = {}  # key or parameter -> the layer that set it, for messages
        self.broken: set[str] = set()  # parameters with an invalid range
        self.problems: list[UserError] = []

    def add_problem(self, error: UserError) -> None:
        """Records a problem, or all problems in one error, to be raised by `build`."""
        self.problems.extend(error.problems if isinstance(error, UserErrors) else [error])

    def apply(self, mapping: object, where: str) -> None:
        """Applies a mapping in YAML form as the next layer."""
        if not isinstance(mapping, Mapping):
            error = UserError(f"{where} contains {mapping!r}", "a mapping, KEY: VALUE", "write one key per line")
            self.add_problem(error)
            return
        for key, value in mapping.items():
            if key in SECTIONS:
                for name, item in self._section(key, value, where).items():
                    self.put(f"{key}.{name}", item, where)
            elif key not in ("fixed", "search"):
                self.put(str(key), value, where)
        fixed, search = (self._section(key, mapping.get(key), where) for key in ("fixed", "search"))
        self._parameters(fixed, search, where)

    def put(self, key: str, value: object, where: str) -> None:
        """Sets one key, such as `seed` or `budget.trials`."""
        if key not in READERS:
            self.add_problem(unknown_key(key, where, self.names))
            return
        reader = READERS[key]
        try:
            self.values[key], self.origin[key] = reader.read(value), where
        except ValueError:
            is_option = where.startswith("--") and "=" not in where
            written = f"{where} {reader.example}" if is_option else f"{key}: {reader.example}"
            todo = nearest(str(value), reader.names) or f"write for example {written}"
            problem = f"{where} {value}" if is_option else f"{where}: {key} is {value!r}"
            allowed = reader.allowed.removesuffix(", or null") if is_option else reader.allowed
            self.add_problem(UserError(problem, allowed, todo))

    def fix(self, name: str, value: object, where: str) -> None:
        """Fixes a parameter and ends its search; parameters whose conditions fail with this value are removed."""
        try:
            fixed = as_written(value)
        except ValueError:
            allowed = "a finite number, text, true, false, null, or a list of those"
            self.add_problem(UserError(f"{where}: fixed.{name} is {value!r}", allowed, "write a plain value"))
            return
        was_searched = self._remove(self.search, name)
        self._remove(self.fixed, name)
        self._remove_rivals(name, where)
        self.fixed[name], self.origin[name] = fixed, where
        self.recipe[self.names.identity(name)] = fixed
        if was_searched:
            self._resolve_conditions(name, fixed)

    def vary(self, name: str, new: Range, where: str, *, has_default: bool) -> None:
        """Searches a parameter; a range without its own default keeps the default or fixed value of earlier layers."""
        self._remove(self.search, name)
        self._remove(self.fixed, name)
        self._remove_rivals(name, where)
        identity = self.names.identity(name)
        if has_default:
            self.recipe[identity] = new.default
        elif identity in self.recipe:
            new = with_default(new, self.recipe[identity])
        self.search[name], self.origin[name] = new, where

    def _remove_rivals(self, name: str, where: str) -> None:
        """Removes the same limit under another name, if an earlier layer set it."""
        for rival in _RIVALS.get(name, ()):
            if self.origin.get(rival) != where:
                self._remove(self.search, rival)
                self._remove(self.fixed, rival)

    def narrow(self, name: str, new: Range, where: str) -> None:
        """Searches a parameter in a range from the command line, where conditions and defaults cannot be written."""
        for old in self._find(self.search, name):
            new = replace(new, when=old.when)
        self.vary(name, new, where, has_default=False)

    def build(
        self,
        metrics: MetricsOf | None = None,
        words: Mapping[str, Collection[str]] = {},
        faults: FaultsOf | None = None,
    ) -> Space:
        """Returns the checked space.

        Args:
            metrics: Returns the metrics of a task, the default metric first; None leaves `metric` and `mode`
                unchecked.
            words: Key -> its allowed values.
            faults: Returns the problems of parameter values.

        Raises:
            UserError: any layer has a problem, or layers contradict each other; all problems at once.
        """
        top: dict[str, Any] = {key: value for key, value in self.values.items() if "." not in key}
        for section, keys in SECTIONS.items():
            values = {key: self.values[f"{section}.{key}"] for key in keys if f"{section}.{key}" in self.values}
            top[section] = replace(getattr(Space(), section), **values)
        search = {name: self.search[name] for name in parents_first(self.search)}
        space = replace(Space(**top, fixed=self.fixed, search=search), unset_defaults=self._unset_defaults())
        conditions = condition_problems(self.search, self.broken, self.origin)
        self.problems += [*conditions, *space_problems(space, self.origin)]
        self.problems += word_problems(self.values, words, self.origin)
        self.problems += self._value_faults(faults) if faults else ()
        if metrics is None or (words and space.task not in words["task"]):
            raise_all(self.problems)
            return space
        try:
            objectives = metrics(space.task)
        except UserError as error:
            self.add_problem(error)
            raise_all(self.problems)
            raise
        space = replace(space, metric=space.metric or next(iter(objectives)))
        self.problems += metric_problems(space, objectives, self.origin)
        raise_all(self.problems)
        return replace(space, mode=Direction(objectives[str(space.metric)].direction))

    def _unset_defaults(self) -> tuple[str, ...]:
        """Returns the searched parameters whose default no layer gave, here or in the space that was saved."""
        saved = self.values.get("unset_defaults", ())
        values = {name: self.recipe.get(self.names.identity(name), UNSET) for name in self.search}
        return tuple(sorted(name for name in values if name in saved or self.search[name].default != values[name]))

    def _value_faults(self, faults: FaultsOf) -> Iterator[UserError]:
        values = {name: (value,) for name, value in self.fixed.items()}
        values |= {name: ends(searched) for name, searched in self.search.items()}
        for name, several in values.items():
            for fault in (fault for value in several for fault in faults({name: value})):
                yield UserError(f"{self.origin[name]}: {fault.problem}", fault.allowed, fault.todo)

    def _section(self, key: str, value: object, where: str) -> Mapping[str, Any]:
        if value is None or isinstance(value, Mapping):  # a section whose lines are all comments reads as None
            return {str(name): item for name, item in (value or {}).items()}
        if isinstance(value, str) and "name" in SECTIONS.get(key, ()):  # `sampler: grid`
            return {"name": value}
        self.add_problem(UserError(f"{where}: {key} is {value!r}", "lines KEY: VALUE", f"indent them under {key}:"))
        return {}

    def _parameters(self, fixed: Mapping[str, Any], search: Mapping[str, Any], where: str) -> None:
        seen: dict[str, str] = {}
        for section, entries in (("fixed", fixed), ("search", search)):
            for written, value in entries.items():
                name = self._claim(f"{section}.{written}", seen, where)
                if name is not None and section == "fixed":
                    self.fix(name, value, where)
                elif name is not None:
                    self._vary_as_written(name, value, where)

    def _claim(self, place: str, seen: dict[str, str], where: str) -> str | None:
        """Returns the name of the parameter at `place`; None, with a problem, if it is unknown or already in `seen`."""
        section, _, written = place.partition(".")
        name = self.names.canonical(written)
        if name is None:
            self.add_problem(unknown_parameter(written, f"{where}: {section}", self.names))
            return None
        first = seen.setdefault(self.names.identity(name), place)
        if first != place:
            problem = f"{where}: {written} is in both {place} and {first}"
            self.add_problem(UserError(problem, "one of the two", f"remove {place} or {first}"))
            return None
        return name

    def _vary_as_written(self, name: str, spec: Any, where: str) -> None:
        if name in self.search and isinstance(spec, Mapping) and not any(kind in spec for kind in YAML_FORMS):
            spec = {**self.search[name].to_dict(), **spec}  # `{default: 3}` over a range of an earlier layer
        try:
            parsed = parse_range(name, spec, where)
        except UserError as error:
            self.broken.add(name)
            self.add_problem(error)
            return
        when = {self.names.canonical(parent) or parent: value for parent, value in (parsed.when or {}).items()}
        self.vary(name, replace(parsed, when=when or None), where, has_default="default" in spec)

    def _find(self, entries: Mapping[str, Any], name: str) -> list[Any]:
        """Returns the entries of a parameter under all of its names."""
        return [entries[other] for other in entries if self.names.identity(other) == self.names.identity(name)]

    def _remove(self, entries: dict[str, Any], name: str) -> list[Any]:
        """Removes and returns the entries of a parameter under all of its names."""
        removed = self._find(entries, name)
        for other in list(entries):
            if self.names.identity(other) == self.names.identity(name):
                del entries[other]
        return removed

    def _resolve_conditions(self, parent: str, value: Any) -> None:
        for name, searched in list(self.search.items()):
            if not searched.when or parent not in searched.when:
                continue
            if holds({parent: searched.when[parent]}, {parent: value}):
                rest = {other: values for other, values in searched.when.items() if other != parent}
                self.search[name] = replace(searched, when=rest or None)
            else:
                del self.search[name]


def from_dict(mapping: Mapping[str, Any], where: str) -> Space:
    """Returns the space in a resolved mapping, as `Space.to_dict()` returns it; `where` names its origin in messages.

    Parameter names are not checked; `search_spaces.resolve.resolve` checks them too.

    Raises:
        UserError: unknown keys, wrong types, invalid ranges, contradictions; all at once.
    """
    draft = Draft(Names())
    draft.apply(mapping, where)
    return draft.build()
