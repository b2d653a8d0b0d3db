"""The job of a trial, written beside its record: for running the trial alone, and for `train --resume-from`."""

from __future__ import annotations

from foundation.durable import retry_on_storage_error, write_json
from trainables.training.job import JOB, Job
from tuning.studies.study import Study


def write_job(study: Study, job: Job) -> None:
    """Writes the job of a trial that starts or is resumed.

    Raises:
        StorageLost: The storage does not recover.
    """
    file = study.paths.trial(job.trial_id) / JOB
    retry_on_storage_error(lambda: write_json(file, job.to_plain()), f"the job of trial {job.trial_id}")
    study.publish(file)
