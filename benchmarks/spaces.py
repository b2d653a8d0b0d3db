"""Every search space on the sample that comes with it, from `tune` to `predict`, as somebody would who has no data yet.

    python -m benchmarks.spaces [--out runs/spaces] [cnn rnn …]

Prints one line per space while it runs, then a table for the README and `LIMIT` seconds for each search. Exit code 1
if one took longer, found no model, or predicted another number of rows than there are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.resolve import list_spaces

LIMIT = 180  # seconds of `tune SPACE` on two cores, from the command to the exported model
_LONGER = {"kobart": 240}  # the summaries of `make tune`, which has a minute more
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """What a space gave."""

    space: str
    seconds: float
    summary: dict[str, Any]
    rows: int
    predicted: int

    @property
    def well(self) -> bool:
        """Whether the search was quick enough and its model answered every row."""
        in_time = self.seconds <= _LONGER.get(self.space, LIMIT)
        return in_time and self.summary["best"] is not None and self.rows == self.predicted > 0

    def line(self) -> str:
        """A row of the README's table."""
        found, trials = self.summary, self.summary["trials"]
        metric, best, default, test = found["metric"], found["best"], found["default"], found["test"]
        cells = [
            f"`{self.space}`",
            found["task"],
            f"{trials['total']} ({trials['pruned']} pruned)",
            f"{self.seconds:.0f} s",
            metric,
            f"{default['value']:.3f}" + (" (pruned)" if default["status"] == "pruned" else ""),
            f"{best['value']:.3f}",
            f"{test[metric]:.3f}",
        ]
        return f"| {' | '.join(cells)} |"


HEAD = "| space | task | trials | `tune` | metric | recipe default, dev | best, dev | best, test |\n|" + " --- |" * 8


def run(space: str, storage: Path) -> Outcome:
    """Search the space's own sample, then predict its test rows.

    Raises:
        RuntimeError: a command failed.
    """
    started = time.monotonic()
    options = ["--study", space, "--storage", str(storage)]
    summary = json.loads(_kotune("tune", space, *options, "--json"))
    seconds = time.monotonic() - started
    (test,) = (storage / space / "sample_data").glob("test.*")
    out = storage / f"{space}.csv"
    told = _kotune("predict", str(storage / space / "best_model"), str(test), "--out", str(out))
    return Outcome(space, seconds, summary, int(summary["data"]["test"]["rows"]), int(told.split()[0]))


def _kotune(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "cli.py", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stderr[-3000:]}")
    return done.stdout


def main() -> int:
    """Run them one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spaces", nargs="*", default=list_spaces())
    parser.add_argument("--out", type=Path, help="new folder that is kept; default: a temporary one")
    given = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory() as scratch:
        for space in given.spaces:
            outcomes.append(run(space, (given.out or Path(scratch)).resolve()))
            print(
                f"{space}: {outcomes[-1].seconds:.0f} s in all, {outcomes[-1].predicted} rows predicted",
                file=sys.stderr,
            )
    print("\n".join([HEAD, *(outcome.line() for outcome in outcomes)]))
    return int(not all(outcome.well for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
