"""What must hold of a study that was killed and resumed, for `benchmarks.faults`."""

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
from delivery.inference.predictor import SETTINGS

#: What the studies are about; more is better.
METRIC = "accuracy"

_STATES = {"completed": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def faults_of(study: FaultStudy, seen: dict[str, dict[str, Any]]) -> list[str]:
    """Everything that is not as if nothing had happened, a sentence each.

    Args:
        seen: trials that were over at some time before -> their records then.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    records, found = study.records(), []
    if len(records) != study.trials:
        found.append(f"{len(records)} of {study.trials} trials")
    if sorted(record["number"] for record in records.values()) != list(range(len(records))):
        found.append("trial numbers have gaps or are there twice")
    for name, record in records.items():
        epochs = [result["epoch"] for result in record["results"]]
        steps = [result["step"] for result in record["results"]]
        if record["status"] not in ("completed", "pruned"):
            found.append(f"{name} is {record['status']}: {record['reason']}")
        last = study.epochs if record["status"] == "completed" else max(1, len(epochs))
        if epochs != [float(number) for number in range(1, last + 1)]:
            found.append(f"{name}, {record['status']}, has epochs {epochs}")
        if steps != sorted(set(steps)):
            found.append(f"{name} has steps {steps}")
    found += [f"{name} was over and is another now" for name, before in seen.items() if records.get(name) != before]
    found += _optuna_faults(study, records)
    found += _export_faults(study, records)
    found += [f"left over: {path.name}" for path in study.root.rglob(".*.tmp")]
    return found + [f"W&B run {run} logged steps backwards" for run in backwards(study.root)]


def _optuna_faults(study: FaultStudy, records: dict[str, dict[str, Any]]) -> list[str]:
    told = optuna.load_study(study_name=study.name, storage=f"sqlite:///{study.root / 'optuna.db'}").get_trials()
    found = [f"Optuna's trial {trial.number} is {trial.state.name}" for trial in told if not trial.state.is_finished()]
    named = [trial for trial in told if trial.user_attrs.get("trial_id") in records]
    counts = Counter(trial.user_attrs["trial_id"] for trial in named)
    found += [f"{name} stands {counts[name]} times in Optuna" for name in records if counts[name] != 1]
    for trial in named:
        record = records[trial.user_attrs["trial_id"]]
        if trial.state != _STATES.get(record["status"]):
            found.append(f"{record['trial_id']} is {record['status']}, to Optuna {trial.state.name}")
        curve = [result["metrics"][METRIC] for result in record["results"]]
        if list(trial.intermediate_values.values()) != curve:
            found.append(f"{record['trial_id']} has {curve}, to Optuna {trial.intermediate_values}")
        if record["status"] == "completed" and trial.value != max(curve):
            found.append(f"{record['trial_id']} has {max(curve)}, to Optuna {trial.value}")
        if trial.params != record["parameters"]:
            found.append(f"{record['trial_id']} has {record['parameters']}, to Optuna {trial.params}")
    return found


def _export_faults(study: FaultStudy, records: dict[str, dict[str, Any]]) -> list[str]:
    """The exported model is that of the best trial, by its own score, and the summary says so."""
    best = min(records.values(), key=lambda record: (-_best(record), record["number"]), default=None)
    if best is None or not (study.root / "best_model" / "model.safetensors").is_file():
        return ["no model was exported"]
    exported = json.loads((study.root / "best_model" / SETTINGS).read_text(encoding="utf-8"))["trial"]
    told = json.loads((study.root / "summary.json").read_text(encoding="utf-8"))["best"]
    found = [] if exported == best["trial_id"] else [f"{exported} was exported, {best['trial_id']} is the best"]
    if (told["trial"], told["value"]) != (best["trial_id"], _best(best)):
        found.append(f"the summary has {told['trial']} with {told['value']} as the best, not {best['trial_id']}")
    return found


def _best(record: dict[str, Any]) -> float:
    return max((result["metrics"][METRIC] for result in record["results"]), default=0.0)


def differences(one: FaultStudy, other: FaultStudy) -> list[str]:
    """Where two studies of one seed suggested, decided or scored another thing."""
    first, second = ({record["number"]: record for record in study.records().values()} for study in (one, other))
    found = []
    for number in sorted({*first, *second}):
        told = [_comparable(records[number]) if number in records else {} for records in (first, second)]
        found += [
            f"trial {number}: {key} {told[0].get(key)} and {told[1].get(key)}"
            for key in told[0]
            if told[0].get(key) != told[1].get(key)
        ]
        if not told[0]:
            found.append(f"trial {number} stands in one of them only")
    return found


def _comparable(record: dict[str, Any]) -> dict[str, Any]:
    curve = [
        (result["epoch"], {name: value for name, value in result["metrics"].items() if "seconds" not in name})
        for result in record["results"]
    ]
    return {"parameters": record["parameters"], "status": record["status"], "curve": curve}


def backwards(root: Path) -> list[str]:
    """W&B runs whose steps go back, over all fragments that a run was cut into, in the order of their start."""
    fragments: dict[str, list[Path]] = {}
    for path in sorted(root.glob("wandb/offline-run-*/run-*.wandb")):
        fragments.setdefault(path.stem, []).append(path)
    found = []
    for run, files in fragments.items():
        steps = [step for file in files for step in steps_of(file)]
        if steps != sorted(steps):
            found.append(run)
    return found


def steps_of(file: Path) -> list[int]:
    """The steps of all that a fragment logged."""
    from wandb.proto import wandb_internal_pb2

    steps = []
    for data in _entries(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            steps.append(int(record.history.step.num))
    return steps


def _entries(data: bytes, block: int = 32768, header: int = 7) -> Iterator[bytes]:
    """The entries of a file in LevelDB's log format, as W&B writes it; one that was cut off is left out."""
    position, parts = 7, b""
    while position + header <= len(data):
        left = block - position % block
        if left < header:
            position += left
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
