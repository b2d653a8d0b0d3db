"""Mutation testing: how many small faults in the code that decides something do its unit tests notice?

    python -m benchmarks.mutations                          # every mutant of every module below
    python -m benchmarks.mutations splits --sample 100      # 100 mutants, chosen by --seed, of one area
    python -m benchmarks.mutations --seconds 280            # stop after that time; the same command continues
    python -m benchmarks.mutations --again                  # also repeat the mutants that survived before

mutmut makes the mutants (`pip install -e .[dev]`) and runs, in a forked process each, the tests that reach the mutated
function. Everything happens in a copy of the working tree (`--folder`), where the results of mutants stay until their
code changes. Lines that hold a message in words are not mutated: tests/bad_inputs compares whole messages. A mutant
that mypy rejects counts as killed, as does one whose tests do not end.

Prints one JSON object on stdout: per module the number of mutants killed, survived and not yet run, the share killed,
and the difference that each survivor makes. Exits with 1 if fewer than 85 % are killed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REQUIRED_SHARE = 0.85

#: Area -> {module: test files that run for it}.
AREAS: dict[str, dict[str, list[str]]] = {
    "early_stopping": {
        "trainables/training/early_stopping.py": ["tests/trainables/training/test_early_stopping.py"],
        "trainables/training/evaluation_tracker.py": ["tests/trainables/training/test_evaluation_tracker.py"],
    },
    "schedulers": {"tuning/algorithms/schedulers.py": ["tests/tuning/algorithms/test_schedulers.py"]},
    "splits": {
        "corpora/splits.py": ["tests/corpora/test_splits.py", "tests/corpora/test_split_limits.py"],
        "corpora/splitting.py": ["tests/corpora/test_splitting.py"],
    },
    "draft": {"search_spaces/draft.py": ["tests/search_spaces/test_resolve.py"]},
    "searcher": {
        "tuning/algorithms/optuna_searcher.py": ["tests/tuning/algorithms/test_optuna_searcher.py"],
        "tuning/algorithms/optuna_mirror.py": ["tests/tuning/algorithms/test_optuna_mirror.py"],
        "tuning/algorithms/samplers.py": ["tests/tuning/algorithms/test_samplers.py"],
    },
    "metrics": {
        "trainables/tasks/metric.py": ["tests/trainables/tasks/test_metric.py"],
        "trainables/tasks/class_metrics.py": ["tests/trainables/tasks/test_class_metrics.py"],
        "trainables/tasks/number_metrics.py": ["tests/trainables/tasks/test_number_metrics.py"],
        "trainables/tasks/text_metrics.py": ["tests/trainables/tasks/test_text_metrics.py"],
    },
}

#: A line with a string of several words in double quotes, after whole strings: a message.
MESSAGE_LINE = r'^[^"]*(?:"[^"]*"[^"]*)*?"[^"]*\w \w[^"]*"'

#: mutmut's exit codes, as groups of `python -m mutmut results`; its own table is in mutmut/stats.py.
SURVIVED, NO_TESTS, BY_TYPES = {0}, {5, 33}, {37}
TIMEOUTS = {36, 24, -24, 152, 255}


def copy_tree(folder: Path) -> None:
    """Copies the files that git does not ignore, except unchanged ones, and removes other Python files."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    sources = {name for name in names if name and (ROOT / name).is_file()}
    for name in sources - {"pyproject.toml"}:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file() or target.read_bytes() != (ROOT / name).read_bytes():
            shutil.copy2(ROOT / name, target)
            # mutmut keeps which test reaches which function by the names of tests alone
            (folder / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    for path in [*folder.rglob("*.py")]:
        if str(path.relative_to(folder)).removeprefix("mutants/") not in sources:
            path.unlink()


def write_configuration(folder: Path, modules: Mapping[str, Sequence[str]]) -> None:
    """Writes pyproject.toml with mutmut's section for these modules."""
    packages = sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "benchmarks")
    mypy = [sys.executable, "-m", "mypy", "--output", "json", "--no-warn-unused-ignores"]
    section: dict[str, Any] = {
        "source_paths": [*packages, "cli.py"],
        "only_mutate": [*modules],
        "also_copy": ["benchmarks", "deploy"],
        "do_not_mutate_patterns": [MESSAGE_LINE],
        "pytest_add_cli_args": ["-m", "not ray and not slow", "-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": sorted({test for tests in modules.values() for test in tests}),
        # torch has threads, so mutmut's first process must not import it
        "process_isolation": "forkserver",
        "type_check_command": [*mypy, "--cache-dir", str(folder / ".mypy_cache"), *modules],
        "timeout_constant": 2.0,
        "timeout_multiplier": 4.0,
    }
    # JSON's strings, numbers and lists are TOML's as well
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in section.items()]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text("\n".join([project, "[tool.mutmut]", *lines, ""]), encoding="utf-8")


