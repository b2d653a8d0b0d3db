"""The checks of a study that was killed and resumed, for `benchmarks.faults`."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from benchmarks._fault_study import FaultStudy
from delivery.inference.settings import SETTINGS

#: The objective of the studies; more is better.
METRIC = "accuracy"

_STATES = {"completed": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def faults_of(study: FaultStudy, ended: dict[str, dict[str, Any]]) -> list[str]:
    """Returns every difference from a study that was never killed, one sentence each.

    Args:
        ended: trials that had ended earlier -> their records at that time.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    records, faults = study.records(), []
    if len(records) != study.trials:
        faults.append(f"{len(records)} of {study.trials} trials")
    if sorted(record["number"] for record in records.values()) != list(range(len(records))):
        faults.append("trial numbers have gaps or duplicates")
    for name, record in records.items():
        epochs = [result["epoch"] for result in record["results"]]
        steps = [result["step"] for result in record["results"]]
        if record["status"] not in ("completed", "pruned"):
            faults.append(f"{name} is {record['status']}: {record['reason']}")
        last = study.epochs if record["status"] == "completed" else max(1, len(epochs))
        if epochs != [float(number) for number in range(1, last + 1)]:
            faults.append(f"{name}, {record['status']}, has epochs {epochs}")
        if steps != sorted(set(steps)):
            faults.append(f"{name} has steps {steps}")
    faults += [
        f"{name} had ended and its record changed" for name, before in ended.items() if records.get(name) != before
    ]
    faults += _optuna_faults(study, records)
    faults += _export_faults(study, records)
    faults += [f"temporary file remains: {path.name}" for path in study.root.rglob(".*.tmp")]
    return faults + [f"W&B run {run} logged steps backwards" for run in backwards(study.root)]


def _optuna_faults(study: FaultStudy, records: dict[str, dict[str, Any]]) -> list[str]:
    trials = optuna.load_study(study_name=study.name, storage=f"sqlite:///{study.root / 'optuna.db'}").get_trials()
    faults = [
        f"Optuna's trial {trial.number} is {trial.state.name}" for trial in trials if not trial.state.is_finished()
    ]
    named = [trial for trial in trials if trial.user_attrs.get("trial_id") in records]
    counts = Counter(trial.user_attrs["trial_id"] for trial in named)
    faults += [f"{name} is {counts[name]} times in Optuna" for name in records if counts[name] != 1]
    for trial in named:
        record = records[trial.user_attrs["trial_id"]]
        if trial.state != _STATES.get(record["status"]):
            faults.append(f"{record['trial_id']} is {record['status']}, in Optuna {trial.state.name}")
        curve = [result["metrics"][METRIC] for result in record["results"]]
        if list(trial.intermediate_values.values()) != curve:
            faults.append(f"{record['trial_id']} has {curve}, in Optuna {trial.intermediate_values}")
        if record["status"] == "completed" and trial.value != max(curve):
            faults.append(f"{record['trial_id']} has {max(curve)}, in Optuna {trial.value}")
        if trial.params != record["parameters"]:
            faults.append(f"{record['trial_id']} has {record['parameters']}, in Optuna {trial.params}")
    return faults


def _export_faults(study: FaultStudy, records: dict[str, dict[str, Any]]) -> list[str]:
    """Checks that the exported model is the best trial's and that the summary names it."""
    best = min(records.values(), key=lambda record: (-_best(record), record["number"]), default=None)
    if best is None or not (study.root / "best_model" / "model.safetensors").is_file():
        return ["no model was exported"]
    exported = json.loads((study.root / "best_model" / SETTINGS).read_text(encoding="utf-8"))["trial"]
    reported = json.loads((study.root / "summary.json").read_text(encoding="utf-8"))["best"]
    faults = [] if exported == best["trial_id"] else [f"{exported} was exported, {best['trial_id']} is the best"]
    if (reported["trial"], reported["value"]) != (best["trial_id"], _best(best)):
        faults.append(
            f"the summary has {reported['trial']} with {reported['value']} as the best, not {best['trial_id']}"
        )
    return faults


def _best(record: dict[str, Any]) -> float:
    return max((result["metrics"][METRIC] for result in record["results"]), default=0.0)


def differences(one: FaultStudy, other: FaultStudy) -> list[str]:
    """Returns where the suggestions, decisions or scores of two studies with one seed differ."""
    first, second = ({record["number"]: record for record in study.records().values()} for study in (one, other))
    faults = []
    for number in sorted({*first, *second}):
        pair = [_comparable(records[number]) if number in records else {} for records in (first, second)]
        faults += [
            f"trial {number}: {key} {pair[0].get(key)} and {pair[1].get(key)}"
            for key in pair[0]
            if pair[0].get(key) != pair[1].get(key)
        ]
        if not pair[0]:
            faults.append(f"only one study has trial {number}")
    return faults


def _comparable(record: dict[str, Any]) -> dict[str, Any]:
    curve = [
        (result["epoch"], {name: value for name, value in result["metrics"].items() if "seconds" not in name})
        for result in record["results"]
    ]
    return {"parameters": record["parameters"], "status": record["status"], "curve": curve}


def backwards(root: Path) -> list[str]:
    """Returns the W&B runs whose steps decrease, over all fragments of a run in the order of their start."""
    fragments: dict[str, list[Path]] = {}
    for path in sorted(root.glob("wandb/offline-run-*/run-*.wandb")):
        fragments.setdefault(path.stem, []).append(path)
    runs = []
    for run, files in fragments.items():
        steps = [step for file in files for step in steps_of(file)]
        if steps != sorted(steps):
            runs.append(run)
    return runs


def steps_of(file: Path) -> list[int]:
    """Returns the steps of a fragment's history records."""
    from wandb.proto import wandb_internal_pb2

    steps = []
    for data in _entries(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            steps.append(int(record.history.step.num))
    return steps


def _entries(data: bytes, block: int = 32768, header: int = 7) -> Iterator[bytes]:
    """Yields the entries of a file in LevelDB's log format, as W&B writes it; a truncated entry is skipped."""
    position, parts = 7, b""
    while position + header <= len(data):
        remaining = block - position % block
        if remaining < header:
            position += remaining
            continue
        _, size, kind = struct.unpack("<IHB", data[position : position + header])
        piece = data[position + header : position + header + size]
        if len(piece) < size or kind not in (1, 2, 3, 4):
            return
        position += header + size
        parts = piece if kind in (1, 2) else parts + piece
        if kind in (1, 4):
            yield parts


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
