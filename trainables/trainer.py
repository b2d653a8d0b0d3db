"""Ray Train's trainer as a slot needs it. Imports torch, so whoever only talks to a slot does without."""

from __future__ import annotations

from typing import Any

from ray.train.torch import TorchTrainer
from ray.train.v2._internal.callbacks import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback

#: One deals out Ray datasets, which a slot has none of. The other is to free a worker group's resources after its
#: controller was killed, but asks the dashboard whether it was; without a dashboard it frees nothing and stays until
#: the job ends, 200 MB each: `slot.free_what_the_dead_hold` does it instead.
_UNUSED = (DatasetsCallback, PlacementGroupCleanerCallback)


class SlotTrainer(TorchTrainer):  # type: ignore[misc]
    """A `TorchTrainer` that starts two processes less; Ray Train has no setting for either."""

    def _create_default_callbacks(self) -> list[Any]:
        return [callback for callback in super()._create_default_callbacks() if not isinstance(callback, _UNUSED)]
