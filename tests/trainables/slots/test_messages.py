"""Messages on their way through Tune."""

from __future__ import annotations

import pytest
from ray import cloudpickle
from ray.tune.utils.util import flatten_dict

from tests.trainables.slots.scenes import WORKER, a_job, a_report
from trainables.slots.messages import (
    Evaluated,
    Failed,
    FailureKind,
    Message,
    Saved,
    TrialConfig,
    from_tune_config,
    from_tune_result,
    to_tune_config,
    to_tune_result,
)
from trainables.slots.settings import Shape, SlotSettings


@pytest.mark.parametrize(
    ("event", "last"),
    [
        (Evaluated(a_report(1.0), 0.5), False),
        (Evaluated(a_report(2.0, last=True), 0.5), True),
        (Failed("nan", FailureKind.STORAGE, "trace"), True),
        (Saved(), True),
    ],
)
def test_a_message_survives_the_way_through_tune(event: Evaluated | Failed | Saved, last: bool) -> None:
    """Tune pickles a result, adds entries, and flattens nested dicts before it calls searcher and scheduler."""
    message = Message(event, groups=2, worker=WORKER, slot="slot-1")
    result = {**to_tune_result(message), "config": to_tune_config(config()), "training_iteration": 3}
    assert result["done"] is last
    assert from_tune_result(flatten_dict(cloudpickle.loads(cloudpickle.dumps(result)))) == message


def test_a_result_without_a_message() -> None:
    """Tune passes its last result at the end of a trial, which may be empty."""
    assert from_tune_result({}) is None
    assert from_tune_result(None) is None


def config() -> TrialConfig:
    return TrialConfig(a_job(config={"learning_rate": 1e-3}), SlotSettings(Shape(2, 1.0, 0.5), "folder", 60.0, True))


def test_a_trial_config_survives_the_way_through_tune() -> None:
    """With the job and the settings of the slot."""
    assert from_tune_config(cloudpickle.loads(cloudpickle.dumps(to_tune_config(config())))) == config()
