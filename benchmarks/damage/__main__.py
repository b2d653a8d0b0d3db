"""Damages every file of a finished study, its base model, its cache and its exported folders, and runs every command.

    python -m benchmarks.damage [--seed 0] [--most 2000] [--show] [--workspace FOLDER]

Each pair of a damage and a command runs on a fresh copy. Never may a command end with a traceback, take longer than ten
seconds, or give another result without a word about it. `resume` is stopped where its trials would start on Ray.

Prints progress to stderr and one JSON object to stdout: the number of pairs by command and by what they gave, and all
faults. Exits with 1 if there is a fault. With --show each fault's last lines are printed as well.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import torch

from benchmarks.damage.damages import DAMAGES
from benchmarks.damage.outcomes import FAULTS, Outcome, judge, run
from benchmarks.damage.workspace import COMMANDS, build, pairs


def main() -> int:
    """Runs the pairs; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=10_000, help="draw this many pairs at random")
    parser.add_argument("--only", default="", help="pairs whose name contains this text")
    parser.add_argument("--show", action="store_true", help="print the last lines of each fault")
    parser.add_argument("--workspace", type=Path, help="a workspace of an earlier call, or where to keep it")
    arguments = parser.parse_args()
    import cli  # noqa: F401 - once, for all forks
    import delivery.exports.ensemble
    import delivery.inference.scoring
    import delivery.sessions.finalize
    import delivery.sessions.session
    import delivery.sessions.status  # noqa: F401

    torch.set_num_threads(1)  # a thread pool does not survive a fork
    with tempfile.TemporaryDirectory() as scratch:
        original = arguments.workspace or Path(scratch, "original")
        if not original.exists():
            original.mkdir(parents=True)
            build(original)
        copy, answers = Path(scratch, "w"), Path(scratch, "answers")
        usual: dict[str, Outcome] = {}
        for name, command in COMMANDS.items():
            _copy(original, copy)
            usual[name] = run(command, copy, answers)
            assert usual[name].code in (0, 77), (name, usual[name])
        every = [(path, damage, name) for path, name in pairs(original) for damage in DAMAGES]
        every = [pair for pair in every if arguments.only in " ".join(map(str, pair))]
        draw = random.Random(arguments.seed)
        if len(every) > arguments.most:
            every = sorted(draw.sample(every, arguments.most))
        counts: dict[str, Counter[str]] = {name: Counter() for name in COMMANDS}
        faults = []
        for number, (path, damage, name) in enumerate(every, 1):
            _copy(original, copy)
            DAMAGES[damage](copy / path, random.Random(f"{arguments.seed} {path} {damage}"))
            outcome = run(COMMANDS[name], copy, answers)
            verdict = judge(outcome, usual[name], path)
            counts[name][verdict] += 1
            if verdict in FAULTS:
                faults.append(f"{name}: {path} {damage}: {verdict}")
                print(faults[-1], file=sys.stderr)
                if arguments.show:
                    print("\n".join((outcome.out + outcome.err).splitlines()[-6:]), file=sys.stderr)
            if number % 100 == 0:
                print(f"{number} of {len(every)}, {len(faults)} faults", file=sys.stderr)
    print(json.dumps({"pairs": len(every), "counts": counts, "faults": faults}, ensure_ascii=False, indent=2))
    return 1 if faults else 0


def _copy(original: Path, copy: Path) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy, symlinks=True)


if __name__ == "__main__":
    sys.exit(main())
