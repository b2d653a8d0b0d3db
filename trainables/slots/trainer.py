"""Ray Train's trainer as a slot needs it, and the private points of Ray Train that this takes. Imports torch."""

from __future__ import annotations

from typing import Any

from ray.train.torch import TorchTrainer
from ray.train.v2._internal.callbacks import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.callback import WorkerGroupCallback

#: Callbacks that a slot does without. The first distributes Ray datasets, which a slot has none of. The second frees
#: the resources of a worker group after its controller was killed, but it asks the dashboard whether it was; without a
#: dashboard it frees nothing, and stays until the job ends, with 200 MB each.
#: `slot.remove_orphaned_placement_groups` frees them instead.
_UNUSED = (DatasetsCallback, PlacementGroupCleanerCallback)


class ReleaseHalfStartedGroup(WorkerGroupCallback):  # type: ignore[misc]
    """Frees the resources of a worker group whose machine was lost while the group started.

    Ray Train 2.60 forgets such a group, because it counts as started and is not stored. Its placement group would then
    take the place of the next one for as long as the slot lives.
    """

    def __init__(self) -> None:
        self._group: Any = None

    def after_worker_group_start(self, worker_group: Any) -> None:
        self._group = worker_group

    def before_worker_group_start(self, worker_group_context: Any) -> None:
        if self._group is not None and self._group.has_started():  # a group that was shut down has not
            self._group._worker_group_state.shutdown()


class SlotTrainer(TorchTrainer):  # type: ignore[misc]
    """A `TorchTrainer` with two processes less, which frees half-started groups. Ray Train has no setting for these."""

    def _create_default_callbacks(self) -> list[Any]:
        default = [callback for callback in super()._create_default_callbacks() if not isinstance(callback, _UNUSED)]
        return [ReleaseHalfStartedGroup(), *default]  # first: a callback after it may fail
