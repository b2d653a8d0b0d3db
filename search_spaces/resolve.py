"""Loads search spaces and resolves them: the file, its layers, and the options of the command line."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation.errors import UserError, nearest
from search_spaces.draft import Draft, FaultsOf, MetricsOf, Names, unknown_parameter
from search_spaces.parsing import parse_range_option, parse_set_option
from search_spaces.schema import READERS, SECTIONS, Space
from search_spaces.values import RawMapping, load_yaml

__all__ = ["list_spaces", "load_space", "resolve"]

SHIPPED = Path(__file__).parent


def list_spaces() -> list[str]:
    """Returns the names of the search spaces that kotune ships."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load_space(name_or_path: str | Path) -> tuple[RawMapping, str]:
    """Returns the YAML mapping of a shipped search space (by name) or of a file (by path), and its name in messages.

    Raises:
        UserError: there is no such space or file, or it is not a YAML mapping.
    """
    name = str(name_or_path)
    if name in list_spaces():
        return _read(SHIPPED / f"{name}.yaml", f"search_spaces/{name}.yaml")
    if os.path.isfile(name):
        return _read(Path(name), name)
    names = list_spaces()
    todo = nearest(Path(name).stem.lower(), names) or "choose one of these, or fix the path"
    raise UserError(f"there is no search space {name!r}", f"{', '.join(names)}, or a path to a YAML file", todo)


def _read(path: Path, where: str) -> tuple[RawMapping, str]:
    try:
        raw = load_yaml(path.read_bytes(), where)
    except OSError as error:
        raise UserError(
            f"{where} cannot be read: {error.strerror}", "a readable file", "check its permissions"
        ) from None
    if not isinstance(raw, dict):
        raise UserError(f"{where} is not a mapping", "lines KEY: VALUE", "start it with the line `model: …`")
    return raw, where


def resolve(
    raw: Mapping[str, Any],
    where: str,
    *,
    parameter_kinds: Mapping[str, str],
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
    """Merges all layers into a checked space. Later layers win: file, its `embedded:`, config, sets, ranges, options.

    A parameter that a later layer fixes is no longer searched, and vice versa. A range without a default keeps the
    previous default or fixed value if it is inside the range.

    Args:
        raw: A search space as `load_space` returns it; `where` names it in messages.
        parameter_kinds: Name of every parameter -> its kind, such as `training` or `generation`. If two kinds share a
            name, the key of the second one has its prefix: `generation.NAME`.
        metrics: Returns the metrics of a task and their directions, `max` or `min`, the default metric first.
        embedded: Use the data that kotune ships, because the user has no files.
        config: A mapping of the same form as `raw`; `config_where` names it in messages.
        sets: `KEY=VALUE` texts of `--set`.
        ranges: Texts of `--range`, such as `learning_rate=log:1e-5:1e-3`.
        options: Typed values of other options by dotted key, such as `budget.trials`; None if the option is not used.
        aliases: Old names of parameters -> their replacement, a name or a sentence that begins with one; old names
            are accepted and stay as written.
        words: Key -> its allowed values, for keys whose values are defined elsewhere.
        faults: Returns the problems of parameter values.

    Raises:
        UserError: every problem of every layer, at once.
    """
    draft = Draft(Names(parameter_kinds, aliases or {}))
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
    """Returns the command line option that sets `key`."""
    _, _, name = key.rpartition(".")
    option = {"budget.time": "time-budget", "slots.count": "slots"}.get(key, name)
    return f"--{option.replace('_', '-')}"


def _set(draft: Draft, text: str) -> None:
    try:
        key, value = parse_set_option(text)
        _assign(draft, key, value, f"--set {text}")
    except UserError as error:
        draft.add_problem(error)


def _range(draft: Draft, text: str) -> None:
    try:
        written, parsed = parse_range_option(text)
    except UserError as error:
        draft.add_problem(error)
        return
    name = draft.names.canonical(written)
    if name is None:
        draft.add_problem(unknown_parameter(written, f"--range {text}", draft.names))
    else:
        draft.narrow(name, parsed, f"--range {text}")


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
        draft.add_problem(unknown_parameter(key, where, draft.names, READERS))
