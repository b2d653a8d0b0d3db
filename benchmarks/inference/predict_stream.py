"""Memory and speed of `predict` on many lines, and its output after two kills.

    python -m benchmarks.inference.predict_stream [--rows 1000000] [--few 10000] [--model DIR] [--folder DIR]

Trains a tiny CNN on the embedded reviews (or takes an exported classifier), and repeats their texts in a file without
targets. `predict` reads `--few` lines and `--rows` lines; the peak of the second must be within 1.2 times that of the
first. Then it reads `--rows` lines again, is killed twice with SIGKILL after a third and two thirds of the rows, and is
resumed each time with `--resume`: the output must be the same file. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from corpora.samples import reviews
from foundation.partial_files import staged_file

_CLI = Path(__file__).parents[2] / "cli.py"
_MOST = 1.2  # times the memory of few lines


def write_lines(path: Path, texts: list[str], rows: int) -> None:
    """Writes `rows` lines of text, none of which is like another."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{texts[number % len(texts)]} {number}\n" for number in range(rows))


def command(model: Path, source: Path, out: Path, *options: str) -> list[str]:
    """Returns the command line of `predict`."""
    return [sys.executable, str(_CLI), "predict", str(model), str(source), "--out", str(out), *options]


def measured(arguments: list[str]) -> tuple[float, float]:
    """Runs a command, and returns its seconds and the peak of its memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"{' '.join(arguments)} ended with {status}"
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def killed(arguments: list[str], out: Path, rows: int) -> int:
    """Runs a command, kills it when `rows` rows are complete, and returns their number."""
    description = staged_file(out).with_name(staged_file(out).name + ".json")
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            complete = re.search(r'"rows": (\d+)', description.read_text()) if description.exists() else None
            if complete is not None and int(complete[1]) >= rows:
                process.send_signal(signal.SIGKILL)
                process.wait()
                return int(complete[1])
            time.sleep(0.02)
    raise AssertionError(f"{' '.join(arguments)} ended before {rows} rows")


def trained(folder: Path) -> Path:
    """Trains a tiny CNN for one epoch on the embedded reviews, and returns its folder."""
    files = reviews.write_samples(folder / "data", train=300, dev=40, test=20)
    arguments = [sys.executable, str(_CLI), "train", "cnn", "--model", "scratch:tiny", "--study", "cnn"]
    arguments += ["--storage", str(folder / "runs"), "--set", "num_train_epochs=1", "--set", "wandb.mode=disabled"]
    arguments += ["--train", str(files["train"]), "--dev", str(files["dev"])]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder / "runs" / "cnn" / "best_model"


def measure(model: Path, folder: Path, few: int, rows: int) -> dict[str, float | int | bool]:
    """Returns what the command prints."""
    texts = [row[1] for row in _sample_rows(folder)]
    small, large, out = folder / "few.tsv", folder / "many.tsv", folder / "out.csv"
    write_lines(small, texts, few)
    write_lines(large, texts, rows)
    few_seconds, few_memory = measured(command(model, small, folder / "few.csv"))
    seconds, memory = measured(command(model, large, out))
    whole = out.read_bytes()
    out.unlink()
    kills = [killed(command(model, large, out), out, rows // 3)]
    kills.append(killed(command(model, large, out, "--resume"), out, 2 * rows // 3))
    measured(command(model, large, out, "--resume"))
    return {
        "rows": rows,
        "few": few,
        "few_peak_mb": round(few_memory, 1),
        "peak_mb": round(memory, 1),
        "ratio": round(memory / few_memory, 3),
        "seconds": round(seconds, 1),
        "rows_per_second": round((rows - few) / max(seconds - few_seconds, 1e-9)),
        "first_kill_after_rows": kills[0],
        "second_kill_after_rows": kills[1],
        "same_file": out.read_bytes() == whole,
        "left_beside_it": len(list(folder.glob(".out.csv*"))),
    }


def _sample_rows(folder: Path) -> list[list[str]]:
    files = reviews.write_samples(folder / "texts", train=1000, dev=8, test=8)
    return [line.split("\t") for line in files["train"].read_text(encoding="utf-8").splitlines()]


def main() -> int:
    """Measures, prints, and returns 1 if a condition is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = measure(arguments.model or trained(folder), folder, arguments.few, arguments.rows)
    print(json.dumps(result, indent=2))
    return int(not result["same_file"] or result["ratio"] > _MOST or result["left_beside_it"] > 0)


if __name__ == "__main__":
    sys.exit(main())
