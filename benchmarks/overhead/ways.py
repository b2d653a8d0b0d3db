"""The ways that `trial_overhead` compares, each in a separate process; imports are part of the measurement."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def per_slot(ends: Sequence[float], slots: int) -> float:
    """Returns the mean seconds between trials of a slot, without each slot's first trial.

    Args:
        ends: end times of trials on `slots` parallel slots, in seconds.

    The end of a trial and the end `slots` places later are one trial apart. On average this is exact if the first
    ends are those of the slots' first trials and the last ends those of their last ones.

    Raises:
        ValueError: no slot ran a second trial.
    """
    if len(ends) <= slots:
        raise ValueError(f"{len(ends)} trials on {slots} slots: no slot ran a second one")
    ordered = sorted(ends)
    gaps = [later - earlier for earlier, later in zip(ordered, ordered[slots:], strict=False)]
    return sum(gaps) / len(gaps)


def timing(started: float, first_result: float, ends: Sequence[float], slots: int) -> dict[str, Any]:
    """Returns the figures that all ways have; times are seconds of one monotonic clock."""
    seconds = per_slot(ends, slots)
    return {
        "startup_seconds": first_result - started,
        "seconds_per_trial": seconds,
        "throughput_seconds_per_trial": seconds / slots,
        "trials": len(ends),
        "side_by_side": slots,
    }


class Clock:
    """Times of the first result and of the ends of trials, on the monotonic clock that all processes share."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.first_result: float | None = None
        self.ends: list[float] = []

    def result(self) -> None:
        self.first_result = self.first_result or time.monotonic()

    def end(self) -> None:
        self.result()
        self.ends.append(time.monotonic())

    def read(self, trials: int, slots: int) -> dict[str, Any]:
        """Returns the figures of a way that should have run `trials`.

        Raises:
            RuntimeError: it ran a different number.
        """
        if len(self.ends) != trials or self.first_result is None:
            raise RuntimeError(f"{len(self.ends)} trials ended instead of {trials}")
        return timing(self.started, self.first_result, self.ends, slots)


def prepare(folder: Path, trials: int, slots: int, clock: Clock) -> dict[str, Any]:
    """Prepares the data of the ways that have no preparation step."""
    from benchmarks.overhead import short_trial

    short_trial.prepare(folder).save(folder / "prepared.json")
    return {}


def plain(folder: Path, trials: int, slots: int, clock: Clock) -> dict[str, Any]:
    """Trials in a loop, written efficiently without a search library."""
    from benchmarks.overhead import short_trial

    material = short_trial.Material.load(short_trial.Prepared.load(folder / "prepared.json"))
    loaded = time.monotonic() - clock.started
    for number in range(trials):
        metrics = short_trial.run_by_hand(material, short_trial.learning_rate(number), folder / "plain")
        clock.end()
    return {**clock.read(trials, 1), "imports_and_loading_seconds": loaded, "loss": metrics["eval_loss"]}


def kotune(folder: Path, trials: int, slots: int, clock: Clock) -> dict[str, Any]:
    """A study with the components of `cli.py tune`."""
    from benchmarks.overhead import short_trial
    from foundation.statuses import TrialStatus
    from tuning import preparation
    from tuning.cluster.connection import connect, disconnect
    from tuning.cluster.resources import plan_slots
    from tuning.display.live import open_view
    from tuning.search import Search
    from tuning.studies.study import Study

    space = short_trial.short_space(folder / "kotune_data", trials, slots)
    study = Study.create(space, folder / "runs", "short")
    material = preparation.prepare(study, preparation.read(space), print)
    prepared = time.monotonic() - clock.started
    plan = plan_slots(space, connect(None))

    def listen(_: Any) -> None:
        if study.with_status(TrialStatus.COMPLETED) or any(
            record.results for record in study.with_status(TrialStatus.RUNNING)
        ):
            clock.result()
        for _ in range(len(study.with_status(TrialStatus.COMPLETED)) - len(clock.ends)):
            clock.end()

    study.observe(listen)
    search = Search(study, material, plan, tracking=None, view=open_view(sys.stdout))
    try:
        search.run()
    finally:
        disconnect()
    return {
        **clock.read(trials, plan.slots),
        "slots": plan.slots,
        "worker_groups_started": search.worker_groups_started,
        "imports_and_preparation_seconds": prepared,
        "loss": study.ranked()[0].results[-1].metrics["loss"],
    }


