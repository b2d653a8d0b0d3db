"""A search space while it is put together, layer over layer, with every problem met on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from foundation.errors import UserError, UserErrors, nearest, raise_all
from search_spaces.checks import condition_problems, data_problems, epoch_problems, metric_problems, parents_first
from search_spaces.choices import Direction
from search_spaces.parsing import YAML_FORMS, parse_range
from search_spaces.ranges import Range, ends, holds
from search_spaces.schema import READERS, SECTIONS, Space
from search_spaces.values import as_written

#: Task -> its metrics and their directions, the usual one first.
MetricsOf = Callable[[str], Mapping[str, str]]

#: Parameters and their values -> what is wrong with them.
FaultsOf = Callable[[Mapping[str, Any]], Sequence[UserError]]

#: Two names for one limit; the layer that speaks last is heard.
_RIVALS = {"max_length": ("max_new_tokens",), "max_new_tokens": ("max_length",)}

TOP_KEYS = (*(key for key in READERS if "." not in key), *SECTIONS, "fixed", "search")


@dataclass(frozen=True)
class Names:
    """The parameters there are: name to kind (None: any name will do), and old names with what they became."""

    known: Mapping[str, str] | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)

    def canonical(self, name: str) -> str | None:
        """The name under which a parameter is kept, without a prefix that says nothing new; None if unknown."""
        if self.known is None or name in self.known or name in self.aliases:
            return name
        kind, _, rest = name.partition(".")
        if self.known.get(self.identity(rest)) == kind:
            return rest
        return name if kind == "model" and rest else None

    def identity(self, name: str) -> str:
        """One name for a parameter and its old names; what an old name became may go on: `optim: adafactor`."""
        now = re.split(r"[^\w.]", self.aliases.get(name, ""), maxsplit=1)[0]
        return now if now in (self.known or {}) else name

    def all(self) -> list[str]:
        """Every name that may be written."""
        return [*sorted({*(self.known or {}), *self.aliases}), "model.<any field of the model's configuration>"]


class Draft:
    """Layers are applied in order and the later one wins; `build` checks the whole and raises all problems."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.values: dict[str, Any] = {}  # by dotted key, read and typed
        self.fixed: dict[str, Any] = {}
        self.search: dict[str, Range] = {}
        self.origin: dict[str, str] = {}  # key or parameter → the layer that gave it, for messages
        self.broken: set[str] = set()  # parameters whose range could not be read
        self.problems: list[UserError] = []

    def problem(self, error: UserError) -> None:
        """Keep a problem, or the several in one error, for the end."""
        self.problems.extend(error.problems if isinstance(error, UserErrors) else [error])

    def apply(self, mapping: object, where: str) -> None:
        """Lay a mapping of the YAML form over what is there."""
        if not isinstance(mapping, Mapping):
            self.problem(UserError(f"{where} holds {mapping!r}", "a mapping, KEY: VALUE", "write one key per line"))
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
        """Set one key, such as `seed` or `budget.trials`."""
        if key not in READERS:
            self.problem(self._unknown_key(key, where))
            return
        reader = READERS[key]
        try:
            self.values[key], self.origin[key] = reader.read(value), where
        except ValueError:
            is_option = where.startswith("--") and "=" not in where
            written = f"{where} {reader.example}" if is_option else f"{key}: {reader.example}"
            todo = nearest(str(value), reader.names) or f"write for example {written}"
            given = f"{where} {value}" if is_option else f"{where}: {key} is {value!r}"
            allowed = reader.allowed.removesuffix(", or null") if is_option else reader.allowed
            self.problem(UserError(given, allowed, todo))

    def fix(self, name: str, value: object, where: str) -> None:
        """Give a parameter one value, and search it no more; what exists only beside other values goes too."""
        try:
            read = as_written(value)
        except ValueError:
            allowed = "a finite number, text, true, false, null, or a list of those"
            self.problem(UserError(f"{where}: fixed.{name} is {value!r}", allowed, "write a plain value"))
            return
        searched = self._take(self.search, name)
        self._take(self.fixed, name)
        self._end_rivals(name, where)
        self.fixed[name], self.origin[name] = read, where
        if searched:
            self._settle_conditions(name, read)

    def vary(self, name: str, found: Range, where: str, *, has_default: bool) -> None:
        """Search a parameter; without a default of its own the range takes over the value used so far, if inside."""
        usual = [before.default for before in self._take(self.search, name)] + self._take(self.fixed, name)
        self._end_rivals(name, where)
        if not has_default:
            inside = [value for value in usual if found.contains(value)]
            found = replace(found, default=inside[0]) if inside else found
        self.search[name], self.origin[name] = found, where

    def _end_rivals(self, name: str, where: str) -> None:
        """A limit of length that an earlier layer gave under another name no longer holds."""
        for rival in _RIVALS.get(name, ()):
            if self.origin.get(rival) != where:
                self._take(self.search, rival)
                self._take(self.fixed, rival)

    def narrow(self, name: str, found: Range, where: str) -> None:
        """Search a parameter in a range from the command line, which has no way to write a condition or a default."""
        for before in self._find(self.search, name):
            found = replace(found, when=before.when)
        self.vary(name, found, where, has_default=False)

    def build(
        self,
        metrics: MetricsOf | None = None,
        words: Mapping[str, Collection[str]] = {},
        faults: FaultsOf | None = None,
    ) -> Space:
        """The space.

        Args:
            metrics: the metrics of a task and their directions, the usual one first; None leaves metric and mode as
                they are.
            words: key -> the words that it may be.
            faults: what gives the problems of parameters with their values.

        Raises:
            UserError: whatever was wrong in any layer or between them, all at once.
        """
        top: dict[str, Any] = {key: value for key, value in self.values.items() if "." not in key}
        for section, keys in SECTIONS.items():
            given = {key: self.values[f"{section}.{key}"] for key in keys if f"{section}.{key}" in self.values}
            top[section] = replace(getattr(Space(), section), **given)
        search = {name: self.search[name] for name in parents_first(self.search)}
        space = Space(**top, fixed=self.fixed, search=search)
        self.problems += condition_problems(self.search, self.broken, self.origin)
        self.problems += [*epoch_problems(space, self.origin), *data_problems(space, self.origin)]
        self.problems += self._unknown_words(words)
        self.problems += self._value_faults(faults) if faults else ()
        if metrics is None or (words and space.task not in words["task"]):
            raise_all(self.problems)
            return space
        try:
            known = metrics(space.task)
        except UserError as error:
            self.problem(error)
            raise_all(self.problems)
            raise
        space = replace(space, metric=space.metric or next(iter(known)))
        self.problems += metric_problems(space, known, self.origin)
        raise_all(self.problems)
        return replace(space, mode=Direction(known[str(space.metric)]))

    def _unknown_words(self, words: Mapping[str, Collection[str]]) -> Iterator[UserError]:
        for key, known in words.items():
            if key in self.values and self.values[key] not in known:
                given = f"{self.origin[key]}: {key} {self.values[key]!r} is unknown"
                todo = nearest(self.values[key], known) or "name one of them"
                yield UserError(given, ", ".join(known), todo)

    def _value_faults(self, faults: FaultsOf) -> Iterator[UserError]:
        values = {name: (value,) for name, value in self.fixed.items()}
        values |= {name: ends(found) for name, found in self.search.items()}
        for name, several in values.items():
            for found in (found for value in several for found in faults({name: value})):
                yield UserError(f"{self.origin[name]}: {found.problem}", found.allowed, found.todo)

    def _section(self, key: str, value: object, where: str) -> Mapping[str, Any]:
        if value is None or isinstance(value, Mapping):  # a section whose lines are all comments reads as None
            return {str(name): item for name, item in (value or {}).items()}
        self.problem(UserError(f"{where}: {key} is {value!r}", "lines KEY: VALUE", f"indent them under {key}:"))
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
        """The name of the parameter at `place`; None, with a problem, if unknown or already in `seen`."""
        section, _, written = place.partition(".")
        name = self.names.canonical(written)
        if name is None:
            self.problem(unknown_parameter(written, f"{where}: {section}", self.names))
            return None
        first = seen.setdefault(self.names.identity(name), place)
        if first != place:
            given = f"{where}: {written} stands in {place} and in {first}"
            self.problem(UserError(given, "one of the two", f"take out {place} or {first}"))
            return None
        return name

    def _vary_as_written(self, name: str, spec: Any, where: str) -> None:
        if name in self.search and isinstance(spec, Mapping) and not any(kind in spec for kind in YAML_FORMS):
            spec = {**self.search[name].to_dict(), **spec}  # `{default: 3}` over a range of an earlier layer
        try:
            found = parse_range(name, spec, where)
        except UserError as error:
            self.broken.add(name)
            self.problem(error)
            return
        when = {self.names.canonical(parent) or parent: value for parent, value in (found.when or {}).items()}
        self.vary(name, replace(found, when=when or None), where, has_default="default" in spec)

    def _find(self, entries: Mapping[str, Any], name: str) -> list[Any]:
        """What `entries` has of the parameter, under whichever of its names."""
        return [entries[other] for other in entries if self.names.identity(other) == self.names.identity(name)]

    def _take(self, entries: dict[str, Any], name: str) -> list[Any]:
        """As `_find`, and removed."""
        found = self._find(entries, name)
        for other in list(entries):
            if self.names.identity(other) == self.names.identity(name):
                del entries[other]
        return found

    def _settle_conditions(self, parent: str, value: Any) -> None:
        for name, found in list(self.search.items()):
            if not found.when or parent not in found.when:
                continue
            if holds({parent: found.when[parent]}, {parent: value}):
                rest = {other: wanted for other, wanted in found.when.items() if other != parent}
                self.search[name] = replace(found, when=rest or None)
            else:
                del self.search[name]

    def _unknown_key(self, key: str, where: str) -> UserError:
        head, dot, _ = key.partition(".")
        known = [f"{head}.{name}" for name in SECTIONS[head]] if dot and head in SECTIONS else list(TOP_KEYS)
        is_parameter = self.names.known is not None and self.names.canonical(key) is not None
        todo = f"{key} is a parameter: write it under fixed: or search:" if is_parameter else nearest(key, known)
        return UserError(f"{where}: unknown key {key!r}", ", ".join(known), todo or "take the key out")


