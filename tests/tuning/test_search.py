"""Small studies on a real Ray, with every part that a user runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.schedulers import FIFOScheduler
from safetensors.torch import load_file

from benchmarks.small import make_search, small_space, small_study
from foundation.checked_json import read_json
from foundation.durable import write_json
from foundation.errors import UserError
from foundation.statuses import SessionEnd
from search_spaces.choices import SchedulerName
from trainables.training import checkpoints
from tuning.algorithms.schedulers import SCHEDULERS
from tuning.cluster.connection import connect
from tuning.progress_note import read_progress
from tuning.studies import retention
from tuning.studies.study import Study
from tuning.trainable import SlotTrainable

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("two_cpus"), pytest.mark.timeout(240)]


def optuna_trials(study: Study) -> list[optuna.trial.FrozenTrial]:
    """The trials in the study's database, as a dashboard reads them."""
    return optuna.load_study(study_name=study.name, storage=f"sqlite:///{study.paths.optuna}").get_trials()


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, two_cpus: None) -> tuple[Study, int]:
    """A study of nine trials with ASHA on two slots, and the number of worker groups that it started."""
    folder = tmp_path_factory.mktemp("searched")
    space = small_space(
        folder,
        ["budget.trials=9", "num_train_epochs=4", "scheduler.reduction_factor=2", "checkpoints.keep_best=2"],
    )
    study, material = small_study(folder, "searched", space)
    search = make_search(study, material, slots=2)
    search.run()
    return study, search.worker_groups_started


def test_every_trial_ends_and_some_are_pruned(searched: tuple[Study, int]) -> None:
    """Nine trials, each completed or pruned; ASHA with factor 2 must stop some and finish some."""
    study, _ = searched
    statuses = [record.status for record in study.records.values()]
    assert len(statuses) == 9
    assert set(statuses) == {"completed", "pruned"}


def test_a_slot_is_started_once(searched: tuple[Study, int]) -> None:
    """Nine trials on two slots start two worker groups."""
    assert searched[1] == 2


def test_trial_zero_is_the_recipe_default(searched: tuple[Study, int]) -> None:
    """The first trial has the defaults of the ranges."""
    study, _ = searched
    assert study.default is not None
    assert study.default.number == 0
    assert study.default.parameters == {name: spec.default for name, spec in study.space.search.items()}


def test_optuna_has_the_states_and_curves_of_the_records(searched: tuple[Study, int]) -> None:
    """Pruned trials are PRUNED with their curve, completed ones COMPLETE with their best value, none RUNNING."""
    study, _ = searched
    states = {"completed": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
    for trial in optuna_trials(study):
        record = study.records[trial.user_attrs["trial_id"]]
        assert trial.state == states[record.status]
        assert list(trial.intermediate_values.values()) == list(record.values(study.metric).values())
        if record.status == "completed":
            assert trial.value == record.best_value(study.metric, study.mode)


def test_only_the_best_models_of_the_study_remain(searched: tuple[Study, int]) -> None:
    """Two models are kept, they are the best that were saved, and the best of all is among them."""
    study, _ = searched
    on_disk = {path.parent.parent.name for path in study.paths.trials.glob("*/checkpoints/step-*")}
    best = retention.best_trials_to_keep(study)
    assert on_disk == {record.trial_id for record in best}
    assert len(best) == 2
    assert best[0] is study.ranked()[0]
    assert not list(study.paths.trials.glob("*/checkpoints/*/optimizer.pt"))


def test_a_warm_trial_equals_a_fresh_process(searched: tuple[Study, int], tmp_path: Path) -> None:
    """The best trial of a warm slot, run again alone in a new process, gives the same weights bit for bit."""
    study, _ = searched
    record = max(retention.best_trials_to_keep(study), key=lambda record: record.number)
    warm = retention.saved_model(study, record)
    assert warm is not None
    job = study.paths.trial(record.trial_id) / "job.json"
    command = [sys.executable, "-m", "trainables.training.trial", str(job), "--folder", str(tmp_path)]
    alone = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True
    )
    results = [json.loads(line) for line in alone.stdout.splitlines()]
    for warm_result, result in zip(record.results, results, strict=False):
        for name, value in warm_result.metrics.items():
            if name != "eval_seconds":
                assert result["metrics"][name] == value
    fresh = load_file(tmp_path / "checkpoints" / warm.local_folder().name / "model.safetensors")
    weights = load_file(warm.local_folder() / "model.safetensors")
    assert weights.keys() == fresh.keys()
    assert all((weights[name] == fresh[name]).all() for name in weights)


