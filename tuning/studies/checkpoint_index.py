"""The saved checkpoints of a study's trials, with a cache of those of ended trials."""

from __future__ import annotations

from collections.abc import Iterable

from foundation.safe_paths import check_inside
from foundation.statuses import TrialStatus
from trainables.training import checkpoints
from trainables.training.checkpoints import Checkpoint
from tuning.studies.paths import Paths
from tuning.studies.records import TrialRecord


class CheckpointIndex:
    """The saved checkpoints of a study's trials.

    Those of an ended trial are listed once: they change only through this object, and listing a bucket takes time.
    """

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._ended: dict[str, list[Checkpoint]] = {}

    def saved(self, record: TrialRecord) -> list[Checkpoint]:
        """Returns the complete checkpoints of a trial, oldest first."""
        address = self._paths.checkpoint_address(record.trial_id)
        if record.status == TrialStatus.RUNNING:
            return checkpoints.list_complete(address)
        if record.trial_id not in self._ended:
            self._ended[record.trial_id] = checkpoints.list_complete(address)
        return self._ended[record.trial_id]

    def refresh(self) -> None:
        """Forgets the cache, since another process may have deleted checkpoints."""
        self._ended.clear()

    def assume_empty(self, trial_ids: Iterable[str]) -> None:
        """Records that these ended trials have no checkpoints, after one look at the whole bucket."""
        self._ended |= {trial_id: [] for trial_id in trial_ids}

    def is_empty(self, record: TrialRecord) -> bool:
        """Whether the cache has no checkpoints for an ended trial; False if it is not cached."""
        return self._ended.get(record.trial_id) == []

    def remove_all(self, record: TrialRecord) -> None:
        """Deletes every checkpoint of an ended trial.

        Raises:
            UserError: A link leads out of the study.
        """
        self._check_inside(record)
        checkpoints.remove_all(self._paths.checkpoint_address(record.trial_id))
        self._ended[record.trial_id] = []

    def keep_only(self, record: TrialRecord, epoch: float | None) -> None:
        """Deletes the checkpoints of an ended trial but the model of `epoch`, and that one's optimizer state.

        Raises:
            UserError: A link leads out of the study.
        """
        saved = self.saved(record)
        if len(saved) < 2 and not any(point.resumable for point in saved):
            return
        self._check_inside(record)
        address = self._paths.checkpoint_address(record.trial_id)
        checkpoints.prune(address, keep_epochs=set() if epoch is None else {epoch}, keep_newest=False)
        del self._ended[record.trial_id]

    def remove(self, record: TrialRecord, point: Checkpoint) -> None:
        """Deletes one checkpoint of a running trial."""
        checkpoints.remove(self._paths.checkpoint_address(record.trial_id), point)

    def _check_inside(self, record: TrialRecord) -> None:
        check_inside(self._paths.checkpoints(record.trial_id), self._paths.root)
