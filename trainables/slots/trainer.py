"""Ray Train's trainer as a slot needs it. Imports torch, so whoever only talks to a slot does without."""

from __future__ import annotations

from typing import Any

from ray.train.torch import TorchTrainer
from ray.train.v2._internal.callbacks import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.callback import WorkerGroupCallback

#: One deals out Ray datasets, which a slot has none of. The other is to free a worker group's resources after its
#: controller was killed, but asks the dashboard whether it was; without a dashboard it frees nothing and stays until
#: the job ends, 200 MB each: `slot.remove_orphaned_placement_groups` does it instead.
_UNUSED = (DatasetsCallback, PlacementGroupCleanerCallback)


class HalfStarted(WorkerGroupCallback):  # type: ignore[misc]
    """Frees what a worker group holds whose machine went while it was started.

    Ray Train 2.60 forgets such a group, since it takes it for one that has started and does not keep it. Its placement
    group then takes the place of the one that is to follow, for as long as the slot lives.
    """

    def __init__(self) -> None:
        self._group: Any = None

    def after_worker_group_start(self, worker_group: Any) -> None:
        self._group = worker_group

    def before_worker_group_start(self, worker_group_context: Any) -> None:
        if self._group is not None and self._group.has_started():  # one that was ended has not
            self._group._worker_group_state.shutdown()


class SlotTrainer(TorchTrainer):  # type: ignore[misc]
    """A `TorchTrainer` that starts two processes less, and forgets no group; Ray Train has no setting for these."""

    def _create_default_callbacks(self) -> list[Any]:
        usual = [callback for callback in super()._create_default_callbacks() if not isinstance(callback, _UNUSED)]
        return [HalfStarted(), *usual]  # first: what comes after may fail
