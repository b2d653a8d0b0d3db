"""How one trial is trained, without Ray: engine, batches, optimizers, evaluations, checkpoints.

Code that imports Ray belongs in `trainables.slots`, code that talks to W&B in `trainables.tracking`.

    arguments: Training arguments of a trial: precision, scheduler defaults, checks of a configuration.
    batching: Batches with the same rows for any number of workers and accumulation steps.
    callbacks: Heartbeat with the steps done, and checkpoints before a machine or the search goes away.
    checkpoint_store: Storage of checkpoints, in a folder or in a bucket.
    checkpoint_writer: Writes a checkpoint from all workers of a trial.
    checkpoints: Checkpoints of a trial: complete, list, verify, prune.
    early_stopping: When a trial ends by itself because it no longer improves.
    engine: The training engine for all tasks, a subclass of transformers' `Trainer`.
    evaluation: The result of one evaluation, merged from all workers.
    evaluation_schedule: When a trial is evaluated; epochs of the sampler; gradient norms by layer.
    evaluation_tracker: The evaluations of a trial: scored, recorded and reported.
    job: Everything a worker needs to train a trial; the content of `job.json`.
    memory: Batch sizes that fit into memory, found by halving.
    optimizers: Layer-wise learning rates, and Adafactor's own rate.
    parameter_names: Names that are reserved, kotune's own, or aliases.
    parameters: Who reads a parameter, and which values are valid.
    reports: What a trial and its search exchange: reports, decisions, steps done, exceptions.
    trial: Trains one trial from its job; also a command.
    worker_cache: What a worker process keeps from trial to trial.
"""
