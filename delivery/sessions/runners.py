"""The two ways to run the trials of a study: many on Ray, or one in this process."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import dataclass

from foundation.statuses import SessionEnd
from search_spaces.choices import Runner
from search_spaces.schema import Space
from tuning.cluster.resources import Plan
from tuning.display.live import TableView, View
from tuning.interruption import end_process, graceful_interrupts
from tuning.studies.material import Material
from tuning.studies.study import Study
from tuning.wandb_settings import TrackingSettings

#: Seconds in which the last line of a search without Ray is written.
_SAY_SECONDS = 5.0


@dataclass(frozen=True)
class RunResult:
    """What a session's trials took, and why they ended."""

    end: SessionEnd
    seconds: float
    slots: int  # the most that ran side by side
    worker_groups_started: int


def start_early(space: Space, address: str | None) -> None:
    """Starts importing the libraries of trial processes if the study runs on a Ray of this machine."""
    if address is None and space.runner is Runner.RAY:
        from tuning.cluster import processes

        processes.start_fork_server()


def run_trials(
    study: Study,
    material: Material,
    plan: Plan,
    tracking: TrackingSettings | None,
    address: str | None,
    *,
    screen: View,
    view: View,
    earlier_seconds: float,
) -> RunResult:
    """Runs the study's unfinished trials until its budget is spent or Ctrl-C or SIGTERM arrives.

    Args:
        tracking: W&B settings that all trials share; None logs nothing.
        screen: The view without the log.
        earlier_seconds: The duration of earlier sessions.
    """
    if study.space.runner is Runner.LOCAL:
        return _run_locally(study, material, tracking, screen, view, earlier_seconds)
    return _run_on_ray(study, material, plan, tracking, address, view, earlier_seconds)


def _run_locally(
    study: Study,
    material: Material,
    tracking: TrackingSettings | None,
    screen: View,
    view: View,
    earlier_seconds: float,
) -> RunResult:
    from delivery.sessions.progress_bar import ProgressBar
    from tuning.local_run import LocalRun

    bar = ProgressBar(screen.console) if isinstance(screen, TableView) else None
    shown = [bar] if bar else []
    run = LocalRun(study, material, tracking, view, shown, earlier_seconds, bar.show_steps if bar else None)

    def leave() -> None:
        if bar:
            bar.close()
        view.close()

    try:
        with graceful_interrupts(view.say, leave, run.stop, raises=False):
            run.run()
    finally:
        leave()
    return RunResult(run.end, run.seconds, run.slots, run.worker_groups_started)


def _run_on_ray(
    study: Study,
    material: Material,
    plan: Plan,
    tracking: TrackingSettings | None,
    address: str | None,
    view: View,
    earlier_seconds: float,
) -> RunResult:
    # Imported here, because importing it imports Ray, which reads its settings then.
    from trainables.slots.slot import save_all_and_stop
    from tuning.cluster.connection import connect, disconnect
    from tuning.cluster.fleet import Fleet
    from tuning.cluster.ray_watch import watch_ray
    from tuning.search import Search

    if address is None:
        connect(None)

    def ray_died(process: str) -> None:
        # The trials and the Optuna database are on disk; nothing that needs Ray returns any more.
        said = threading.Thread(target=view.say, args=(_ray_died(process, study),), daemon=True)
        said.start()
        said.join(_SAY_SECONDS)  # nobody may read standard output
        end_process(1, view.close)

    fleet = Fleet(plan, view.say) if address else None
    try:
        with watch_ray(ray_died) if address is None else nullcontext():
            search = Search(
                study, material, plan, tracking, view, earlier_seconds, preemption_notices=address is not None,
                fleet=fleet,
            )  # fmt: skip
            # Not before Ray has started, because it installs a SIGTERM handler of its own.
            with graceful_interrupts(view.say, view.close, save_all_and_stop):
                search.run()
    finally:
        view.close()
        disconnect()
    return RunResult(search.end, search.seconds, search.slots, search.worker_groups_started)


def _ray_died(process: str, study: Study) -> str:
    return (
        f"Ray on this machine has died: its process {process} was killed or crashed, perhaps for want of memory; "
        f"running trials continue from their last checkpoints with {study.paths.command('resume')}"
    )
