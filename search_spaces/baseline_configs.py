"""Other people's configuration files as the base of a search: translated key by key, each with what it became."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foundation.errors import UserError, nearest, raise_all
from search_spaces.baseline_keys import BASELINE, FLAT, Rule, parameter
from search_spaces.schema import READERS, SECTIONS

_LIST = "wandb.tags"  # the one key that several foreign keys may add to

# Two parameters that say one thing, so that a file may hold only one of them.
_WARMUP = ("fixed.warmup_ratio", "fixed.warmup_steps")
_LENGTH = ("fixed.max_length", "fixed.max_new_tokens")


@dataclass(frozen=True)
class Became:
    """One key of a foreign file, what it is in kotune's own form (or `nothing`), and what to know about it."""

    key: str
    became: str
    note: str = ""


def is_baseline(mapping: Mapping[str, Any]) -> bool:
    """Whether `mapping` is another program's configuration file, not a search space of kotune's own form.

    It is the baseline's file in sections if `general`, `inference` or `training` stands in it, or a section
    `tokenizer` (in kotune's form that is one text). It is a flat experiment file if a key of `FLAT` stands at the left
    margin that kotune's own form does not have there, such as `epochs` or `learning_rate`; unless `fixed`, `search` or
    `embedded` stands beside it: that is a search space with a parameter in the wrong place.
    """
    if _in_sections(mapping):
        return True
    names = {str(key) for key in mapping}
    return not names & {"fixed", "search", "embedded"} and bool((names & set(FLAT)) - set(READERS) - set(SECTIONS))


def translate(
    mapping: Mapping[str, Any], where: str, searches: Collection[str] = (), parameters: Collection[str] = ()
) -> tuple[dict[str, Any], list[Became]]:
    """`mapping` in kotune's own form, and what every key of it became, in the file's order.

    Beside the keys of a search space the result may have `defaults`, the values of parameters that are searched.

    Args:
        mapping: a file of which `is_baseline` is true; `where` names it in messages.
        searches: the parameters that the space searches; a value for one goes to `defaults`, others to `fixed`.
        parameters: names of more parameters that may stand in a flat file; each goes where `searches` says.

    Raises:
        UserError: unknown keys, values that cannot be read, keys that contradict each other; all at once.
    """
    translation = _Translation(where, searches)
    if _in_sections(mapping):
        _take_sections(translation, mapping)
    else:
        _take_flat(translation, mapping, parameters)
    translation.problems += _said_twice(translation)
    raise_all(translation.problems)
    return translation.nested(), translation.became


def told(became: Sequence[Became]) -> list[str]:
    """One line per key, aligned: `training.fp16  ->  fixed.fp16: true   (a CPU computes …)`."""
    left = max((len(item.key) for item in became), default=0)
    middle = max((len(item.became) for item in became), default=0)
    notes = [f"({item.note})" if item.note else "" for item in became]
    lines = zip(became, notes, strict=True)
    return [f"{item.key:<{left}}  ->  {item.became:<{middle}}   {note}".rstrip() for item, note in lines]


