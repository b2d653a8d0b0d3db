"""The lines of a summary that a person reads."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from delivery.results.scores import Score, rouge_parts
from delivery.results.summary import Summary
from foundation import buckets
from foundation.statuses import TrialStatus
from trainables.tasks.registry import metric_label


def summary_lines(summary: Summary, parameters: Mapping[str, Any], command: str) -> list[str]:
    """Returns the lines of a summary.

    Args:
        parameters: What the sampler suggested for the best trial; empty if nothing was searched.
        command: How kotune was called, for the next commands.
    """
    trials, best = summary.trials, summary.best
    counts = f"{trials.completed} completed, {trials.pruned} pruned, {trials.failed} failed"
    unfinished = f", {trials.unfinished} unfinished" if trials.unfinished else ""
    plural = "s" * (trials.total != 1)
    lines = [f"{trials.total} trial{plural}: {counts}{unfinished} · {summary.wall_seconds:.0f} s"]
    if best is None:
        return [*lines, "no trial gave a model"]
    name = metric_label(summary.metric, summary.rouge_tokenizer)
    lines.append(f"best     {name} {best.value:.4f} on dev: {best.trial}, epoch {best.epoch:g}")
    if parts := rouge_parts(summary.metric, best.metrics):
        lines.append(f"         {parts}")
    if parameters:
        lines.append("         " + ", ".join(f"{key} = {_short(value)}" for key, value in parameters.items()))
        lines.append(f"default  {compare_default(summary)}")
    lines += [f"note     {note}" for note in summary.notes]
    lines += [f"warning  {warning}" for warning in summary.warnings]
    if summary.test is not None:
        lines.append(f"test     {_test_text(summary.metric, summary.test)}")
        if parts := rouge_parts(summary.metric, summary.test.metrics):
            lines.append(f"         {parts}")
    if summary.best_model is not None:
        lines.append(f"model    {summary.best_model}")
        lines.append(f"next     {command} {_next_command(summary, summary.best_model)}")
    return lines


def _test_text(metric: str, test: Score) -> str:
    shown = metric if metric in test.metrics else next(iter(test.metrics))  # a loss is not scored on test
    return f"{metric_label(shown, test.rouge_tokenizer)} {test.metrics[shown]:.4f} on {test.rows} rows, opened once"


def _next_command(summary: Summary, best_model: str) -> str:
    if buckets.in_bucket(best_model):
        return f"{shlex.join(['export', summary.study, '--storage', best_model.rsplit('/', 2)[0]])} --out FOLDER"
    splits = [summary.data[name].path for name in ("test", "dev") if name in summary.data]
    files = [path for path in splits if Path(path).is_file()]  # one that the model can read, so that the line runs
    return shlex.join(["predict", best_model, *files[:1]]) + ("" if files else " INPUT.csv")


def compare_default(summary: Summary) -> str:
    """Returns the score of the recipe default, and how the best trial compares with it."""
    best, default = summary.best, summary.default
    if default is None or default.value is None or best is None:
        return "no score"
    if default.trial == best.trial:
        return "is the best"
    score = f"{summary.metric} {default.value:.4f}"
    if default.status != TrialStatus.PRUNED or default.best_by_then is None:
        return f"{score}: best {best.value - default.value:+.4f}"
    return f"{score}, pruned at epoch {default.epoch:g}, where the best had {default.best_by_then:.4f}"


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
