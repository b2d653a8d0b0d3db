"""How long a search still takes, with simulated studies: their trials, steps and clock."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest

from foundation.statuses import TrialStatus
from search_spaces.choices import Runner
from search_spaces.draft import from_dict
from search_spaces.schema import Space
from trainables.training.reports import StepProgress
from tuning.display.time_left import Speed, TimeLeft, TimeLeftEstimator, makespan, recorded_speed, timed_speed
from tuning.studies.records import Result, TrialRecord

#: Steps per epoch of all simulated trials.
STEPS = 100


def a_space(scheduler: str = "asha", epochs: float = 9, **fixed: float) -> Space:
    """ASHA compares trials at epochs 1 and 3 of 9, and lets a third go on."""
    options = {
        "scheduler": {"name": scheduler, "grace": 1, "reduction_factor": 3},
        "mode": "max",
        "metric": "rouge_sum",
    }
    return from_dict({**options, "fixed": {"num_train_epochs": epochs, **fixed}}, "test")


def a_record(
    number: int = 0,
    *,
    status: str = "running",
    epochs: int = 0,
    seconds: float = 60.0,
    evaluation: float = 20.0,
    longest: float = 9.0,
) -> TrialRecord:
    """A trial of so many epochs, each of which took so many seconds, and its evaluation some of them."""
    record = TrialRecord(number, f"study-{number:04d}", {}, {}, longest)
    record.results = [
        Result(epoch, float(epoch), STEPS * epoch, {"rouge_sum": 0.5, "eval_seconds": evaluation}, seconds * epoch)
        for epoch in range(1, epochs + 1)
    ]
    return msgspec.structs.replace(record, status=TrialStatus(status))


def steps_at(epoch: float, seconds_per_epoch: float = 40.0, **changes: float | None) -> StepProgress:
    """Steps of a trial that has timed all but its first."""
    timed = max(0, round(epoch * STEPS) - 1)
    seconds = timed * seconds_per_epoch / STEPS
    fields = {"timed_steps": timed, "training_seconds": seconds, **changes}
    return StepProgress(step=round(epoch * STEPS), epoch=epoch, **fields)  # type: ignore[arg-type]


def the_time_left(estimator: TimeLeftEstimator, *trials: tuple[TrialRecord, StepProgress | None], total: int = 1,
                  slots: int = 1, budget_left: float | None = None) -> TimeLeft | None:  # fmt: skip
    """The estimate for these trials of a study of `total`."""
    steps = {record.trial_id: each for record, each in trials if each is not None}
    records = [record for record, _ in trials]
    return estimator.estimate(records, steps, trials=total, slots=slots, budget_left=budget_left)


def test_a_trial_under_asha_trains_the_mean_over_its_rungs() -> None:
    """One epoch, for a third of them three, for a ninth nine: 1 + 2/3 + 6/9 = 7/3; after a rung it has passed that."""
    expected = TimeLeftEstimator(a_space()).expected_epochs
    assert expected(a_record()) == pytest.approx(7 / 3)
    assert expected(a_record(epochs=1)) == pytest.approx(3 + 6 / 3)
    assert expected(a_record(epochs=4)) == 9
    assert expected(a_record(longest=2.0)) == pytest.approx(
        1 + 1 / 3
    )  # its own last epoch comes before the second rung
    assert expected(a_record(status="pruned", epochs=1)) == 1
    assert TimeLeftEstimator(a_space("none")).expected_epochs(a_record()) == 9


def test_nothing_stops_a_trial_that_runs_alone() -> None:
    """`train` has the scheduler of its space, and no trials to compare."""
    alone = TimeLeftEstimator(replace(a_space(), runner=Runner.LOCAL))
    assert alone.expected_epochs(a_record()) == 9


def test_there_is_an_estimate_after_the_first_steps() -> None:
    """Before the first evaluation it has only the training, and says so."""
    estimator = TimeLeftEstimator(a_space("none"))
    assert the_time_left(estimator, (a_record(), None)) is None
    assert the_time_left(estimator, (a_record(), steps_at(0.05))) is None  # four timed steps
    # 40 s per epoch: 8.8 of 9 epochs are left, 352 s, and nine trials of 360 s on two slots.
    # One slot: 352, then four of 360; the other: five of 360, which ends last.
    left = the_time_left(estimator, (a_record(), steps_at(0.2)), total=10, slots=2)
    assert left is not None
    assert left.seconds == pytest.approx(5 * 360)
    assert left.text == "about 30:00 left + evaluations"


def test_evaluations_count_as_soon_as_they_are_timed() -> None:
    """They may cost more than training: 9 of them at 100 s beside 9 epochs at 40 s."""
    estimator = TimeLeftEstimator(a_space("none"))
    running = steps_at(1.0, evaluated=0.25, evaluated_seconds=25.0)
    left = the_time_left(estimator, (a_record(), running))
    assert left is not None
    assert left.seconds == pytest.approx(8 * 40 + 8.75 * 100)
    assert left.text.endswith(" left")
    # The evaluation is on record, and the newest heartbeat is older.
    after = the_time_left(estimator, (a_record(epochs=1, seconds=140, evaluation=100), running))
    assert after is not None
    assert after.seconds == pytest.approx(8 * 40 + 8 * 100)


def test_trials_to_come_train_as_long_as_those_that_have_begun() -> None:
    """A running trial counts with what ASHA lets it train: the short ones end first, and would mislead."""
    estimator = TimeLeftEstimator(a_space())
    ended = [(a_record(number, status="pruned", epochs=1), None) for number in range(3)]
    running = (a_record(3, epochs=4), steps_at(4.5, evaluations=4, evaluation_seconds=80.0))
    # 1, 1, 1 and 9 epochs, and three times 7/3: 19/7 on the mean. An epoch takes 40 s and its evaluation 20 s.
    left = the_time_left(estimator, *ended, running, total=6)
    assert left is not None
    assert left.seconds == pytest.approx((4.5 * 40 + 5 * 20) + 2 * 19 / 7 * 60)


def test_the_last_trial_is_not_shared_among_idle_slots() -> None:
    """Four slots do not finish one trial four times as fast; trials to come go to the slot that is free first."""
    assert makespan([100.0], 0, 50.0, 4) == 100
    assert makespan([100.0, 10.0], 2, 50.0, 2) == 110  # 10 + 50 + 50
    assert makespan([30.0, 20.0, 10.0], 0, 50.0, 2) == 30  # three unfinished trials, and two slots
    assert makespan([], 100_000, 2.0, 4) == 50_000
    assert makespan([], 0, 50.0, 0) == 0


def test_the_estimate_never_exceeds_the_time_budget() -> None:
    """The search ends there, so that this is a limit, not an estimate."""
    estimator, running = TimeLeftEstimator(a_space("none")), (a_record(), steps_at(1.0))
    longer = the_time_left(estimator, running, budget_left=1000.0)
    assert longer is not None
    assert longer.text == "about 5:20 left + evaluations"
    left = the_time_left(estimator, running, budget_left=20.0)
    assert left is not None
    assert left.text == "at most 0:20 left"
    spent = the_time_left(estimator, running, budget_left=-1.0)
    assert spent is not None
    assert spent.text == ""


def test_where_a_trial_may_end_at_any_epoch_the_first_estimate_is_a_limit() -> None:
    """Under the median rule, or with a patience, until a trial has ended."""
    running = (a_record(), steps_at(1.0))
    for space in (a_space("median"), a_space("none", early_stopping_patience=2)):
        left = the_time_left(TimeLeftEstimator(space), running, total=3)
        assert left is not None
        assert left.text.startswith("at most ")
        ended = (a_record(1, status="pruned", epochs=2), None)
        left = the_time_left(TimeLeftEstimator(space), running, ended, total=3)
        assert left is not None
        assert left.text.startswith("about ")


def test_no_time_is_left_when_all_trials_have_ended() -> None:
    """A finished search, also one in which nothing was timed."""
    assert the_time_left(TimeLeftEstimator(a_space()), (a_record(status="failed"), None)) == TimeLeft(0.0)


def test_a_resumed_study_has_an_estimate_at_once() -> None:
    """From the records of the earlier session; then from the trials of this one, on whatever machine it runs."""
    ended, unfinished = a_record(status="completed", epochs=9), a_record(1, epochs=2)
    estimator = TimeLeftEstimator(a_space("none"), [ended, unfinished])
    left = the_time_left(estimator, (ended, None), (unfinished, None), total=3)
    assert left is not None
    assert left.seconds == pytest.approx(7 * 60 + 9 * 60)
    # It continues in the middle of an epoch, ten times as fast; its evaluations have not been timed in this session.
    steps = replace_steps(steps_at(2.5), timed_steps=50, training_seconds=2.0 * 5, evaluations=0)
    left = the_time_left(estimator, (ended, None), (unfinished, steps), total=3)
    assert left is not None
    assert left.seconds == pytest.approx((6.5 * 20 + 7 * 20) + (9 * 20 + 9 * 20))


def replace_steps(steps: StepProgress, **changes: float) -> StepProgress:
    return msgspec.structs.replace(steps, **changes)


def test_the_speed_on_record() -> None:
    """An interval between two sessions does not count: where the second one began is not on record."""
    assert recorded_speed(a_record()) == Speed()
    assert recorded_speed(a_record(epochs=3)) == Speed(40.0, 20.0)
    resumed = a_record(epochs=3)
    resumed.results[2] = msgspec.structs.replace(resumed.results[2], seconds=7.0)
    assert recorded_speed(resumed) == Speed(40.0, 20.0)


def test_a_speed_needs_a_few_steps_and_seconds() -> None:
    """The first ones say little; of an evaluation a tenth."""
    assert timed_speed(steps_at(0.5, seconds_per_epoch=1.0)) == Speed()  # 49 steps in half a second
    assert timed_speed(steps_at(0.04, seconds_per_epoch=4000.0)) == Speed()  # three steps in two minutes
    assert timed_speed(steps_at(0.2)).epoch == pytest.approx(40)
    assert timed_speed(steps_at(1.0, evaluated=0.05, evaluated_seconds=5.0)).evaluation is None
    assert timed_speed(steps_at(1.0, evaluated=0.5, evaluated_seconds=5.0)).evaluation == 10


class SimulatedSearch:
    """A search of six trials on two slots, at two heartbeats per second of a simulated clock.

    Trial n trains 40 s per epoch, evaluates for 20 s after each, and ASHA stops it at epoch 1, 3 or 9.

    Args:
        noise: Factors of the time of successive heartbeats.
    """

    ENDS = (9, 1, 3, 1, 1, 1)

    def __init__(self, noise: tuple[float, ...] = (1.0,)) -> None:
        self.estimator, self.noise, self.beats = TimeLeftEstimator(a_space()), noise, 0
        self.records: list[TrialRecord] = []
        self.steps: dict[str, StepProgress] = {}
        self.in_epoch: dict[str, float] = {}  # seconds since the epoch began
        self.seconds = 0.0

    def run(self) -> list[tuple[float, float | None, object]]:
        """Returns for each heartbeat the second, the estimate, and what has happened until then."""
        shown = []
        while self._advance():
            left = self.estimator.estimate(self.records, self.steps, trials=6, slots=2)
            shown.append((self.seconds, None if left is None else left.seconds, self._events()))
        return shown

    def _advance(self) -> bool:
        running = self._running()
        for _ in range(min(2 - len(running), 6 - len(self.records))):
            self.records.append(a_record(len(self.records)))
        self.seconds, self.beats = self.seconds + 0.5, self.beats + 1
        for record in self._running():
            self._train(record, 0.5 * self.noise[self.beats % len(self.noise)])
        return bool(self._running())

    def _running(self) -> list[TrialRecord]:
        return [record for record in self.records if record.status is TrialStatus.RUNNING]

    def _events(self) -> object:
        """Trials that began and ended, evaluations, and what was timed for the first time."""
        speeds = [timed_speed(steps) for steps in self.steps.values()]
        timed = [speed.epoch is None for speed in speeds].count(False)
        evaluated = any(speed.evaluation is not None for speed in speeds)
        results = sum(len(record.results) for record in self.records)
        return len(self.records), len(self._running()), results, timed, evaluated

    def _train(self, record: TrialRecord, seconds: float) -> None:
        trial, epochs = record.trial_id, len(record.results)
        self.in_epoch[trial] = now = self.in_epoch.get(trial, 0.0) + seconds
        steps = self.steps.get(trial) or steps_at(0.0)
        if now < 40.0:
            done = {"evaluations": epochs, "evaluation_seconds": 20.0 * epochs}
            self.steps[trial] = steps_at(epochs + now / 40, training_seconds=steps.training_seconds + 0.5, **done)
            return
        steps = replace_steps(steps, step=STEPS * (epochs + 1), epoch=epochs + 1.0)
        self.steps[trial] = replace_steps(steps, evaluated=min((now - 40) / 20, 1.0), evaluated_seconds=now - 40)
        if now >= 60.0:
            metrics = {"rouge_sum": 0.5, "eval_seconds": 20.0}
            record.results.append(Result(1, epochs + 1.0, steps.step, metrics, 60.0 * (epochs + 1)))
            self.in_epoch[trial] = 0.0
            if len(record.results) == self.ENDS[record.number]:
                record.status = TrialStatus.PRUNED if len(record.results) < 9 else TrialStatus.COMPLETED


@pytest.mark.parametrize("noise", [(1.0,), (1.2, 0.8), (0.8, 0.9, 1.3)])
def test_the_estimate_does_not_rise_while_nothing_happens(noise: tuple[float, ...]) -> None:
    """At a steady and at an uneven speed; it comes before any trial ends, and is right once evaluations are timed."""
    search = SimulatedSearch(noise)
    shown = search.run()
    first, estimate = next((second, left) for second, left, _ in shown if left is not None)
    assert first < 10
    for (_, before, events), (second, after, later) in pairwise(shown):
        if before is not None and events == later:
            assert after is not None
            assert after <= before + 1e-6, second
    # Trial 0 ends last, after 9 × 60 s.
    (end, last, _) = shown[-1]
    assert end == pytest.approx(540, rel=0.05)
    assert last == pytest.approx(0, abs=5)
    # Before the first evaluation 7/3 epochs are expected of each of six trials: 6 × 7/3 × 40 / 2 = 280 s of training.
    assert estimate == pytest.approx(275, rel=0.25)


def test_an_estimate_follows_training_that_becomes_slower() -> None:
    """Another program takes half of the machine: to insist on the old estimate would be wrong."""
    estimator = TimeLeftEstimator(a_space("none"))
    fast = the_time_left(estimator, (a_record(), steps_at(1.0)))
    slower = the_time_left(estimator, (a_record(), steps_at(1.01, seconds_per_epoch=44.0)))
    much = the_time_left(estimator, (a_record(), steps_at(1.2, seconds_per_epoch=80.0)))
    assert fast is not None
    assert slower == fast
    assert much is not None
    assert much.seconds == pytest.approx(7.8 * 80)
