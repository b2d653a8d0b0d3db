"""One sitting at the keyboard: from options to a finished study, an exported model and its summary."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import msgspec
import yaml

from corpora.samples.registry import SAMPLES
from corpora.splits import SplitFile, Splits
from delivery.results.summarize import summarize
from delivery.results.summary import Summary
from delivery.sessions.finalize import close, test_score_of
from delivery.sessions.report_lines import last_lines
from delivery.sessions.trust import trusted
from delivery.sessions.tune_request import TuneRequest, check, plan_for
from foundation.errors import UserError
from foundation.statuses import SessionEnd, TrialStatus
from search_spaces.schema import parse_duration
from tuning import preparation
from tuning.algorithms.optuna_storage import check_database, with_study_name
from tuning.cluster import processes
from tuning.cluster.resources import Plan
from tuning.display.live import View, logged, open_view
from tuning.interruption import graceful_interrupts
from tuning.studies import retention
from tuning.studies.lock import study_lock
from tuning.studies.material import Material
from tuning.studies.paths import Paths
from tuning.studies.storage import BackgroundUpload, Storage
from tuning.studies.study import Study
from tuning.wandb_settings import tracking_settings

#: How long the end of a search waits for the last copies of its log and database.
_LAST_COPY_SECONDS = 5.0


def dry_run(order: TuneRequest, out: TextIO) -> str:
    """Check everything; answers the resolved study as YAML. Starts and writes nothing."""
    with tempfile.TemporaryDirectory() as folder:
        splits, plan = check(order, Path(folder), lambda text: print(text, file=out))
    lines = [
        f"# study {order.name} in {order.storage}: {order.space.budget.trials} trials, {plan.description}",
        *(f"# {name}: {entry.rows} rows, {entry.path}" for name, entry in splits.described().items()),
        *(f"# {remark}" for remark in splits.remarks),
    ]
    text = yaml.safe_dump(order.space.to_dict(), allow_unicode=True, sort_keys=False)
    return "\n".join([*lines, text.rstrip()])


def start(order: TuneRequest, out: TextIO) -> dict[str, Any]:
    """Run a new study to its end; answers its summary.

    Raises:
        UserError: a mistake was found before anything was started or written.
    """
    view = open_view(out)
    with tempfile.TemporaryDirectory() as folder:
        splits, plan = check(order, Path(folder), view.say)
    space = with_study_name(order.space, order.name)
    _ahead(order.address)
    with ExitStack() as stack:
        if order.storage.bucket:  # nothing there can be made in one step
            stack.enter_context(_held(Paths.of(order.storage, order.name), order.name))
        study = Study.create(space, order.storage, order.name)
        if not order.storage.bucket:
            stack.enter_context(_held(study.paths, study.name))
        started = stack.enter_context(study.tentative())
        view = stack.enter_context(logged(view, study.paths.log))
        splits = embedded_sample(study, view) or _copied(study, view) or splits
        where = study.paths.address(study.paths.root)
        view.say(f"study {order.name}: {_room(plan, order.address)}, {space.budget.trials} trials, in {where}")
        material = preparation.prepare(study, splits, view.say)
        started()
        return _search(study, material, plan, splits, order.address, view)


def _held(paths: Paths, name: str) -> AbstractContextManager[str]:
    paths.lock_owner.parent.mkdir(parents=True, exist_ok=True)
    return study_lock(paths.lock_owner, name, paths.address(paths.lock_owner))


def _copied(study: Study, view: View) -> Splits | None:
    """The splits of a study in a bucket: its data files, copied there, so that it goes on from any machine."""
    if not study.paths.bucket:
        return None
    space = preparation.with_copies(study.space, study.paths.copies)
    study.publish(study.paths.copies)
    study.change_space(space)
    view.say(f"data     copied to {study.paths.address(study.paths.copies)}")
    return preparation.read(study.space)


def embedded_sample(study: Study, view: View) -> Splits | None:
    """The splits of a study that was given no data: its sample, written into its folder, from now on its data."""
    if not study.space.data.embedded:
        return None
    about = SAMPLES[study.space.sample].about
    view.say(f"no --train given: learning from the embedded sample, {about} that kotune makes itself")
    space = preparation.with_samples(study.space, study.paths.sample)
    study.publish(study.paths.sample)
    study.change_space(space)
    return preparation.read(study.space)


def resume(
    name: str,
    storage: Storage,
    trials: int | None,
    time_budget: str | None,
    address: str | None,
    out: TextIO,
    *,
    trust: bool = False,
) -> dict[str, Any]:
    """Go on with a study; answers its summary.

    Raises:
        UserError: there is no such study, or fewer trials are asked for than it has.
    """
    if not storage.bucket:
        Study.load(storage, name)  # first, so that a mistyped name leaves nothing
    paths = Study.find(storage, name)
    with _held(paths, name) as gone:
        study = trusted(Study.load(storage, name), trust)
        return _go_on(study, gone, trials, time_budget, address, out)


def _go_on(
    study: Study, gone: str, trials: int | None, time_budget: str | None, address: str | None, out: TextIO
) -> dict[str, Any]:
    view, name, budget = open_view(out), study.name, study.space.budget
    Summary.load(study.paths.summary)  # a damaged one is refused before anything is started
    check_database(study.space)
    if trials is not None:
        if trials < len(study.records):
            raise UserError(
                f"--trials {trials}: study {name!r} has {len(study.records)} trials already",
                f"{len(study.records)} or more",
                "leave --trials out to finish what is open",
            )
        budget = replace(budget, trials=trials)
    if time_budget is not None:
        budget = replace(budget, time=parse_duration(time_budget, "--time-budget"))
    study.change_space(with_study_name(replace(study.space, budget=budget), name), save=False)
    splits = embedded_sample(study, view) or preparation.read(study.space)  # the former if it never came so far
    plan = plan_for(study.space, address, None if study.paths.bucket else study.paths.root.parent, view.say)
    material = Material.load(study.paths)
    if material is not None and _contents(material.splits) != _contents(splits.described()):
        raise UserError(
            f"the data of study {name!r} is no longer what it was: {_changed(material.splits, splits.described())}",
            "the same files, so that trials compare",
            "put the old files back, or start a new study",
        )
    study.save_space()
    _ahead(address)
    with logged(view, study.paths.log) as view:
        for remark in [*([gone] if gone else []), *study.remarks]:
            view.say(remark)
        retention.remove_leftovers(study)
        if material is None:  # it was interrupted before its first trial
            material = preparation.prepare(study, splits, view.say)
        so_far = f"{len(study.records)} of {budget.trials} trials so far, {_room(plan, address)}"
        if not study.with_status(TrialStatus.RUNNING) and len(study.records) >= budget.trials:
            so_far = f"finished, with {len(study.records)} trials; --trials {len(study.records) + 10} asks for ten more"
        view.say(f"study {name}: {so_far}")
        return _search(study, material, plan, splits, address, view)


def _room(plan: Plan, address: str | None) -> str:
    return f"{plan.description} on " + (f"the cluster at {address}" if address else "this machine")


def _contents(splits: dict[str, SplitFile]) -> dict[str, tuple[int, str]]:
    """The content of each split, independent of its path."""
    return {name: (split.rows, split.sha256) for name, split in splits.items()}


def _changed(before: dict[str, SplitFile], now: dict[str, SplitFile]) -> str:
    was, is_ = _contents(before), _contents(now)
    names = sorted(name for name in {*was, *is_} if was.get(name) != is_.get(name))
    return ", ".join(f"{name} ({(now.get(name) or before[name]).path})" for name in names)


def _search(
    study: Study, material: Material, plan: Plan, splits: Splits, address: str | None, view: View
) -> dict[str, Any]:
    # Here, since importing it imports Ray, which reads its settings then.
    from trainables.slots.slot import save_all_and_stop
    from tuning.cluster.connection import connect, disconnect
    from tuning.cluster.fleet import Fleet
    from tuning.search import Search

    if address is None:
        connect(None)
    view.say(_disk(study, plan.limit))
    tracking = tracking_settings(study)
    earlier = Summary.load(study.paths.summary)
    earlier_seconds = earlier.wall_seconds if earlier else 0.0
    search = Search(
        study,
        material,
        plan,
        tracking,
        view,
        earlier_seconds,
        preemption_notices=address is not None,
        fleet=Fleet(plan, view.say) if address else None,
    )
    copied_out = _copied_out(study)
    try:
        # From here on: when Ray is started it listens to SIGTERM itself.
        with graceful_interrupts(view.say, view.close, save_all_and_stop):
            search.run()
    finally:
        view.close()
        disconnect()
        copied_out()
    summary = summarize(
        study,
        material,
        slots=search.slots,
        worker_groups_started=search.worker_groups_started + (earlier.worker_groups_started if earlier else 0),
        wall_seconds=search.seconds + earlier_seconds,
        test=test_score_of(study, earlier),
    )
    if search.end is SessionEnd.STORAGE_LOST:
        summary = msgspec.structs.replace(summary, best_model=None)  # not written
    else:
        summary = close(study, material, splits, summary, search.end)
        summary.save(study.paths.summary)
        study.publish(study.paths.summary)
    for line in last_lines(study, summary, tracking, search.end, address):
        view.say(line)
    if search.end is not SessionEnd.STORAGE_LOST:
        study.publish(study.paths.log)
    return {**summary.to_json(), "end": search.end}


def _copied_out(study: Study) -> Callable[[], None]:
    """Bring log and database to the bucket, too, if the study lies in one; answers what ends that."""
    paths = study.paths
    if not paths.bucket:
        return lambda: None
    copies = BackgroundUpload({path: paths.address(path) for path in (paths.optuna, paths.log, paths.progress)})
    study.observe(lambda record: copies.notify())
    return lambda: copies.close(_LAST_COPY_SECONDS)


def _ahead(address: str | None) -> None:
    """While the study is prepared, its processes' libraries are imported."""
    if address is None:
        processes.start_fork_server()


def _disk(study: Study, slots: int) -> str:
    """What the study may take of the disk, and what is free there."""
    most, free = retention.max_disk_bytes(study, slots), shutil.disk_usage(study.paths.root).free
    told = f"at most {_size(most)} for checkpoints and the exported model"
    if study.paths.bucket:
        return f"bucket: {told}"
    told = f"disk: {told}, {_size(free)} free"
    return told if most < free else f"{told}: the study will pause when it is full"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
