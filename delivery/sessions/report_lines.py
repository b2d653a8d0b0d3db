"""Lines of a session: the disk space that it needs; at its end its results, its failures, and what to do next."""

from __future__ import annotations

import shlex
import shutil
from importlib.util import find_spec

from delivery.results.summary import Failure, Summary
from delivery.results.summary_lines import summary_lines
from foundation import buckets
from foundation.checked_json import decode_json
from foundation.errors import COMMAND, program
from foundation.statuses import SessionEnd
from search_spaces.choices import WandbMode
from trainables.tracking.run_settings import RunRecord
from trainables.training.job import TRACE
from tuning.studies import retention
from tuning.studies.study import Study
from tuning.wandb_settings import TrackingSettings


def last_lines(
    study: Study, summary: Summary, tracking: TrackingSettings | None, end: SessionEnd, address: str | None
) -> list[str]:
    """Returns the lines that a user reads at the end of a session.

    Args:
        tracking: The W&B settings of its trials; None if they logged nothing.
        address: The cluster that it ran on; None: this machine.
    """
    best = summary.best
    parameters = study.records[best.trial].parameters if best else {}
    lines = summary_lines(summary, parameters, COMMAND)
    by_reason: dict[str, list[Failure]] = {}
    for failed in summary.failures:
        by_reason.setdefault(failed.reason, []).append(failed)
    for reason, (first, *others) in by_reason.items():
        trace = study.paths.address(study.paths.trial(first.trial) / TRACE)
        trials = ", ".join(failure.trial for failure in (first, *others))
        lines += [f"failed   {trials}: {reason}", f"         trace {trace}; alone: {first.alone}"]
    if study.storage_error is not None:
        lines.append(f"paused   {study.storage_error}; make room or bring the storage back, then")
    if end is SessionEnd.ALL_FAILED:
        lines.append("stopped  the first trials all failed; the rest would too")
    elif end is not SessionEnd.DONE:
        lines.append(f"resume   {study.paths.command('resume', *(['--address', address] if address else []))}")
    if tracking is not None:
        lines += _tracking_lines(study, tracking)
    if study.space.tracking.uses_tensorboard:
        lines.append(_curves_line(study))
    return lines


def _curves_line(study: Study) -> str:
    install = "" if find_spec("tensorboard") else f"{program('pip')} install tensorboard, then "
    return f"curves   {install}{program('tensorboard')} --logdir {shlex.quote(study.paths.address(study.paths.trials))}"


def _tracking_lines(study: Study, tracking: TrackingSettings) -> list[str]:
    folders = [study.paths.trial(trial_id) for trial_id in study.records]
    files = [study.paths.address(folder / "tracking.json") for folder in folders]
    contents = zip(buckets.read_each(files), files, strict=True)
    todo = "delete it: it only says how the W&B run was kept"
    records = [decode_json(content, RunRecord, file, todo) for content, file in contents if content is not None]
    offline = [record for record in records if record.mode is WandbMode.OFFLINE]
    if not offline:
        return []
    reasons = sorted({record.reason for record in offline} - {""})
    why = f" (W&B could not be reached: {reasons[0]})" if reasons else ""
    where = f"{tracking.folder}/wandb"
    command = (
        f"copy {where} here, then {program('wandb')} sync offline-run-*"
        if study.paths.bucket
        else f"{program('wandb')} sync {shlex.quote(where)}/offline-run-*"
    )
    runs, them = ("1 run is", "it") if len(offline) == 1 else (f"{len(offline)} runs are", "them")
    return [f"wandb    {runs} offline{why}; send {them}: {command}"]


def disk_line(study: Study, slots: int) -> str:
    """Returns a line on the disk space that the study needs at most, and on what is free."""
    most, free = retention.max_disk_bytes(study, slots), shutil.disk_usage(study.paths.root).free
    needs = f"at most {_size(most)} for checkpoints and the exported model"
    if study.paths.bucket:
        return f"bucket: {needs}"
    line = f"disk: {needs}, {_size(free)} free"
    return line if most < free else f"{line}: the study will pause when it is full"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
