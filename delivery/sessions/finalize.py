"""The end of a session: exports the best model, and scores it on dev and test."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from corpora.splits import Splits
from delivery.exports.export import ModelReplaced, export
from delivery.inference.options import ModelOptions
from delivery.inference.predictor import open_model
from delivery.inference.scoring import score
from delivery.results.best_model import BestModel, best_model
from delivery.results.scores import Score
from delivery.results.summarize import summarize
from delivery.results.summary import Confusion, Summary
from delivery.sessions.trust import trusted
from foundation.errors import UserError
from foundation.statuses import SessionEnd
from search_spaces.choices import ExportFormat
from tuning.studies.material import Material
from tuning.studies.storage import Storage
from tuning.studies.study import Study

#: Attempts of `export` to read a study whose running search may replace its best model.
_TRIES = 3


def export_study(
    name: str,
    storage: Storage,
    out: Path | None,
    *,
    trust: bool = False,
    format_: ExportFormat = ExportFormat.FLOAT32,
    next_best: bool = False,
) -> str:
    """Exports the best model so far and returns its folder, or its address in a bucket.

    Args:
        next_best: Take the next best model if the best one is lost, and say so on standard error.
    """
    for _ in range(_TRIES - 1):
        with suppress(ModelReplaced):
            return _export_best(trusted(Study.load(storage, name), trust), out, format_, next_best)
    return _export_best(trusted(Study.load(storage, name), trust), out, format_, next_best)


def _export_best(study: Study, out: Path | None, format_: ExportFormat, next_best: bool) -> str:
    material = Material.load(study.paths)
    if material is None:
        raise UserError(
            f"study {study.name!r} has no trials yet", "a study with a finished trial", study.paths.command("resume")
        )
    earlier, chosen = Summary.load(study.paths.summary), best_model(study, next_best=next_best)
    summary = summarize(
        study,
        material,
        slots=earlier.slots if earlier else 0,
        worker_groups_started=earlier.worker_groups_started if earlier else 0,
        wall_seconds=earlier.wall_seconds if earlier else 0.0,
        chosen=chosen,
    )
    if earlier is not None and _is_of(earlier, chosen):
        summary = replace(summary, test=earlier.test, confusion=earlier.confusion)
    folder = export(study, material, summary, out, format_, chosen)
    if chosen is not None and chosen.lost:
        print(*chosen.lost, f"exported instead: trial {chosen.record.trial_id}", sep="\n", file=sys.stderr)
    return str(folder) if out is not None else study.paths.address(folder)


def earlier_test_score(study: Study, earlier: Summary | None) -> Score | None:
    """Returns the test score of an earlier session if its best model is still the best: it is scored once."""
    return earlier.test if earlier is not None and _is_of(earlier, best_model(study, verify=False)) else None


def _is_of(earlier: Summary, chosen: BestModel | None) -> bool:
    """Whether the summary of an earlier session is about this model."""
    return chosen is not None and earlier.best is not None and earlier.best.trial == chosen.record.trial_id


def finalize(study: Study, material: Material, splits: Splits, summary: Summary, end: SessionEnd) -> Summary:
    """Exports the best model, and scores it on dev (its confusion matrix) and once on test.

    After Ctrl-C it only exports, because the user waits. If the best model is lost, nothing is exported: an earlier
    export may be the last copy of it.

    Returns:
        The summary with both results.
    """
    if summary.best is None or summary.best_model is None:
        return summary
    before, folder = summary, export(study, material, summary)
    model = open_model(folder, options=ModelOptions(trust=study.space.trust_remote_code))
    batch_size = int(summary.best.config.get("per_device_eval_batch_size", 32))
    if model.task.classes and end is not SessionEnd.INTERRUPTED:
        dev = score(model, splits.dev.rows, batch_size)
        matrix = dev.confusion_matrix
        assert matrix is not None
        summary = replace(summary, confusion=Confusion(list(matrix.labels), [list(counts) for counts in matrix.counts]))
        matrix.draw(study.paths.root / "confusion_dev.png")
    if splits.test is not None and summary.test is None and end is not SessionEnd.INTERRUPTED:
        summary = replace(summary, test=score(model, splits.test.rows, batch_size))
    if summary != before:
        export(study, material, summary)
    return summary
