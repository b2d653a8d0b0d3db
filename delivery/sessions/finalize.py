"""What a sitting leaves: the best model exported, its mistakes, its test score; and what earlier sittings left."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from corpora.splits import Splits
from delivery.exports.export import ModelWent, export
from delivery.inference.predictor import open_model
from delivery.inference.scoring import score
from delivery.results.summary import summarise
from delivery.sessions.trust import trusted
from foundation.checked_json import COUNT, FINITE, OBJECT, check_fields, maybe, read_object
from foundation.errors import UserError
from foundation.statuses import SessionEnd
from trainables.tasks.class_metrics import draw_confusion
from tuning import preparation
from tuning.studies import retention
from tuning.studies.storage import Storage
from tuning.studies.study import Study

#: How often `export` reads a study whose search replaces its best model meanwhile.
_TRIES = 3


def export_study(name: str, storage: Storage, out: Path | None, *, trust: bool = False) -> str:
    """Export the best model so far; answers its folder, or its address in a bucket."""
    for _ in range(_TRIES - 1):
        with suppress(ModelWent):
            return _export_best(trusted(Study.load(storage, name), trust), out)
    return _export_best(trusted(Study.load(storage, name), trust), out)


def _export_best(study: Study, out: Path | None) -> str:
    material = preparation.Material.load(study.paths)
    if material is None:
        raise UserError(f"study {study.name!r} has no trials yet", "", study.paths.command("resume"))
    earlier = earlier_summary(study)
    summary = summarise(
        study,
        material,
        slots=earlier.get("slots", 0),
        worker_groups_started=earlier.get("worker_groups_started", 0),
        wall_seconds=earlier.get("wall_seconds", 0.0),
        test=known_test(study, earlier),
    )
    if _same_best(study, earlier) and "confusion" in earlier:
        summary["confusion"] = earlier["confusion"]
    folder = export(study, material, summary, out)
    return str(folder) if out is not None else study.paths.address(folder)


def earlier_summary(study: Study) -> dict[str, Any]:
    """The summary of earlier sittings, or nothing."""
    path = study.paths.summary
    if not path.is_file():
        return {}
    todo = "delete it: resume and export write it anew, without the seconds and the test score of earlier sittings"
    found = read_object(path, todo)
    kinds = {"wall_seconds": FINITE, "slots": COUNT, "worker_groups_started": COUNT, "best": maybe(OBJECT)}
    check_fields(found, {**kinds, "test": maybe(OBJECT)}, str(path), todo, (*kinds, "test"), more=True)
    return found


def known_test(study: Study, earlier: dict[str, Any]) -> dict[str, Any] | None:
    """The test score of an earlier sitting, if its best model is still the best: the split is opened once for it."""
    return earlier.get("test") if _same_best(study, earlier) else None


def _same_best(study: Study, earlier: dict[str, Any]) -> bool:
    best = next(iter(retention.keepers(study)), None)
    return best is not None and (earlier.get("best") or {}).get("trial") == best.trial_id


def close(
    study: Study, material: preparation.Material, splits: Splits, summary: dict[str, Any], end: SessionEnd
) -> None:
    """Export the best model, look at its mistakes on dev, and open the test split, once; `summary` is filled in."""
    if summary["best"] is None:
        return
    before, folder = dict(summary), export(study, material, summary)
    model, batch = (
        open_model(folder, trust=study.space.trust_remote_code),
        int(summary["best"]["config"].get("per_device_eval_batch_size", 32)),
    )
    if model.task.classes and end is not SessionEnd.INTERRUPTED:  # do not make the user wait
        seen = score(model, splits.dev.rows, batch)
        summary["confusion"] = {"labels": seen["labels"], "dev": seen["confusion"]}
        draw_confusion(seen["confusion"], seen["labels"], study.paths.root / "confusion_dev.png")
    if splits.test is not None and summary["test"] is None and end is not SessionEnd.INTERRUPTED:
        summary["test"] = score(model, splits.test.rows, batch)
    if summary != before:
        export(study, material, summary)
