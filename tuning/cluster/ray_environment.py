"""Environment variables that Ray reads when it is imported or when one of its processes starts.

A module that imports Ray for the driver runs `os.environ.update(ray_environment.DEFAULTS | os.environ)` first.
"""

from __future__ import annotations

#: Variable -> value, unless the user has set another one.
DEFAULTS = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths stay valid
    "RAY_TRAIN_V2_ENABLED": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the trial records are the log
    "TUNE_FORCE_TRIAL_CLEANUP_S": "6",  # do not wait for a slot in the middle of an epoch
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # a lost slot is replaced; a trial's own failure is shown by kotune
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",  # kotune never reads Tune's own state
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a failed trial reports a reason and no metric
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # trials are the main load of the machine
    # A slot is a few small actors that start together; Ray would warn about many starting processes.
    "RAY_worker_maximum_startup_concurrency": "8",
}
