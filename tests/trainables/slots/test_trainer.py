"""Ray Train's trainer as a slot needs it, on a real Ray."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ray.exceptions import RayActorError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.util import placement_group_table

from trainables.slots.trainer import SlotTrainer

#: No other slot has this shape.
_CPUS = 0.37


class Unlucky(WorkerGroupCallback):  # type: ignore[misc]
    """The machine of the first worker group goes while it is started."""

    def __init__(self) -> None:
        self.groups = 0

    def after_worker_group_start(self, worker_group: Any) -> None:
        self.groups += 1
        if self.groups == 1:
            raise RayActorError


def look(config: dict[str, Any]) -> None:
    """What a worker of the second group sees of placement groups."""
    groups = [group for group in placement_group_table().values() if group["bundles"] == {0: {"CPU": _CPUS}}]
    Path(config["file"]).write_text(json.dumps([group["state"] for group in groups]), encoding="utf-8")


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_a_group_that_half_started_holds_nothing(tmp_path: Path) -> None:
    """Its place is the next one's."""
    SlotTrainer(
        look,
        train_loop_config={"file": str(tmp_path / "seen")},
        scaling_config=ScalingConfig(num_workers=1, resources_per_worker={"CPU": _CPUS}),
        run_config=RunConfig(
            name="unlucky",
            storage_path=str(tmp_path / "ray"),
            failure_config=FailureConfig(max_failures=-1),
            callbacks=[Unlucky()],
        ),
    ).fit()
    assert sorted(json.loads((tmp_path / "seen").read_text())) == ["CREATED", "REMOVED"]