def results(folder: Path, module: str) -> dict[str, int | None]:
    """Returns mutant -> exit code of its tests, None if they have not run; empty if no mutants were made yet."""
    file = folder / "mutants" / f"{module}.meta"
    if not file.is_file():
        return {}
    codes: dict[str, int | None] = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
    return codes


def sample(names: Iterable[str], size: int | None, seed: int) -> set[str]:
    """Returns `size` of the names, chosen by `seed`; all of them if `size` is None or too large."""
    ordered = sorted(names)
    return set(ordered if size is None else random.Random(seed).sample(ordered, min(size, len(ordered))))


def counts(codes: Mapping[str, int | None]) -> dict[str, Any]:
    """Returns the numbers of mutants by result, and the share killed of those that ran."""
    values = list(codes.values())
    survived = sum(code in SURVIVED | NO_TESTS for code in values)
    ran = sum(code is not None for code in values)
    return {
        "killed": ran - survived,
        "killed_by_types": sum(code in BY_TYPES for code in values),
        "killed_by_timeout": sum(code in TIMEOUTS for code in values),
        "survived": survived,
        "without_tests": sum(code in NO_TESTS for code in values),
        "not_run": len(values) - ran,
        "share_killed": round((ran - survived) / ran, 3) if ran else None,
    }


def mutmut(folder: Path, *words: str, seconds: float) -> str:
    """Runs mutmut, its output on stderr, and ends its whole process group after `seconds`; returns what it wrote.

    Raises:
        RuntimeError: mutmut failed before its time was over.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "mutmut", *words]
    child = subprocess.Popen(
        command, cwd=folder, env=environment, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = child.communicate(timeout=max(1.0, seconds))
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGINT)
        try:
            return child.communicate(timeout=20)[0]
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            return child.communicate()[0]
    if child.returncode:
        raise RuntimeError(f"mutmut {' '.join(words)[:200]} failed:\n{output[-4000:]}")
    return output


def run_area(
    folder: Path, modules: Mapping[str, Sequence[str]], options: argparse.Namespace, end: float
) -> dict[str, dict[str, int | None]]:
    """Runs the sampled mutants that have no result; returns the results of all that were sampled, per module."""
    copy_tree(folder)
    write_configuration(folder, modules)
    new = [module for module in modules if not (folder / "mutants" / f"{module}.meta").is_file()]
    if new:
        for module in new:  # a copy from before the module was listed, which mutmut would take for a mutated one
            (folder / "mutants" / module).unlink(missing_ok=True)
        # mutmut has no command that only makes mutants, so the first one of each function runs as well
        print(f"making the mutants of {', '.join(new)}", file=sys.stderr)
        mutmut(folder, "run", "--max-children", "1", "*__mutmut_1", seconds=end - time.monotonic())
    chosen = {module: sample(results(folder, module), options.sample, options.seed) for module in modules}
    repeated = {None, *SURVIVED, *NO_TESTS} if options.again else {None}
    todo = sorted(
        name for module, names in chosen.items() for name in names if results(folder, module)[name] in repeated
    )
    if todo:
        print(f"{len(todo)} mutants to run", file=sys.stderr)
        mutmut(folder, "run", "--max-children", "1", *todo, seconds=end - time.monotonic())
    return {
        module: {name: code for name, code in results(folder, module).items() if name in names}
        for module, names in chosen.items()
    }


def difference(folder: Path, mutant: str) -> list[str]:
    """Returns the lines that a mutant changes, as `- before` and `+ after`."""
    shown = mutmut(folder, "show", mutant, seconds=60)
    return [line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def main() -> int:
    """Runs the mutants without a result and prints the counts; returns 1 if too many survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("areas", nargs="*", choices=[*AREAS, []], default=[], help=f"of {', '.join(AREAS)}; all")
    parser.add_argument("--sample", type=int, help="mutants per module; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=7200.0, help="time limit of this run")
    parser.add_argument("--again", action="store_true", help="repeat the mutants that survived before")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "mutations")
    parser.add_argument("--no-differences", action="store_true", help="do not print what each survivor changes")
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    codes: dict[str, dict[str, int | None]] = {}
    survivors: dict[str, list[str]] = {}
    for area in options.areas or AREAS:
        folder = options.folder.resolve() / area
        codes |= (outcome := run_area(folder, AREAS[area], options, end))
        mutants = [name for chosen in outcome.values() for name, code in chosen.items() if code in SURVIVED | NO_TESTS]
        if not options.no_differences:
            survivors |= {name: difference(folder, name) for name in mutants}
    total = counts({name: code for chosen in codes.values() for name, code in chosen.items()})
    report = {
        "modules": {module: counts(chosen) for module, chosen in codes.items()},
        "total": total,
        "sample": options.sample,
        "seed": options.seed,
        "versions": {"python": platform.python_version(), "mutmut": version("mutmut"), "mypy": version("mypy")},
        "survivors": survivors,
    }
    print(json.dumps(report, indent=1, ensure_ascii=False))
    return int((total["share_killed"] or 0.0) < REQUIRED_SHARE)


if __name__ == "__main__":
    sys.exit(main())
