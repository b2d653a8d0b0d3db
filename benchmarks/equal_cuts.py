"""Compares three ways to cut one global batch: 1×32, two workers×16, 8×4 with accumulation.

    python -m benchmarks.equal_cuts

Twenty optimizer steps on 630 sample dialogues (the last batch holds 22 rows), dropout off, then an evaluation with
two beams on 101 dialogues. Prints the largest differences from the first cut as JSON: training loss and gradient norm
of every step, weights, dev loss, ROUGE.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from benchmarks._workers import run_workers
from benchmarks.small import small_space, small_study
from trainables.training.job import Job
from tuning.jobs import make_job
from tuning.studies.records import TrialRecord

_DROPOUT_OFF = {f"model.{name}": 0.0 for name in ("dropout", "attention_dropout", "activation_dropout")}
LIMIT = 1e-4


@dataclass(frozen=True)
class Cut:
    """How a global batch of 32 rows is divided."""

    workers: int
    rows: int
    accumulation: int


CUTS = {"1x32": Cut(1, 32, 1), "2 workers x16": Cut(2, 16, 1), "8x4 accumulated": Cut(1, 4, 8)}


def run(folder: Path, steps: int = 20) -> dict[str, dict[str, float]]:
    """Trains with every cut; returns the largest absolute differences from the first one, per cut."""
    rows = 32 * steps - 10
    space = small_space(
        folder,
        [
            "num_train_epochs=1",
            "rouge_tokenizer=syllable",
            "num_beams=2",
            "max_new_tokens=16",
            "min_new_tokens=12",
            "logging_steps=1",
        ],
        rows=rows,
    )
    study, material = small_study(folder, "cuts", space)
    results = {}
    for number, (name, cut) in enumerate(CUTS.items()):
        config = {
            **space.fixed,
            **_DROPOUT_OFF,
            "learning_rate": 2e-3,
            "per_device_train_batch_size": cut.rows,
            "gradient_accumulation_steps": cut.accumulation,
        }
        record = TrialRecord(number, f"cut-{number}", {}, config, 1.0)
        job = make_job(study, material, None)(record)
        results[name] = _train(job, cut.workers)
    first = next(iter(results.values()))
    return {name: _differences(first, other) for name, other in results.items() if other is not first}


def _train(job: Job, workers: int) -> dict[str, Any]:
    folder = Path(job.folder)
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps(job.to_plain()))
    command = [sys.executable, "-m", "trainables.training.trial", str(folder / "job.json"), "--folder", str(folder)]
    command += ["--workers", str(workers)]
    outputs = run_workers(command, workers)
    result = json.loads(outputs[0].splitlines()[-1])
    (point,) = folder.glob("checkpoints/step-*")
    history = json.loads((point / "trainer_state.json").read_text())["log_history"]
    return {
        "metrics": result["metrics"],
        "losses": [entry["loss"] for entry in history if "loss" in entry],
        "norms": [entry["grad_norm"] for entry in history if "grad_norm" in entry],
        "weights": load_file(point / "model.safetensors"),
    }


def _differences(first: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    def largest(name: str) -> float:
        return max(abs(one - two) for one, two in zip(first[name], other[name], strict=True))

    weights = max((first["weights"][name] - tensor).abs().max().item() for name, tensor in other["weights"].items())
    metrics = {name: abs(first["metrics"][name] - other["metrics"][name]) for name in ("loss", "rouge_sum")}
    return {
        "steps": len(first["losses"]),
        "train_loss": largest("losses"),
        "grad_norm": largest("norms"),
        "weights": weights,
        "dev_loss": metrics["loss"],
        "rouge_sum": metrics["rouge_sum"],
        "rouge_sum_of_first": first["metrics"]["rouge_sum"],
    }


def main() -> None:
    """Prints the differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(run(Path(scratch)), indent=2))


if __name__ == "__main__":
    main()
