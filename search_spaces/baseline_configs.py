"""Translates configuration files of other programs into search spaces, key by key, and reports each translation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foundation.errors import UserError, near_names, nearest, raise_all
from search_spaces.baseline_keys import BASELINE, FLAT, LIST, MORE_KINDS, PLATEAU, Rule, parameter
from search_spaces.schema import READERS, SECTIONS
from search_spaces.values import RawMapping

# Pairs of parameters that set the same thing; a file may contain only one of them.
_WARMUP = ("fixed.warmup_ratio", "fixed.warmup_steps")
_LENGTH = ("fixed.max_length", "fixed.max_new_tokens")


#: What a file of another program may have, where the names would fill a screen.
_ALLOWED = "a key of a search space, a field of Seq2SeqTrainingArguments or GenerationConfig"


@dataclass(frozen=True)
class TranslatedKey:
    """One key of a foreign file, its translation (or `nothing`), and a note for the user."""

    key: str
    translation: str
    note: str = ""


def is_baseline(mapping: Mapping[str, Any]) -> bool:
    """Whether `mapping` is a configuration file of another program, not a search space.

    It is a baseline file in sections if it has `general`, `inference` or `training`, or `tokenizer` as a section (in a
    search space that is one text). It is a flat experiment file if it has a key of `FLAT` that a search space does
    not have there, such as `epochs` or `learning_rate`. With `fixed`, `search` or `embedded` in it, it is a
    search space with a misplaced parameter instead.
    """
    if _has_sections(mapping):
        return True
    names = {*map(str, mapping), *_flattened(mapping)}
    return not names & {"fixed", "search", "embedded"} and bool((names & set(FLAT)) - set(READERS) - set(SECTIONS))


def translate(
    mapping: Mapping[str, Any],
    where: str,
    searches: Collection[str] = (),
    parameters: Mapping[str, str] = {},
    reserved: Mapping[str, str] = {},
) -> tuple[RawMapping, list[TranslatedKey]]:
    """Returns `mapping` as a search space, and the translation of each of its keys in the order of the file.

    The result may have a key `defaults` with the values of parameters that are searched.

    Args:
        mapping: A file for which `is_baseline` is true; `where` names it in messages.
        searches: The parameters that the space searches; their values go to `defaults`, others to `fixed`.
        parameters: Names of more parameters that the file may have, and their kinds.
        reserved: Names that are no parameters -> what takes their place.

    Raises:
        UserError: unknown keys, invalid values, contradicting keys; all at once.
    """
    translator = _Translator(where, searches, reserved)
    sections = BASELINE if _has_sections(mapping) else {}
    for key, content in mapping.items():
        if key in sections:
            _translate_section(translator, key, content, parameters)
        else:
            _translate_flat(translator, {key: content}, parameters, sections)
    translator.problems += _rival_problems(translator)
    raise_all(translator.problems)
    return translator.nested(), translator.keys


def format_lines(keys: Sequence[TranslatedKey]) -> list[str]:
    """Returns one aligned line per key: `training.fp16  ->  fixed.fp16: true   (a CPU computes …)`."""
    key_width = max((len(item.key) for item in keys), default=0)
    width = max((len(item.translation) for item in keys), default=0)
    notes = [f"({item.note})" if item.note else "" for item in keys]
    lines = zip(keys, notes, strict=True)
    return [f"{item.key:<{key_width}}  ->  {item.translation:<{width}}   {note}".rstrip() for item, note in lines]


class _Translator:
    """Collects values by dotted key, the foreign keys that set them, and every problem."""

    def __init__(self, where: str, searches: Collection[str], reserved: Mapping[str, str]) -> None:
        self.where, self.searches, self.reserved = where, searches, reserved
        self.values: RawMapping = {}
        self.sources: dict[str, str] = {}  # dotted key -> the foreign key that set it
        self.keys: list[TranslatedKey] = []
        self.problems: list[UserError] = []

    def translate(self, key: str, value: object, rule: Rule) -> None:
        """Translates one key; an empty one keeps the value of the search space."""
        if value is None:
            self.keys.append(TranslatedKey(key, "nothing", "no value"))
            return
        try:
            typed = rule.reader.read(value)
        except ValueError:
            todo = rule.todo or nearest(str(value), rule.reader.names)
            todo = todo or f"write for example {key.rpartition('.')[2]}: {rule.reader.example}"
            self.problems.append(UserError(f"{self.where}: {key} is {value!r}", rule.reader.allowed, todo))
            return
        targets = rule.translate(typed)
        for target, item in targets.items():
            self._put(target, item, key)
        shown = ", ".join(self._shown(target, item) for target, item in targets.items())
        note = "; ".join(filter(None, [rule.note, *self._end_notes(targets)]))
        self.keys.append(TranslatedKey(key, shown or "nothing", note))

    def unknown(self, key: str, candidates: Collection[str], todo: str = "") -> None:
        """Reports an unknown key; `candidates` are the names in its section, without the section."""
        section, _, name = key.rpartition(".")
        place = f"{self.where}: {section}" if section else self.where
        if name in self.reserved:
            todo = f"remove the key: {self.reserved[name]}"
            self.problems.append(UserError(f"{place}: {name} cannot be set", _ALLOWED, todo))
            return
        todo = todo or nearest(name, candidates) or "remove the key"
        self.problems.append(
            UserError(f"{place}: unknown key {name!r}", near_names(name, candidates) or _ALLOWED, todo)
        )

    def nested(self) -> RawMapping:
        """Returns the values as a mapping of sections, with those of searched parameters under `defaults`."""
        result: RawMapping = {}
        for target, value in self.values.items():
            section, _, name = self._place(target).rpartition(".")
            entries = result.setdefault(section, {}) if section else result
            entries[name] = list(value) if isinstance(value, tuple) else value
        return result

    def _put(self, target: str, value: Any, key: str) -> None:
        first = self.sources.setdefault(target, key)
        if target == LIST:
            items = self.values.get(target, ())
            self.values[target] = (*items, *(item for item in value if item not in items))
        elif target == PLATEAU and isinstance(value, Mapping):
            self.values[target] = {**self.values.get(target, {}), **value}
        elif self.values.setdefault(target, value) != value:
            problem = f"{self.where}: {first} is {_written(self.values[target])} and {key} is {_written(value)}"
            allowed = f"one value: both set {target.removeprefix('fixed.')}"
            self.problems.append(UserError(problem, allowed, f"remove {first} or {key}"))

    def _place(self, target: str) -> str:
        section, _, name = target.partition(".")
        return f"defaults.{name}" if section == "fixed" and name in self.searches else target

    def _shown(self, target: str, value: Any) -> str:
        name = target.removeprefix("fixed.")
        searched = self._place(target) != target
        return f"default of search.{name}: {_written(value)}" if searched else f"{target}: {_written(value)}"

    def _end_notes(self, targets: Mapping[str, Any]) -> list[str]:
        """Notes on searches that a fixed value ends: a number of steps cannot be the default of a ratio."""
        fixed = [target for target in _WARMUP if target in targets and self._place(target) == target]
        others = [name.removeprefix("fixed.") for name in _WARMUP if fixed and name not in fixed]
        return [f"{name} is no longer searched" for name in others if name in self.searches]


def _has_sections(mapping: Mapping[str, Any]) -> bool:
    baseline_only = set(BASELINE) - set(READERS) - set(SECTIONS)
    return any(key in baseline_only for key in mapping) or isinstance(mapping.get("tokenizer"), Mapping)


def _translate_section(translator: _Translator, section: str, content: object, parameters: Mapping[str, str]) -> None:
    rules = BASELINE[section]
    if content is not None and not isinstance(content, Mapping):
        problem = f"{translator.where}: {section} is {content!r}"
        allowed = f"lines KEY: VALUE with {', '.join(list(rules)[:5])}{', …' if len(rules) > 5 else ''}"
        translator.problems.append(UserError(problem, allowed, f"indent its keys under {section}:"))
        return
    more = {name for name, kind in parameters.items() if kind in MORE_KINDS.get(section, ())}
    for name, value in (content or {}).items():
        key = f"{section}.{name}"
        if key in BASELINE:
            _translate_section(translator, key, value, parameters)
        elif name in rules:
            translator.translate(key, value, rules[name])
        elif name in more:
            translator.translate(key, value, FLAT.get(name) or parameter(name))
        else:
            translator.unknown(key, {*rules, *more}, _home(str(name)))


def _home(name: str) -> str:
    """Returns the sections that a misplaced key belongs to, as advice."""
    homes = [f"{section}.{name}" for section, rules in BASELINE.items() if name in rules]
    return f"write it as {' or '.join(homes)}" if homes else ""


def _translate_flat(
    translator: _Translator, mapping: Mapping[str, Any], parameters: Mapping[str, str], sections: Collection[str]
) -> None:
    for key, value in _flattened(mapping).items():
        rule = FLAT.get(key) or (parameter(key) if key in parameters else None)
        section = key.rpartition(".")[0]
        if rule is not None:
            translator.translate(key, value, rule)
        elif section in SECTIONS:
            translator.unknown(key, SECTIONS[section])
        else:
            names = {name for name in (*FLAT, *parameters, *sections) if "." not in name}
            translator.unknown(key, names)


def _flattened(mapping: Mapping[str, Any]) -> RawMapping:
    """Returns the file with sections of search spaces, which a flat file may have, as dotted keys."""
    flat: RawMapping = {}
    for key, value in mapping.items():
        if key in SECTIONS and isinstance(value, Mapping):
            flat |= {f"{key}.{name}": item for name, item in value.items()}
        elif key not in SECTIONS or value is not None:  # a section whose lines are all comments reads as None
            flat[str(key)] = value
    return flat


def _rival_problems(translator: _Translator) -> list[UserError]:
    sources, where = translator.sources, translator.where
    return [
        UserError(
            f"{where}: {sources[one]} and {sources[other]} are both set",
            f"one of the two: both set {one.removeprefix('fixed.')}",
            f"remove {sources[one]} or {sources[other]}",
        )
        for one, other in (_WARMUP, _LENGTH)
        if one in sources and other in sources
    ]


def _written(value: Any) -> str:
    """Formats `value` as a user writes it; a long list is truncated and its length added."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_written(item)}' for key, item in value.items())}}}"
    if isinstance(value, tuple | list):
        return f"{', '.join(map(str, value[:3]))}{f', … ({len(value)})' if len(value) > 3 else ''}"
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