def unknown_parameter(name: str, where: str, names: Names, more: Iterable[str] = ()) -> UserError:
    """The error for a parameter nobody knows, or one with the prefix of another kind; `more`: other keys allowed."""
    known = [*more, *names.all()]
    extra = sorted(name for name, kind in (names.known or {}).items() if kind == "extra")
    keys = dict.fromkeys(key if key in TOP_KEYS else f"{key.partition('.')[0]}.…" for key in more)
    allowed = ", ".join([*keys, "a field of Seq2SeqTrainingArguments or GenerationConfig", *extra, "model.FIELD"])
    rest = name.rpartition(".")[2]
    actual = (names.known or {}).get(rest)
    if actual is not None:
        todo = f"{rest} is a {actual} parameter: write {rest}"
    elif name in TOP_KEYS:
        todo = f"{name} is a key of its own: write it at the left margin, not among the parameters"
    else:
        perhaps = "take it out" if "." in name else f"model.{name}, if the model has it; else take it out"
        todo = nearest(name, known) or nearest(rest, known) or perhaps
    return UserError(f"{where}: unknown parameter {name!r}", allowed, todo)


def from_dict(mapping: Mapping[str, Any], where: str) -> Space:
    """The space that `mapping` (a resolved space, such as `Space.to_dict()` gives) describes; `where` for messages.

    The names of parameters are taken as they stand; `search_spaces.resolve.resolve` checks those as well.

    Raises:
        UserError: unknown keys, wrong types, ranges that are none, contradictions; all at once.
    """
    draft = Draft(Names())
    draft.apply(mapping, where)
    return draft.build()
