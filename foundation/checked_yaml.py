"""Reads YAML from strangers: without its traps, and within bounds on bytes, values and depth.

PyYAML reads about 15,000 values per second. A few lines of aliases or merge keys can stand for billions of values.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import yaml

from foundation.errors import UserError
from foundation.safe_paths import read_regular

_INT = re.compile(r"[-+]?(?:0b[01][01_]*|0x[0-9a-fA-F][0-9a-fA-F_]*|0[0-7_]*|[1-9][0-9_]*)$")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
)
#: A number that YAML 1.1 reads as a text.
EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$")
#: The beginning of the tags of YAML's own types.
YAML_TAG = "tag:yaml.org,2002:"

_MAX_BYTES = 1 << 20
#: Keys, values and lists, as they are written, and after all aliases and merge keys are expanded.
_MAX_VALUES = 20_000
_MAX_DEPTH = 64


class StrictLoader(yaml.SafeLoader):
    """YAML without its traps: duplicate keys are refused, keys are texts, `1e-5` is a number, `1:30` is a text."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._values = self._merged = self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Reads one value, and counts values and levels."""
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self._values += 1
        self._depth += 1
        if self._values > _MAX_VALUES:
            raise yaml.MarkedYAMLError(problem=f"more than {_MAX_VALUES:,} values", problem_mark=mark)
        if self._depth > _MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"more than {_MAX_DEPTH} levels", problem_mark=mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        """Reads one mapping and refuses duplicate keys (PyYAML silently keeps the last)."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"duplicate key {key.value!r}"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            if isinstance(key, yaml.ScalarNode) and key.tag != f"{YAML_TAG}merge":
                key.tag = f"{YAML_TAG}str"  # the label True or 1.0 keeps its spelling
            seen.add(str(key.value))
        return node

    def flatten_mapping(self, node: Any) -> None:
        """Replaces the merge keys of a mapping by their entries, and counts these: each level may multiply them."""
        super().flatten_mapping(node)
        self._merged += len(node.value)
        if self._merged > _MAX_VALUES:
            problem = f"merge keys (<<) expand to more than {_MAX_VALUES:,} values"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Reads one value and adds the line to PyYAML's errors about numbers with 5,000 digits or `!!bool maybe`."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as error:
            problem = f"the value cannot be read as {node.tag.removeprefix(YAML_TAG)}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error


# Without the rules of YAML 1.1 that read "1:30" as 90 and "2026-01-02" as a date.
_REPLACED = ("int", "float", "timestamp", "value")
StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag.removeprefix(YAML_TAG) not in _REPLACED]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
StrictLoader.add_implicit_resolver(f"{YAML_TAG}int", _INT, list("-+0123456789"))
StrictLoader.add_implicit_resolver(f"{YAML_TAG}float", _FLOAT, list("-+0123456789."))
StrictLoader.add_implicit_resolver(f"{YAML_TAG}float", EXPONENT, list("-+0123456789"))


class SavedLoader(StrictLoader):
    """Reads YAML that PyYAML wrote: it does not quote texts that only other parsers read as numbers."""


SavedLoader.yaml_implicit_resolvers = yaml.SafeLoader.yaml_implicit_resolvers


def read_yaml(path: Path, where: str, loader: type[StrictLoader] = StrictLoader) -> Any:
    """Reads a YAML file; `where` names it in messages.

    Raises:
        UserError: the file cannot be read, is no regular file, or is too large; or as `load_yaml`.
    """
    try:
        text = read_regular(path, _MAX_BYTES)
    except OSError as error:
        problem = f"{where} cannot be read: {error.strerror}"
        raise UserError(problem, "a readable file of a few lines", "check the path and its permissions") from None
    return load_yaml(text, where, loader)


def load_yaml(text: str | bytes, where: str, loader: type[StrictLoader] = StrictLoader) -> Any:
    """Reads YAML.

    Raises:
        UserError: the text is not YAML or has a duplicate key (the message has the line number), is nested too deeply,
            or has too many values, also by aliases or merge keys.
    """
    try:
        value = yaml.load(text, loader)
        if _expanded_size(value, {}) > _MAX_VALUES:
            problem = f"{where}: its aliases (*NAME) expand to more than {_MAX_VALUES:,} values"
            raise UserError(problem, "a few lines", "write the values without aliases")
        return value
    except RecursionError:
        raise UserError(f"{where}: nested too deeply", "a few levels of indentation", "remove levels") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{where}{line}: {problem}", "YAML, each key once", "fix that line") from None


def _expanded_size(value: object, sizes: dict[int, float]) -> float:
    """Returns the number of values after all aliases are expanded; infinite if a value contains itself."""
    if not isinstance(value, dict | list | tuple):
        return 1
    if id(value) not in sizes:
        sizes[id(value)] = math.inf  # the result if the recursion comes back to this value
        items = [*value, *value.values()] if isinstance(value, dict) else value
        sizes[id(value)] = 1 + sum(_expanded_size(item, sizes) for item in items)
    return sizes[id(value)]
