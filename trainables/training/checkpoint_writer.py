"""Writes a checkpoint of a trial from all its workers."""

from __future__ import annotations

from pathlib import Path

from transformers import Trainer

from foundation.durable import retry_on_storage_error
from trainables.models.transformers_internals import save_model, save_training_state
from trainables.training import checkpoints
from trainables.training.evaluation_tracker import EvaluationTracker


class CheckpointWriter:
    """Writes checkpoints of one trial.

    Args:
        folder: the trial's checkpoints; may be an address in a bucket.
    """

    def __init__(self, folder: Path | str, tracker: EvaluationTracker) -> None:
        self._folder, self._tracker = folder, tracker

    def save(self, trainer: Trainer, *, epoch: float, evaluated: float, resumable: bool) -> None:
        """Writes the model and, if `resumable`, what training needs to resume. Called on every worker.

        The manifest is written last and completes the checkpoint.

        Args:
            evaluated: epoch of the last evaluation that was decided.
        """
        step = trainer.state.global_step
        what = f"checkpoint {step} in {self._folder}"

        def complete() -> None:
            checkpoints.complete(self._folder, step, epoch=epoch, resumable=resumable, evaluated=evaluated)

        retry_on_storage_error(lambda: self._stage(trainer, resumable), what)
        if not trainer.is_world_process_zero():
            retry_on_storage_error(lambda: self._upload(trainer), what)
        trainer.accelerator.wait_for_everyone()
        if trainer.is_world_process_zero():
            retry_on_storage_error(complete, what)
            retry_on_storage_error(self._tracker.prune_checkpoints, what)

    def _stage(self, trainer: Trainer, resumable: bool) -> None:
        staging = checkpoints.staging(self._folder, trainer.state.global_step)
        save_model(trainer, staging)
        if resumable:
            save_training_state(trainer, staging)
        if trainer.is_world_process_zero():
            trainer.state.save_to_json(str(staging / "trainer_state.json"))
            self._tracker.save(staging)

    def _upload(self, trainer: Trainer) -> None:
        """Uploads the random state of this worker; rank 0 writes everything else."""
        staging = checkpoints.staging(self._folder, trainer.state.global_step)
        names = [file.name for file in staging.glob(f"rng_state_{trainer.args.process_index}.pth")]
        checkpoints.upload(self._folder, trainer.state.global_step, names)
