"""Runs every search space on its embedded sample, from `tune` to `predict`, like a user who has no data yet.

    python -m benchmarks.spaces [--out runs/spaces] [cnn rnn …]

Prints one line per space while it runs, then the table of docs/measurements.md §13. Exits with 1 if a search takes
more than `LIMIT` seconds, exports no model, or predicts a different number of rows than the file has.
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
_LIMITS = {"kobart": 240}  # the search of `make tune`; generating summaries takes longer
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """The result of one space."""

    space: str
    seconds: float
    summary: dict[str, Any]
    rows: int
    predicted: int

    @property
    def passed(self) -> bool:
        """Whether the search took less than its limit and its model predicted every row."""
        in_time = self.seconds <= _LIMITS.get(self.space, LIMIT)
        return in_time and self.summary["best"] is not None and self.rows == self.predicted > 0

    def line(self) -> str:
        """Returns a row of the README's table."""
        summary, trials = self.summary, self.summary["trials"]
        metric, best, default, test = summary["metric"], summary["best"], summary["default"], summary["test"]
        cells = [
            f"`{self.space}`",
            summary["task"],
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
    """Searches the space on its sample, then predicts the test rows.

    Raises:
        RuntimeError: a command failed.
    """
    started = time.monotonic()
    study = ["--study", space, "--storage", str(storage)]
    summary = json.loads(_kotune("tune", space, *study, "--json"))
    seconds = time.monotonic() - started
    (test,) = (storage / space / "sample_data").glob("test.*")
    out = storage / f"{space}.csv"
    output = _kotune("predict", str(storage / space / "best_model"), str(test), "--out", str(out))
    return Outcome(space, seconds, summary, int(summary["data"]["test"]["rows"]), int(output.split()[0]))


def _kotune(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "cli.py", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stderr[-3000:]}")
    return done.stdout


def main() -> int:
    """Runs the spaces one after another; returns 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spaces", nargs="*", default=list_spaces())
    parser.add_argument("--out", type=Path, help="new folder for the studies; default: a temporary folder")
    options = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory() as scratch:
        for space in options.spaces:
            outcomes.append(run(space, (options.out or Path(scratch)).resolve()))
            print(
                f"{space}: {outcomes[-1].seconds:.0f} s in all, {outcomes[-1].predicted} rows predicted",
                file=sys.stderr,
            )
    print("\n".join([HEAD, *(outcome.line() for outcome in outcomes)]))
    return int(not all(outcome.passed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