def test_a_trial_with_a_nan_loss_fails_and_the_slot_continues(tmp_path: Path) -> None:
    """FAIL in Optuna, with a reason; the next trial runs in the same worker group."""
    space = small_space(
        tmp_path,
        ["budget.trials=3", "scheduler.name=none", "max_grad_norm=0"],
        ["learning_rate=choice:1e-3,1e30"],
    )
    study, material = small_study(tmp_path, "broken", replace(space, seed=3))
    search = make_search(study, material)
    search.run()
    by_rate = {record.parameters["learning_rate"]: record for record in study.records.values()}
    assert by_rate[1e-3].status == "completed"
    assert by_rate[1e30].status == "failed"
    assert "nan" in by_rate[1e30].reason
    assert search.worker_groups_started == 1
    states = {trial.user_attrs["trial_id"]: trial for trial in optuna_trials(study)}
    failed = states[by_rate[1e30].trial_id]
    assert failed.state == TrialState.FAIL
    assert failed.user_attrs["reason"] == by_rate[1e30].reason


def test_a_spent_time_budget_is_resumed(tmp_path: Path) -> None:
    """A time budget that ends during a trial leaves it unfinished; a second session finishes it and the others."""
    space = small_space(tmp_path, ["budget.trials=3", "num_train_epochs=2000", "scheduler.name=none", "budget.time=20"])
    study, material = small_study(tmp_path, "paused", space)
    first = make_search(study, material)
    started = time.monotonic()
    first.run()
    assert time.monotonic() - started < 50  # 20 s, and the time to close a slot
    assert first.end is SessionEnd.TIME_BUDGET
    (open_record,) = study.with_status("running")
    before = [result.epoch for result in open_record.results]
    assert before
    note = read_progress(study.paths.progress)
    assert note is not None
    assert [trial.number for trial in note.running] == [open_record.number]  # the steps came from the mailbox
    assert 0 < note.running[0].step < note.running[0].steps == 2000 * 4
    assert note.time_left.startswith("at most 0:")

    again = Study.load(tmp_path / "runs", "paused")
    longer = replace(
        again.space,
        budget=replace(again.space.budget, time=None),
        scheduler=replace(space.scheduler, max=None),
        fixed={**again.space.fixed, "num_train_epochs": 2},
    )
    again.change_space(longer, save=False)
    for record in again.records.values():
        record.max_epochs = before[-1] + 2
    second = make_search(again, material)
    second.run()
    assert second.end is SessionEnd.DONE
    assert [record.status for record in again.records.values()] == ["completed"] * 3
    epochs = [result.epoch for result in again.records[open_record.trial_id].results]
    assert epochs == sorted(set(epochs))
    assert epochs[: len(before)] == before
    assert epochs[-1] == before[-1] + 2
    assert all(trial.state == TrialState.COMPLETE for trial in optuna_trials(again))


def test_two_workers_train_one_trial(tmp_path: Path) -> None:
    """Two gloo workers per trial, on rows that do not divide evenly: two trials in one worker group."""
    space = small_space(tmp_path, ["budget.trials=2", "scheduler.name=none"], rows=59)
    study, material = small_study(tmp_path, "pair", space)
    search = make_search(study, material, workers=2)
    search.run()
    assert [record.status for record in study.records.values()] == ["completed", "completed"]
    assert search.worker_groups_started == 1
    assert next(iter(search.searcher.workers.values())).workers == 2


def test_an_address_without_a_cluster_is_refused_at_once() -> None:
    """Ray itself would try for a quarter of an hour."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UserError, match=f"--address {address}: nothing answers there"):
        connect(address)


class PausesOnce(FIFOScheduler):  # type: ignore[misc]
    """Pauses each trial at its first report."""

    def __init__(self) -> None:
        super().__init__()
        self.paused: list[str] = []

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        if trial.trial_id in self.paused:
            return str(self.CONTINUE)
        self.paused.append(trial.trial_id)
        return str(self.PAUSE)


class NotesCheckpoints(SlotTrainable):
    """Notes which epochs a paused trial can continue from."""

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, object]:
        saved = super().save_checkpoint(checkpoint_dir)
        points = checkpoints.list_complete(f"{self._folder}/checkpoints")
        write_json(Path(self._folder) / "paused.json", [point.epoch for point in points if point.resumable])
        return saved


def test_a_paused_trial_continues_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler may pause trials: each is saved and completed, its epochs are complete, and no slot is lost."""
    pausing = PausesOnce()
    monkeypatch.setitem(SCHEDULERS, SchedulerName.NONE, lambda *options: pausing)
    space = small_space(tmp_path, ["budget.trials=2", "scheduler.name=none", "num_train_epochs=3"])
    study, material = small_study(tmp_path, "pausing", space)
    search = make_search(study, material, trainable=NotesCheckpoints)
    search.run()
    assert sorted(pausing.paused) == sorted(study.records)
    for record in study.records.values():
        assert record.status == "completed"
        assert [result.epoch for result in record.results] == [1.0, 2.0, 3.0]
        assert read_json(study.paths.trial(record.trial_id) / "paused.json", list[float], "") == [1.0]
    assert search.worker_groups_started == 1
