"""Ray Train's trainer as a slot needs it, and the private points of Ray Train, each by its name."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from ray.exceptions import RayActorError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer
from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.train.v2._internal.execution.worker_group import WorkerGroup, WorkerGroupState
from ray.util import placement_group_table

from trainables.slots.trainer import _UNUSED, ReleaseHalfStartedGroup, SlotTrainer

#: CPUs of a worker here, and in no other test.
_CPUS = 0.37


class FirstGroupFails(WorkerGroupCallback):  # type: ignore[misc]
    """The first worker group loses its machine while it starts."""

    def __init__(self) -> None:
        self.groups = 0

    def after_worker_group_start(self, worker_group: Any) -> None:
        self.groups += 1
        if self.groups == 1:
            raise RayActorError


def list_groups(config: dict[str, Any]) -> None:
    """Writes the states of the placement groups that a worker of the second group sees."""
    groups = [group for group in placement_group_table().values() if group["bundles"] == {0: {"CPU": _CPUS}}]
    Path(config["file"]).write_text(json.dumps([group["state"] for group in groups]), encoding="utf-8")


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_a_half_started_group_holds_no_resources(tmp_path: Path) -> None:
    """The next group gets them."""
    SlotTrainer(
        list_groups,
        train_loop_config={"file": str(tmp_path / "seen")},
        scaling_config=ScalingConfig(num_workers=1, resources_per_worker={"CPU": _CPUS}),
        run_config=RunConfig(
            name="half-started",
            storage_path=str(tmp_path / "ray"),
            failure_config=FailureConfig(max_failures=-1),
            callbacks=[FirstGroupFails()],
        ),
    ).fit()
    assert sorted(json.loads((tmp_path / "seen").read_text())) == ["CREATED", "REMOVED"]


def test_trainer_create_default_callbacks() -> None:
    """The base class makes its callbacks in this method, and has both that a slot does without."""
    trainer = TorchTrainer(list_groups, scaling_config=ScalingConfig(num_workers=1))
    assert all(any(isinstance(each, kind) for each in trainer._create_default_callbacks()) for kind in _UNUSED)
    slot = SlotTrainer(list_groups, scaling_config=ScalingConfig(num_workers=1))
    first, *others = slot._create_default_callbacks()
    assert isinstance(first, ReleaseHalfStartedGroup)
    assert not any(isinstance(each, _UNUSED) for each in others)


def test_worker_group_state_shutdown() -> None:
    """A worker group has these, and a callback these hooks."""
    assert callable(WorkerGroup.has_started)
    assert "_worker_group_state" in inspect.getsource(WorkerGroup)
    assert callable(WorkerGroupState.shutdown)
    assert callable(WorkerGroupCallback.after_worker_group_start)
    assert callable(WorkerGroupCallback.before_worker_group_start)
