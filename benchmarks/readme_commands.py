"""Runs the commands of README.md as a user does: in another folder, with relative paths, and `resume` after each study.

    python -m benchmarks.readme_commands [--out NEW_FOLDER]

Takes every command of the code blocks and of the table of commands. Placeholders become names, and long searches
become short ones (`CHANGES`). What cannot run on one machine without a GPU, and `make`, which other tests run, is left
out with its reason (`LEFT_OUT`). Each `tune` is followed by `resume` with one more trial, each `train` by `resume`. The
folder has three small files of dialogues, and `runs/` is below it.

Prints a table: the command in README.md, what ran, its exit code, its seconds. Exit code 1 if one of them fails.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.structure import README, ROOT
from corpora.samples.dialogues import write_samples

#: Text of a command -> why it is not run.
LEFT_OUT = {
    "make ": "needs a checkout; its tests and `benchmarks.spaces` run the same",
    "s3://": "needs a bucket",
    "ray up": "needs an account of a cloud",
    "--gpus-per-worker": "needs a GPU",
    "python -m benchmarks": "a measurement of its own",
}

#: What replaces a part of a command, in this order. The studies are `study-1`, `study-2`, … in the order of the page.
CHANGES = {
    "python cli.py tune SPACE": "python cli.py tune cnn --set filters.sample=300 --trials 2",
    "python cli.py train SPACE": "python cli.py train cnn --set filters.sample=300",
    "--trials 30": "--trials 2",
    "--workers-per-trial 4": "--workers-per-trial 2 --trials 1",
    "STUDY… --out DIR": "study-3 study-4 --out both",
    "STUDY": "study-1",
    "MODEL_DIR": "runs/study-1/best_model",
    "INPUT": "test.csv --out predictions.csv",
    "--data FILE": "--data test.csv",
    "models SPACE": "models cnn --model scratch:tiny",
}

#: Added to a search of the user's files: the model is not downloaded, and one epoch is enough.
_QUICK = " --model scratch:tiny --set num_train_epochs=1 --set max_source_length=64 --set max_target_length=16"
_QUICK += " --set max_new_tokens=8 --set rouge_tokenizer=whitespace"


@dataclass(frozen=True)
class Step:
    """A command of the page.

    Args:
        readme: as README.md has it.
        command: what runs; empty if it is left out.
        reason: why it is left out.
    """

    readme: str
    command: str
    reason: str = ""


@dataclass(frozen=True)
class Done:
    """A command that ran."""

    step: Step
    code: int
    seconds: float
    output: str

    @property
    def passed(self) -> bool:
        return self.code == 0 and "Traceback" not in self.output

    def row(self) -> str:
        last = "ok" if self.passed else f"exit code {self.code}"
        return f"| `{self.step.readme}` | `{self.step.command}` | {last} | {self.seconds:.0f} s |"


def commands(page: str) -> list[str]:
    """Returns the commands of the page's code blocks and of its table of commands, without comments."""
    blocks = re.findall(r"^```\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"^\| `(python cli\.py [^`]+)` \|", page, re.MULTILINE)
    lines = [" ".join(re.sub(r"\s#.*", "", line).split()) for line in lines]
    return [line for line in dict.fromkeys(lines) if line.startswith(("python ", "make ", "ray ", "kotune "))]


def steps(page: Sequence[str]) -> Iterator[Step]:
    """Yields what runs for each command, and `resume` after each study."""
    studies = 0
    for readme in page:
        if reason := next((reason for text, reason in LEFT_OUT.items() if text in readme), ""):
            yield Step(readme, "", reason)
            continue
        command = readme
        for text, new in CHANGES.items():
            command = command.replace(text, new)
        if re.match(r"python cli\.py (tune|train) ", command):
            studies += 1
            quick = _QUICK if "train.csv" in command else ""
            yield Step(readme, f"{command}{quick} --study study-{studies}")
            trials = re.search(r"--trials (\d+)", command)
            more = f" --trials {int(trials[1]) + 1}" if trials and " tune " in command else ""
            yield Step("resume after it", f"python cli.py resume study-{studies}{more}")
        else:
            yield Step(readme, command)


def run(step: Step, folder: Path) -> Done:
    """Runs a step in `folder`; `python cli.py` is that of this checkout."""
    program = [sys.executable, str(ROOT / "cli.py"), *shlex.split(step.command)[2:]]
    environment = {**os.environ, "WANDB_MODE": "disabled"}
    started = time.monotonic()
    done = subprocess.run(
        program, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return Done(step, done.returncode, time.monotonic() - started, done.stdout + done.stderr)


def main() -> int:
    """Runs all commands; returns 1 if one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="new folder to run in; default: a temporary folder")
    options = parser.parse_args()
    results: list[Done] = []
    left_out: list[Step] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.out or Path(scratch) / "work").resolve()
        write_samples(folder, train=64, dev=16, test=16)
        for step in steps(commands(README.read_text(encoding="utf-8"))):
            if not step.command:
                left_out.append(step)
                continue
            print(step.command, file=sys.stderr, flush=True)
            results.append(run(step, folder))
            if not results[-1].passed:
                print(results[-1].output[-3000:], file=sys.stderr, flush=True)
    print("| in README.md | as run | | |", "| --- | --- | --- | --- |", *(done.row() for done in results), sep="\n")
    print("", *(f"- not run: `{step.readme}` ({step.reason})" for step in left_out), sep="\n")
    return int(not results or not all(done.passed for done in results))


if __name__ == "__main__":
    sys.exit(main())
