"""One session of a study: checks, study and lock, data, base models, trials, exported model, summary, last lines.

`tune`, `train` and `resume` all run through `_run_session`; they differ in the request and in `Space.runner`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import msgspec
import yaml

from corpora.splits import Splits
from delivery.results import remarks
from delivery.results.summarize import summarize
from delivery.results.summary import Summary
from delivery.sessions.finalize import earlier_test_score, finalize
from delivery.sessions.report_lines import disk_line, last_lines
from delivery.sessions.resume_from import open_checkpoint, pending_checkpoint, take_over
from delivery.sessions.runners import RunResult, run_trials, start_early
from delivery.sessions.study_data import (
    check_edits,
    check_folders,
    check_unchanged,
    copy_to_bucket,
    load_material,
    save_paths,
    with_new_paths,
    write_embedded_sample,
)
from delivery.sessions.study_request import StudyRequest, check, limit_trials, plan_for
from delivery.sessions.trust import trusted
from foundation.errors import COMMAND, UserError
from foundation.statuses import SessionEnd, TrialStatus
from search_spaces.choices import Runner
from search_spaces.resolve import with_absolute_paths
from search_spaces.schema import Budget, parse_duration
from tuning import preparation
from tuning.algorithms.optuna_storage import check_database, check_file, with_study_name
from tuning.algorithms.untried import possible_trials
from tuning.cluster.resources import Plan
from tuning.display.live import View, logged, open_view
from tuning.progress_note import elapsed_before
from tuning.studies import retention
from tuning.studies.earlier_versions import locate_data_files
from tuning.studies.lock import study_lock
from tuning.studies.material import Material
from tuning.studies.paths import Paths
from tuning.studies.storage import BackgroundUpload, Storage
from tuning.studies.study import Study
from tuning.wandb_settings import tracking_settings

#: Seconds that the end of a session waits for the last copies of its log and database to a bucket.
_LAST_COPY_SECONDS = 5.0


@dataclass(frozen=True)
class Outcome:
    """What a session gave."""

    summary: Summary
    end: SessionEnd


@dataclass(frozen=True)
class _Session:
    """A study that is ready to run its trials.

    Args:
        screen: The view without the log, for a progress bar on the same terminal.
        view: Shows lines and writes them to the study's log.
    """

    study: Study
    splits: Splits
    material: Material
    plan: Plan
    address: str | None
    screen: View
    view: View


def dry_run(request: StudyRequest, out: TextIO) -> str:
    """Returns the resolved study as YAML after all checks. Starts and writes nothing."""
    request = replace(request, space=limit_trials(request.space, lambda text: print(text, file=out)))
    if request.resume_from is not None:
        open_checkpoint(request.resume_from)
    with tempfile.TemporaryDirectory() as folder:
        space, splits, plan, fit, probed = check(request, Path(folder), lambda text: print(text, file=out))
    trials, on_defaults = request.space.budget.trials, remarks.default_remarks(request.space)
    lines = [
        f"# study {request.name} in {request.storage}: {_trials(trials)}, {_place(request.space.runner, plan, None)}",
        *(f"# {name}: {entry.rows} rows, {entry.path}" for name, entry in splits.described().items()),
        *(f"# {line}" for line in (*splits.remarks, *probed, *fit.remarks, *fit.coverage, *on_defaults)),
    ]
    text = yaml.safe_dump(space.to_dict(), allow_unicode=True, sort_keys=False)
    return "\n".join([*lines, text.rstrip()])


def start(request: StudyRequest, out: TextIO) -> Outcome:
    """Creates a study and runs it.

    Raises:
        UserError: The request cannot work. Nothing has been started or written.
    """
    screen = open_view(out)
    request = replace(request, space=limit_trials(request.space, screen.say))
    point = None if request.resume_from is None else open_checkpoint(request.resume_from)
    with tempfile.TemporaryDirectory() as folder:
        space, splits, plan, fit, _ = check(request, Path(folder), screen.say, download=True)
    space = with_study_name(with_absolute_paths(space, Path.cwd()), request.name)
    start_early(space, request.address)
    with ExitStack() as stack:
        if request.storage.bucket:  # a bucket has no atomic creation, so the lock comes first
            stack.enter_context(_lock(Paths.of(request.storage, request.name), request.name))
        study = Study.create(space, request.storage, request.name, point.local_folder() if point else None)
        if not request.storage.bucket:
            stack.enter_context(_lock(study.paths, study.name))
        started = stack.enter_context(study.tentative())
        view = stack.enter_context(logged(screen, study.paths.log))
        splits = write_embedded_sample(study, view) or copy_to_bucket(study, view) or splits
        place, folder = _place(space.runner, plan, request.address), study.paths.address(study.paths.root)
        view.say(f"study {request.name}: {place}, {_trials(space.budget.trials)}, in {folder}")
        for remark in fit.remarks:
            view.say(remark)
        material = preparation.prepare(study, splits, view.say)
        if point is not None:
            take_over(point, study, material)
        started()
        return _run_session(_Session(study, splits, material, plan, request.address, screen, view))


def resume(
    name: str,
    storage: Storage,
    out: TextIO,
    *,
    trials: int | None = None,
    time_budget: str | None = None,
    address: str | None = None,
    trust: bool = False,
    moved: Mapping[str, str] = {},
) -> Outcome:
    """Continues a study.

    Args:
        trials: The new number of trials; None keeps it.
        time_budget: The time limit of this session, such as 4h; None keeps it.
        trust: Whether the code that comes with the model may run.
        moved: New paths of files and folders that were moved, by the names in `with_new_paths`.

    Raises:
        UserError: There is no such study, its data has changed, or an option does not fit it.
    """
    if not storage.bucket:
        Study.load(storage, name)  # before the lock, so that a mistyped name leaves no lock file
    paths = Study.find(storage, name)
    with _lock(paths, name) as remark:
        study = trusted(Study.load(storage, name), trust)
        return _resume(study, remark, _budget(study, trials, time_budget, address), address, out, moved)


def _resume(
    study: Study, lock_remark: str, budget: Budget, address: str | None, out: TextIO, moved: Mapping[str, str]
) -> Outcome:
    screen = open_view(out)
    Summary.load(study.paths.summary)  # read before anything is started, so that a damaged file is reported first
    point = pending_checkpoint(study)
    check_database(study.space)
    check_file(study.paths.optuna)
    recorded = load_material(study)
    if budget.trials != study.space.budget.trials:
        screen.say(f"{_trials(budget.trials)} instead of {study.space.budget.trials}")
    space = limit_trials(replace(study.space, budget=budget), screen.say, study.records.values())
    space = with_new_paths(study, space, moved, recorded)
    space = locate_data_files(space, study.paths)
    study.change_space(with_study_name(space, study.name), save=False)
    # The sample is written here if the study was interrupted before it had one.
    splits = write_embedded_sample(study, screen) or preparation.read(study.space)
    plan = plan_for(study.space, address, None if study.paths.bucket else study.paths.root.parent, screen.say)
    material = recorded and check_unchanged(study, recorded, splits)
    edit_remark = check_edits(study, recorded) if recorded else ""
    check_folders(study, material)
    save_paths(study, material, recorded)
    start_early(study.space, address)
    with logged(screen, study.paths.log) as view:
        for remark in filter(None, [lock_remark, *study.remarks, edit_remark]):
            view.say(remark)
        retention.remove_leftovers(study)
        splits = copy_to_bucket(study, view) or splits
        if material is None or not preparation.is_prepared(study, material):
            material = preparation.prepare(study, splits, view.say, material)
        if point is not None:
            take_over(point, study, material)
        view.say(f"study {study.name}: {_so_far(study, plan, address)}")
        return _run_session(_Session(study, splits, material, plan, address, screen, view))


def _budget(study: Study, trials: int | None, time_budget: str | None, address: str | None) -> Budget:
    """Returns the study's budget, changed by the options of `resume`."""
    budget, begun = study.space.budget, len(study.records)
    if study.space.runner is Runner.LOCAL:
        training = f"study {study.name!r} trains one configuration in this process"
        if trials is not None and trials != budget.trials:
            todo = f"{COMMAND} tune {study.space.name} starts a search; {study.paths.command('resume')} continues this"
            raise UserError(f"--trials {trials}: {training}; it searches nothing", "no --trials", todo)
        if address is not None:
            raise UserError(f"--address {address}: {training}", "no --address", study.paths.command("resume"))
    if trials is not None:
        if trials < begun:
            problem = f"--trials {trials}: study {study.name!r} has {begun} trials already"
            raise UserError(problem, f"{begun} or more", "leave --trials out to finish what is open")
        budget = replace(budget, trials=trials)
    if time_budget is not None:
        budget = replace(budget, time=parse_duration(time_budget, "--time-budget"))
    return budget


