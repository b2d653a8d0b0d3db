"""Loads search spaces and resolves them: the file, its layers, and the options of the command line."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from foundation.checked_yaml import read_yaml
from foundation.errors import UserError, nearest
from search_spaces.baseline_keys import FLAT, LIST
from search_spaces.draft import Draft, FaultsOf, MetricsOf
from search_spaces.names import Names, unknown_parameter
from search_spaces.parsing import parse_range_option, parse_set_option
from search_spaces.schema import READERS, SECTIONS, Space
from search_spaces.values import RawMapping

__all__ = ["list_spaces", "load_space", "names_data_file", "resolve", "set_file_paths", "with_absolute_paths"]

_SPLITS, _MODELS = ("train", "dev", "test"), ("model", "tokenizer", "rdass_encoder")
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
        raw, where = _read(Path(name), name)
        set_file_paths(raw, Path(name).parent)
        return raw, where
    names = list_spaces()
    todo = nearest(Path(name).stem.lower(), names) or "choose one of these, or fix the path"
    raise UserError(f"there is no search space {name!r}", f"{', '.join(names)}, or a path to a YAML file", todo)


def _read(path: Path, where: str) -> tuple[RawMapping, str]:
    raw = read_yaml(path, where)
    if not isinstance(raw, dict):
        raise UserError(f"{where} is not a mapping", "lines KEY: VALUE", "start it with the line `model: …`")
    return raw, where


def names_data_file(option: str) -> bool:
    """Returns whether a `KEY=VALUE` text of `--set` names a data file, by any name of this setting."""
    rule = FLAT.get(option.partition("=")[0].strip())
    files = {f"data.{split}" for split in _SPLITS}
    return rule is not None and rule.reader.allowed.startswith("a path") and bool(files & set(rule.translate("file")))


def set_file_paths(mapping: MutableMapping[str, Any], folder: Path) -> None:
    """Joins the relative paths in the mapping of a file to `folder`, which has the file.

    A text that may be a hub id as well, such as `model`, is a path if that file or folder exists.
    """
    for key in _MODELS:
        if key in mapping:
            mapping[key] = _at(folder, mapping[key], must_exist=True)
    if isinstance(data := mapping.get("data"), Mapping):
        mapping["data"] = {key: _at(folder, item) if key in _SPLITS else item for key, item in data.items()}


def _at(folder: Path, value: object, *, must_exist: bool = False) -> Any:
    if not isinstance(value, str) or not value or value.startswith("scratch:") or "://" in value:
        return value
    path = folder / os.path.expanduser(value)
    return str(path) if not must_exist or path.exists() else value


def with_absolute_paths(space: Space, base: Path) -> Space:
    """Returns the space with an absolute path for every file and folder that exists on this machine.

    Hub ids, `scratch:SIZE`, bucket addresses and paths to nothing stay as they are.

    Args:
        base: The folder that relative paths start from, normally the working directory. Those of files are absolute
            already, see `set_file_paths`.
    """

    def absolute(value: str) -> str:
        return _absolute(value, base)

    data = space.data
    return replace(
        space,
        data=replace(
            data,
            train=data.train and absolute(data.train),
            dev=data.dev and absolute(data.dev),
            test=data.test and absolute(data.test),
        ),
        model=absolute(space.model),
        tokenizer=space.tokenizer and absolute(space.tokenizer),
        rdass_encoder=space.rdass_encoder and absolute(space.rdass_encoder),
    )


def _absolute(value: str, base: Path) -> str:
    if value.startswith("scratch:") or "://" in value:
        return value
    # Not `resolve`: a link in the hub's cache points to a blob without a suffix, and the suffix gives the file format.
    path = Path(base, os.path.expanduser(value)).absolute()
    return str(path) if os.path.exists(path) else value


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
    reserved: Mapping[str, str] | None = None,
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
        metrics: Returns the metrics of a task, the default metric first.
        embedded: Use the data that kotune ships, because the user has no files.
        config: A mapping of the same form as `raw`; `config_where` names it in messages.
        sets: `KEY=VALUE` texts of `--set`.
        ranges: Texts of `--range`, such as `learning_rate=log:1e-5:1e-3`.
        options: Typed values of other options by dotted key, such as `budget.trials`; None if the option is not used.
        aliases: Old names of parameters -> their replacement, a name or a sentence that begins with one. A name that
            was only renamed gets its current name; others stay as written.
        reserved: Names that are no parameters -> what takes their place.
        words: Key -> its allowed values, for keys whose values are defined elsewhere.
        faults: Returns the problems of parameter values.

    Raises:
        UserError: every problem of every layer, at once.
    """
    draft = Draft(Names(parameter_kinds, aliases or {}, reserved or {}))
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
    elif key in FLAT and name is None:
        _assign_foreign(draft, key, value, where)
    elif head in SECTIONS or head in ("fixed", "search"):
        draft.apply({head: {rest: value} if dot else value}, where)
    elif name is not None:
        draft.fix(name, value, where)
    else:
        draft.add_problem(unknown_parameter(key, where, draft.names, [*READERS, *FLAT]))


def _assign_foreign(draft: Draft, key: str, value: Any, where: str) -> None:
    """Assigns a key of another program's configuration, such as `train_file` or `wandb.name`."""
    rule = FLAT[key]
    try:
        targets = rule.translate(rule.reader.read(value))
    except ValueError:
        todo = rule.todo or f"write for example {key}={rule.reader.example}"
        draft.add_problem(UserError(f"{where}: {key} is {value!r}", rule.reader.allowed, todo))
        return
    if not targets:
        todo = f"leave it out: {draft.names.reserved.get(key, rule.note)}"
        draft.add_problem(UserError(f"{where} has no effect", "a setting of a search space, or a parameter", todo))
    for target, item in targets.items():
        items = (*draft.values.get(target, ()), *item) if target == LIST else item
        _assign(draft, target, items, where)
