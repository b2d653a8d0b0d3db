"""What came out of a study: one JSON object, and the lines a person reads."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from foundation import buckets
from foundation.errors import program
from foundation.statuses import ENDED, TrialStatus
from tuning.display.progress import with_tokenizer
from tuning.preparation import Material
from tuning.studies import retention
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

_VERSIONS = (
    "torch",
    "transformers",
    "ray",
    "optuna",
    "accelerate",
    "datasets",
    "wandb",
    "kiwipiepy",
    "rouge-score",
    "sacrebleu",
)


def summarise(
    study: Study,
    material: Material,
    *,
    slots: int,
    worker_groups_started: int,
    wall_seconds: float,
    test: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The summary, as `summary.json` holds it and `--json` prints it.

    `best` is the best trial whose model is on disk; values are of the dev split. `trials.unfinished` go on with
    `resume`.
    """
    best = next(iter(retention.keepers(study)), None)
    counts = {status: len(study.with_status(status)) for status in ENDED}
    return {
        "study": study.name,
        "space": study.space.name,
        "task": study.space.task,
        "model": study.space.model,
        "metric": study.metric,
        "mode": study.mode,
        "rouge_tokenizer": material.scored_with or None,
        "trials": {"total": len(study.records), **counts, "unfinished": len(study.with_status(TrialStatus.RUNNING))},
        "best": _best(study, best) if best else None,
        "default": _default(study, best),
        "test": test,
        "failures": [_failure(study, record) for record in study.with_status(TrialStatus.FAILED)],
        "slots": slots,
        "worker_groups_started": worker_groups_started,
        "wall_seconds": round(wall_seconds, 1),
        "data": material.splits,
        "versions": {"kotune": version("kotune"), **{name: version(name) for name in _VERSIONS}},
        "best_model": study.paths.address(study.paths.best_model) if best else None,
    }


def _failure(study: Study, record: TrialRecord) -> dict[str, Any]:
    """Why a trial failed, and how to see it fail alone."""
    folder = study.paths.address(study.paths.trial(record.trial_id))
    trace = buckets.read(buckets.join(folder, "error.txt"))
    return {
        "trial": record.trial_id,
        "reason": record.reason,
        "config": record.config,
        "trace": trace.decode(errors="replace") if trace is not None else None,
        "log": str(study.paths.log),
        "alone": f"{program('python')} -m trainables.training.trial {buckets.join(folder, 'job.json')}",
    }


def _best(study: Study, record: TrialRecord) -> dict[str, Any]:
    epoch = record.best_epoch(study.metric, study.mode)
    result = next(result for result in record.results if result.epoch == epoch)
    return {
        "trial": record.trial_id,
        "value": result.metrics[study.metric],
        "config": record.config,
        "epoch": epoch,
        "metrics": result.metrics,
    }


def _default(study: Study, best: TrialRecord | None) -> dict[str, Any] | None:
    """The recipe default, how far it came, and what the best trial had by then: the only fair comparison with one that
    was stopped early."""
    record = study.default
    if record is None:
        return None
    value, epoch = record.best_value(study.metric, study.mode), record.results[-1].epoch if record.results else 0.0
    at_epoch = best.best_value(study.metric, study.mode, until=epoch) if best else None
    return {
        "trial": record.trial_id,
        "value": value,
        "status": record.status,
        "epoch": epoch,
        "best_by_then": at_epoch,
    }


def read_lines(summary: dict[str, Any], parameters: dict[str, Any], command: str) -> list[str]:
    """The summary as a person reads it.

    Args:
        parameters: what the search chose for the best trial.
        command: how kotune was called, for the next commands.
    """
    trials, best = summary["trials"], summary["best"]
    counts = f"{trials['completed']} completed, {trials['pruned']} pruned, {trials['failed']} failed"
    unfinished = f", {trials['unfinished']} unfinished" if trials["unfinished"] else ""
    lines = [
        f"{trials['total']} trial{'s' * (trials['total'] != 1)}: {counts}{unfinished} · {summary['wall_seconds']:.0f} s"
    ]
    metric = summary["metric"]
    name = with_tokenizer(metric, summary["rouge_tokenizer"])
    if best is None:
        return [*lines, "no trial gave a model"]
    lines.append(f"best     {name} {best['value']:.4f} on dev: {best['trial']}, epoch {best['epoch']:g}")
    if parameters:
        lines.append("         " + ", ".join(f"{key} = {_short(value)}" for key, value in parameters.items()))
        lines.append(f"default  {against_default(summary)}")
    if summary["test"]:
        test = summary["test"]
        shown = metric if metric in test else next(iter(test))
        name = with_tokenizer(shown, test["rouge_tokenizer"])
        lines.append(f"test     {name} {test[shown]:.4f} on {test['rows']} rows, opened once")
    if summary["best_model"]:
        lines.append(f"model    {summary['best_model']}")
        if buckets.in_bucket(summary["best_model"]):
            storage = summary["best_model"].rsplit("/", 2)[0]
            lines.append(f"next     {command} export {summary['study']} --storage {storage} --out FOLDER")
        else:
            lines.append(f"next     {command} predict {summary['best_model']} INPUT.csv")
    return lines


def against_default(summary: dict[str, Any]) -> str:
    """The recipe default's score, and how the best trial compares with it."""
    best, default = summary["best"], summary["default"]
    if not default or default["value"] is None:
        return "no score"
    if default["trial"] == best["trial"]:
        return "is the best"
    shown = f"{summary['metric']} {default['value']:.4f}"
    if default["status"] != TrialStatus.PRUNED or default["best_by_then"] is None:
        return f"{shown}: best {best['value'] - default['value']:+.4f}"
    return f"{shown}, pruned at epoch {default['epoch']:g}, where the best had {default['best_by_then']:.4f}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
