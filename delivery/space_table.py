"""The table of search spaces that `spaces` prints."""

from __future__ import annotations

from rich.console import Console
from rich.table import Column, Table

from foundation.standard_output import output
from search_spaces.parsing import parse_range
from search_spaces.resolve import list_spaces, load_space

#: Columns of a file or a pipe, which has no width of its own.
_WIDTH = 200


def print_spaces() -> None:
    """Prints the name, task, model, metric and ranges of every space that comes with kotune."""
    unbroken = ("space", "model")  # names that a user types must not be cut or wrapped
    columns = ("space", "task", "model", "metric", "searched")
    table = Table(*(Column(name, overflow="fold", no_wrap=name in unbroken) for name in columns))
    for name in list_spaces():
        raw, where = load_space(name)
        ranges = [f"{key}: {parse_range(key, spec, where).describe()}" for key, spec in raw["search"].items()]
        table.add_row(name, raw["task"], raw["model"], raw["metric"], "\n".join(ranges))
    console = Console(file=output())
    (console if console.is_terminal else Console(file=output(), width=_WIDTH)).print(table)
