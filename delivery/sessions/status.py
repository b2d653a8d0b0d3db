"""How a study stands: its trials, the best of them, who works on it, on what, and for how long. Changes nothing."""

from __future__ import annotations

import time
from typing import Any

from foundation.checked_json import plain
from foundation.formatting import clock_text, score_text, short_number
from foundation.statuses import ENDED, TrialStatus
from trainables.tasks.registry import metric_label
from tuning.progress_note import ProgressNote, read_progress
from tuning.studies.lock import lock_owner
from tuning.studies.storage import Storage
from tuning.studies.study import Study


def standing(name: str, storage: Storage) -> dict[str, Any]:
    """How the study called `name` stands.

    Raises:
        UserError: there is none.
    """
    study = Study.load(storage, name)
    best = next(iter(study.ranked()), None)
    default, metric = study.default, study.metric
    owner = lock_owner(study.paths.address(study.paths.lock_owner))
    progress = read_progress(study.paths.progress)
    counts = {status: len(study.with_status(status)) for status in TrialStatus}
    return {
        "study": name,
        "storage": str(storage),
        "resume": study.paths.command("resume"),
        "at_work": plain(owner) if owner else {},
        "trials": {"begun": len(study.records), "of": study.space.budget.trials, **counts},
        "metric": metric,
        "rouge_tokenizer": study.space.rouge_tokenizer,
        "best": best
        and {
            "trial": best.trial_id,
            "value": best.best_value(metric, study.mode),
            "epoch": best.best_epoch(metric, study.mode),
            "parameters": best.parameters,
        },
        "default": default and default.best_value(metric, study.mode),
        "failures": {record.trial_id: record.reason for record in study.with_status(TrialStatus.FAILED)},
        "progress": progress and plain(progress),
    }


def told(found: dict[str, Any]) -> list[str]:
    """The same for a person."""
    trials, best, holding, progress = found["trials"], found["best"], found["at_work"], found["progress"]
    note = progress and ProgressNote(**progress)
    state, running, so_far = "nobody works on it", "running", " so far"
    if holding:
        seen = max(0, round(time.time() - holding["seen"]))
        state = f"at work on {holding['host']}, pid {holding['pid']}, seen {seen} s ago"
    elif trials[TrialStatus.RUNNING]:
        state, running = "interrupted", "interrupted"
    elif trials["begun"] >= trials["of"]:
        state, so_far = "finished", ""
    counts = ", ".join(f"{trials[status]} {status}" for status in ENDED)
    lines = [f"study    {found['study']} in {found['storage']}: {state}"]
    lines.append(f"trials   {trials['begun']} of {trials['of']}: {counts}, {trials[TrialStatus.RUNNING]} {running}")
    if best is not None:
        name = note.metric if note else metric_label(found["metric"], found["rouge_tokenizer"])
        lines.append(
            f"best     {name} {score_text(best['value'])} on dev{so_far}: {best['trial']}, epoch {best['epoch']:g}"
        )
        chosen = [f"{key} = {short_number(value)}" for key, value in best["parameters"].items()]
        lines += [f"         {', '.join(chosen)}"] if chosen else []
        lines.append(f"default  {score_text(found['default'])}")
    lines += [f"failed   {trial}: {reason}" for trial, reason in list(found["failures"].items())[:3]]
    if not holding and (so_far or not trials["begun"]):
        lines.append(f"resume   {found['resume']}")
    if note and holding:
        machines = f" on {', '.join(note.machines)}" if note.machines else ""
        estimate = f", about {clock_text(note.seconds_left)} left" if note.seconds_left is not None else ""
        lines.append(f"slots    {note.slots}{machines}  ({note.plan})")
        lines.append(f"time     {clock_text(note.elapsed_now)}{estimate}")
    return lines