class _Translation:
    """What was read so far: values by kotune's dotted keys, who said them, and every problem."""

    def __init__(self, where: str, searches: Collection[str]) -> None:
        self.where, self.searches = where, searches
        self.values: dict[str, Any] = {}
        self.said: dict[str, str] = {}  # kotune's key → the foreign key that set it
        self.became: list[Became] = []
        self.problems: list[UserError] = []

    def take(self, key: str, value: object, rule: Rule) -> None:
        """Read one key; an empty one leaves what the search space has."""
        if value is None:
            self.became.append(Became(key, "nothing", "no value is given"))
            return
        try:
            read = rule.reads.read(value)
        except ValueError:
            todo = rule.todo or nearest(str(value), rule.reads.names)
            todo = todo or f"write for example {key.rpartition('.')[2]}: {rule.reads.example}"
            self.problems.append(UserError(f"{self.where}: {key} is {value!r}", rule.reads.allowed, todo))
            return
        targets = rule.becomes(read)
        for target, item in targets.items():
            self._put(target, item, key)
        said = ", ".join(self._shown(target, item) for target, item in targets.items())
        self.became.append(Became(key, said or "nothing", "; ".join(filter(None, [rule.note, *self._ends(targets)]))))

    def unknown(self, key: str, known: Collection[str], todo: str = "") -> None:
        """Report a key that nobody knows; `known` are the names of its section, without the section's."""
        section, _, name = key.rpartition(".")
        place = f"{self.where}: {section}" if section else self.where
        todo = todo or nearest(name, known) or "take the key out"
        self.problems.append(UserError(f"{place}: unknown key {name!r}", ", ".join(sorted(known)), todo))

    def nested(self) -> dict[str, Any]:
        """The values as a mapping of sections, those of searched parameters under `defaults`."""
        result: dict[str, Any] = {}
        for target, value in self.values.items():
            section, _, name = self._place(target).rpartition(".")
            room = result.setdefault(section, {}) if section else result
            room[name] = list(value) if isinstance(value, tuple) else value
        return result

    def _put(self, target: str, value: Any, key: str) -> None:
        first = self.said.setdefault(target, key)
        if target == _LIST:
            before = self.values.get(target, ())
            self.values[target] = (*before, *(item for item in value if item not in before))
        elif self.values.setdefault(target, value) != value:
            given = f"{self.where}: {first} says {_written(self.values[target])} and {key} says {_written(value)}"
            both = f"one value: both set {target.removeprefix('fixed.')}"
            self.problems.append(UserError(given, both, f"take out {first} or {key}"))

    def _place(self, target: str) -> str:
        section, _, name = target.partition(".")
        return f"defaults.{name}" if section == "fixed" and name in self.searches else target

    def _shown(self, target: str, value: Any) -> str:
        name = target.removeprefix("fixed.")
        searched = self._place(target) != target
        return f"default of search.{name}: {_written(value)}" if searched else f"{target}: {_written(value)}"

    def _ends(self, targets: Mapping[str, Any]) -> list[str]:
        """The search that a fixed value ends, since a number of steps cannot be the default of a share."""
        fixed = [target for target in _WARMUP if target in targets and self._place(target) == target]
        others = [name.removeprefix("fixed.") for name in _WARMUP if fixed and name not in fixed]
        return [f"{name} is searched no more" for name in others if name in self.searches]


def _in_sections(mapping: Mapping[str, Any]) -> bool:
    only_there = set(BASELINE) - set(READERS) - set(SECTIONS)
    return any(key in only_there for key in mapping) or isinstance(mapping.get("tokenizer"), Mapping)


def _take_sections(translation: _Translation, mapping: Mapping[str, Any]) -> None:
    for section, content in mapping.items():
        rules = BASELINE.get(str(section))
        if rules is None:
            translation.unknown(str(section), BASELINE, _home(str(section)))
        elif content is not None and not isinstance(content, Mapping):
            given = f"{translation.where}: {section} is {content!r}"
            todo = f"indent its keys under {section}:"
            translation.problems.append(UserError(given, f"lines KEY: VALUE with {', '.join(rules)}", todo))
        else:
            for name, value in (content or {}).items():
                if name in rules:
                    translation.take(f"{section}.{name}", value, rules[name])
                else:
                    translation.unknown(f"{section}.{name}", rules, _home(str(name)))


def _home(name: str) -> str:
    """Where a key belongs that stands in another section."""
    homes = [f"{section}.{name}" for section, rules in BASELINE.items() if name in rules]
    return f"write it as {' or '.join(homes)}" if homes else ""


def _take_flat(translation: _Translation, mapping: Mapping[str, Any], parameters: Collection[str]) -> None:
    for key, value in _flattened(mapping).items():
        rule = FLAT.get(key) or (parameter(key) if key in parameters else None)
        section = key.rpartition(".")[0]
        if rule is not None:
            translation.take(key, value, rule)
        elif section in SECTIONS:
            translation.unknown(key, SECTIONS[section])
        else:
            translation.unknown(key, {name for name in (*FLAT, *parameters) if "." not in name})


def _flattened(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of kotune's own form, which may stand in a flat file, as dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        if key in SECTIONS and isinstance(value, Mapping):
            flat |= {f"{key}.{name}": item for name, item in value.items()}
        elif key not in SECTIONS or value is not None:  # a section whose lines are all comments reads as None
            flat[str(key)] = value
    return flat


def _said_twice(translation: _Translation) -> list[UserError]:
    said, where = translation.said, translation.where
    return [
        UserError(
            f"{where}: {said[one]} and {said[other]} are both given",
            f"one of the two: both set {one.removeprefix('fixed.')}",
            f"take out {said[one]} or {said[other]}",
        )
        for one, other in (_WARMUP, _LENGTH)
        if one in said and other in said
    ]


def _written(value: Any) -> str:
    """`value` as a person writes it; of a long list the beginning and how many there are."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"{', '.join(map(str, value[:3]))}{f', … ({len(value)})' if len(value) > 3 else ''}"
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
