"""From a name or a file to a checked space: shipped files, layers, and what the command line overrides."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation.errors import UserError, nearest
from search_spaces.draft import Draft, FaultsOf, MetricsOf, Names, unknown_parameter
from search_spaces.parsing import parse_range_option, parse_set_option
from search_spaces.schema import READERS, SECTIONS, Space
from search_spaces.values import load_yaml

__all__ = ["list_spaces", "load_space", "resolve"]

SHIPPED = Path(__file__).parent


def list_spaces() -> list[str]:
    """The names of the search spaces that come with kotune."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load_space(name_or_path: str | Path) -> tuple[dict[str, Any], str]:
    """The YAML of a shipped search space (by name) or of a file (by path), and how messages shall call it.

    Raises:
        UserError: there is no such space or file, or it is no YAML mapping.
    """
    given = str(name_or_path)
    if given in list_spaces():
        return _read(SHIPPED / f"{given}.yaml", f"search_spaces/{given}.yaml")
    if os.path.isfile(given):
        return _read(Path(given), given)
    names = list_spaces()
    todo = nearest(Path(given).stem.lower(), names) or "name one of these, or correct the path"
    raise UserError(f"there is no search space {given!r}", f"{', '.join(names)}, or a path to a YAML file", todo)


def _read(path: Path, where: str) -> tuple[dict[str, Any], str]:
    try:
        raw = load_yaml(path.read_bytes(), where)
    except OSError as error:
        raise UserError(f"{where} cannot be read: {error.strerror}", "a readable file", "look at its rights") from None
    if not isinstance(raw, dict):
        raise UserError(f"{where} is no mapping", "lines KEY: VALUE", "start it with the line `model: …`")
    return raw, where


def resolve(
    raw: Mapping[str, Any],
    where: str,
    *,
    known_parameters: Mapping[str, str],
    metrics: MetricsOf,
    embedded: bool = False,
    config: Mapping[str, Any] | None = None,
    config_where: str = "--config",
    sets: Sequence[str] = (),
    ranges: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    aliases: Mapping[str, str] | None = None,
    words: Mapping[str, Collection[str]] = {},
    faults: FaultsOf | None = None,
) -> Space:
    """The checked space. Later layers win: file, its `embedded:`, config, sets, ranges, options.

    A parameter that a later layer fixes is no longer searched, and the other way round. A range without a default
    keeps the default, or else the fixed value, that was in force, if it lies inside.

    Args:
        raw: a search space as `load_space` gives it; `where` names it in messages.
        known_parameters: the name of every parameter and its kind, such as `training` or `generation`. Where two
            kinds share a name, the second one's is a key with its prefix: `generation.NAME`.
        metrics: what gives the metrics of a task and their directions, `max` or `min`, the usual one first.
        embedded: whether the data that comes with kotune is used, because the user gave none.
        config: a mapping of the same form as `raw`; `config_where` names it in messages.
        sets: `KEY=VALUE` texts of `--set`.
        ranges: texts of `--range`, such as `learning_rate=log:1e-5:1e-3`.
        options: typed values of other options by dotted key, such as `budget.trials`; None was not given.
        aliases: old names of parameters and what they became, a name or a sentence that begins with one; they are
            accepted and kept as written.
        words: key -> the words that it may be, where others know them.
        faults: what gives the problems of parameters with their values.

    Raises:
        UserError: every problem of every layer, at once.
    """
    draft = Draft(Names(known_parameters, aliases or {}))
    draft.values["name"] = Path(where).stem
    for mapping, place in ((raw, where), (config or {}, config_where)):
        draft.apply({key: value for key, value in mapping.items() if key != "embedded"}, place)
        if embedded and mapping.get("embedded") is not None:
            draft.apply(mapping["embedded"], f"{place}, embedded")
    for text in sets:
        _set(draft, text)
    for text in ranges:
        _range(draft, text)
    for key, value in (options or {}).items():
        if value is not None:
            _assign(draft, key, value, _option(key))
    if embedded:
        draft.put("data.embedded", True, "the command line")
    return draft.build(metrics, words, faults)


def _option(key: str) -> str:
    """The option of the command line that sets `key`."""
    _, _, name = key.rpartition(".")
    called = {"budget.time": "time-budget", "slots.count": "slots"}.get(key, name)
    return f"--{called.replace('_', '-')}"


def _set(draft: Draft, text: str) -> None:
    try:
        key, value = parse_set_option(text)
        _assign(draft, key, value, f"--set {text}")
    except UserError as error:
        draft.problem(error)


def _range(draft: Draft, text: str) -> None:
    try:
        written, found = parse_range_option(text)
    except UserError as error:
        draft.problem(error)
        return
    name = draft.names.canonical(written)
    if name is None:
        draft.problem(unknown_parameter(written, f"--range {text}", draft.names))
    else:
        draft.narrow(name, found, f"--range {text}")


def _assign(draft: Draft, key: str, value: Any, where: str) -> None:
    head, dot, rest = key.partition(".")
    name = draft.names.canonical(key)
    if key in READERS:
        draft.put(key, value, where)
    elif head in SECTIONS or head in ("fixed", "search"):
        draft.apply({head: {rest: value} if dot else value}, where)
    elif name is not None:
        draft.fix(name, value, where)
    else:
        draft.problem(unknown_parameter(key, where, draft.names, READERS))