def hf_ray(folder: Path, trials: int, slots: int, clock: Clock) -> dict[str, Any]:
    """The search of transformers: `Trainer.hyperparameter_search`."""
    import ray
    from ray import tune

    from benchmarks.overhead import short_trial

    prepared = short_trial.Prepared.load(folder / "prepared.json")
    material = short_trial.Material.load(prepared)
    ray.init(address="local", num_cpus=slots, include_dashboard=False)

    def model_init() -> Any:
        short_trial.one_thread()
        return short_trial.load_model(prepared.base_model)

    low, high = short_trial.RATES
    trainer = short_trial.make_trainer(material, low, folder / "hf_ray", model_init)
    best: Any = trainer.hyperparameter_search(
        hp_space=lambda _: {"learning_rate": tune.loguniform(low, high)},
        compute_objective=lambda metrics: metrics["eval_rouge_sum"],
        n_trials=trials,
        direction="maximize",
        backend="ray",
        resources_per_trial={"cpu": 1, "gpu": 0},
        storage_path=str(folder / "hf_ray_results"),
        callbacks=[tune_clock(clock)],
    )
    ray.shutdown()
    return {**clock.read(trials, slots), "loss": float(best.run_summary.results_df["eval_loss"].iloc[0])}


def stock(folder: Path, trials: int, slots: int, clock: Clock) -> dict[str, Any]:
    """https://docs.ray.io/en/latest/train/user-guides/hyperparameter-optimization.html"""
    os.environ["RAY_TRAIN_V2_ENABLED"] = "1"
    import ray
    import ray.train
    from ray import tune
    from ray.train.torch import TorchTrainer
    from ray.tune.integration.ray_train import TuneReportCallback

    def train_on_worker(config: dict[str, Any]) -> None:
        material = short_trial.Material.load(short_trial.Prepared.load(folder / "prepared.json"))
        ray.train.report(short_trial.run_by_hand(material, config["learning_rate"], folder / "stock"))

    def drive(config: dict[str, Any]) -> None:
        trainer = TorchTrainer(
            train_on_worker,
            train_loop_config=config["train_loop_config"],
            scaling_config=ray.train.ScalingConfig(num_workers=1, use_gpu=False),
            run_config=ray.train.RunConfig(
                name=f"train-{tune.get_context().get_trial_id()}",
                storage_path=str(folder / "stock_train"),
                callbacks=[TuneReportCallback()],
            ),
        )
        trainer.fit()

    from benchmarks.overhead import short_trial

    low, high = short_trial.RATES
    side_by_side = max(1, slots // 2)
    ray.init(address="local", num_cpus=slots, include_dashboard=False)
    results = tune.Tuner(
        drive,
        param_space={"train_loop_config": {"learning_rate": tune.loguniform(low, high)}},
        tune_config=tune.TuneConfig(num_samples=trials, max_concurrent_trials=side_by_side),
        run_config=tune.RunConfig(name="stock", storage_path=str(folder / "stock_tune"), callbacks=[tune_clock(clock)]),
    ).fit()
    best = results.get_best_result(metric="eval_rouge_sum", mode="max")
    ray.shutdown()
    return {**clock.read(trials, side_by_side), "loss": best.metrics["eval_loss"]}


def tune_clock(clock: Clock) -> Any:
    """Returns a callback of Ray Tune that records times in `clock`."""
    from ray.tune import Callback

    class Reading(Callback):  # type: ignore[misc]
        def on_trial_result(self, *args: Any, **kwargs: Any) -> None:
            clock.result()

        def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
            clock.end()

    return Reading()


CHILDREN: dict[str, Callable[[Path, int, int, Clock], dict[str, Any]]] = {
    "prepare": prepare,
    "plain": plain,
    "kotune": kotune,
    "hf_ray": hf_ray,
    "stock": stock,
}
