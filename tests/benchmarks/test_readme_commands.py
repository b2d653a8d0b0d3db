"""`benchmarks.readme_commands` runs every command of README.md, or says why not."""

from __future__ import annotations

import re

from benchmarks.readme_commands import commands, steps
from benchmarks.structure import README

PAGE = """
```
python cli.py tune kobart --train train.csv \\
    --trials 30          # long
ray up cluster.yaml
```
| `python cli.py train SPACE` | trains |
| `python cli.py status STUDY` | shows |
"""


def test_commands_of_a_page() -> None:
    """Of blocks and of the table, without comments and line breaks, in their order."""
    expected = ["python cli.py tune kobart --train train.csv --trials 30", "ray up cluster.yaml"]
    assert commands(PAGE) == [*expected, "python cli.py train SPACE", "python cli.py status STUDY"]


def test_every_study_is_resumed() -> None:
    """A search with one more trial than it had; what needs a cloud is left out with a reason."""
    plan = list(steps(commands(PAGE)))
    ran = [step.command.split(" --set")[0] for step in plan if step.command]
    assert ran == [
        "python cli.py tune kobart --train train.csv --trials 2 --model scratch:tiny",
        "python cli.py resume study-1 --trials 3",
        "python cli.py train cnn",
        "python cli.py resume study-2",
        "python cli.py status study-1",
    ]
    assert [step.reason for step in plan if not step.command] == ["needs an account of a cloud"]


def test_no_command_of_the_readme_keeps_a_placeholder() -> None:
    """A new command needs an entry in `CHANGES` or `LEFT_OUT` if it has one."""
    plan = list(steps(commands(README.read_text(encoding="utf-8"))))
    assert sum(step.command.startswith("python cli.py resume") for step in plan) > 4
    assert not [step.command for step in plan if re.search(r"\b(?!NSMC)[A-Z]{4,}\b|…", step.command)]
    assert all(step.command.startswith("python cli.py ") for step in plan if not step.reason)