def _lock(paths: Paths, name: str) -> AbstractContextManager[str]:
    paths.lock_owner.parent.mkdir(parents=True, exist_ok=True)
    return study_lock(paths.lock_owner, name, paths.address(paths.lock_owner))


def _trials(count: int) -> str:
    return f"{count} trial{'s' * (count != 1)}"


def _place(runner: Runner, plan: Plan, address: str | None) -> str:
    if runner is Runner.LOCAL:
        return "training in this process"
    return f"{plan.description} on " + (f"the cluster at {address}" if address else "this machine")


def _so_far(study: Study, plan: Plan, address: str | None) -> str:
    begun, budget = len(study.records), study.space.budget
    if study.with_status(TrialStatus.RUNNING) or begun < budget.trials:
        return f"{begun} of {_trials(budget.trials)} so far, {_place(study.space.runner, plan, address)}"
    more = "" if study.space.runner is Runner.LOCAL else f"; --trials {begun + 10} asks for ten more"
    return f"finished, with {_trials(begun)}" + (
        "" if possible_trials(study.space, study.records.values()) == begun else more
    )


def _run_session(session: _Session) -> Outcome:
    """Runs trials; exports and scores the best model; writes the summary; shows the last lines."""
    study, material, view = session.study, session.material, session.view
    tracking, earlier = tracking_settings(study), Summary.load(study.paths.summary)
    earlier_seconds = elapsed_before(study.paths.progress, earlier.wall_seconds if earlier else 0.0)
    for remark in remarks.default_remarks(study.space):
        view.say(remark)
    view.say(disk_line(study, session.plan.limit))
    copied_out = _copy_log_and_database(study)
    try:
        run = run_trials(
            study, material, session.plan, tracking, session.address,
            screen=session.screen, view=view, earlier_seconds=earlier_seconds,
        )  # fmt: skip
    finally:
        view.close()
        copied_out()
    summary = _summary(session, run, earlier, earlier_seconds)
    for line in last_lines(study, summary, tracking, run.end, session.address):
        view.say(line)
    if run.end is not SessionEnd.STORAGE_LOST:
        study.publish(study.paths.log)
    return Outcome(summary, run.end)


def _summary(session: _Session, run: RunResult, earlier: Summary | None, earlier_seconds: float) -> Summary:
    study, material = session.study, session.material
    summary = summarize(
        study,
        material,
        slots=run.slots,
        worker_groups_started=run.worker_groups_started + (earlier.worker_groups_started if earlier else 0),
        wall_seconds=run.seconds + earlier_seconds,
        test=earlier_test_score(study, earlier),
    )
    if run.end is SessionEnd.STORAGE_LOST:
        return msgspec.structs.replace(summary, best_model=None)  # not written
    summary = finalize(study, material, session.splits, summary, run.end)
    summary.save(study.paths.summary)
    study.publish(study.paths.summary)
    return summary


def _copy_log_and_database(study: Study) -> Callable[[], None]:
    """Starts to copy log and database to the study's bucket, if it has one; returns what ends that."""
    paths = study.paths
    if not paths.bucket:
        return lambda: None
    copies = BackgroundUpload({path: paths.address(path) for path in (paths.optuna, paths.log, paths.progress)})
    study.observe(lambda record: copies.notify())
    return lambda: copies.close(_LAST_COPY_SECONDS)
