"""HOW one trial is trained, without Ray: engine, batches, optimizers, evaluations, checkpoints.

Whatever imports Ray belongs in `trainables.slots`.

    batching: Batches that are the same rows however a global batch is cut
    callbacks: Signs that a trial gives and heeds while it trains: that it is alive, that its machine or the search goes
    checkpoint_store: Where the checkpoints of a trial lie: a folder, or a place in a bucket. What they are is
    checkpoints: Checkpoints of one trial: complete when their manifest is there
    engine: The one training engine for all tasks: `Trainer`, with what it gets wrong put right
    evaluation_schedule: The engine's callbacks: when a trial is evaluated, which epoch its sampler deals
    evaluation_tracker: Between the engine and whoever compares trials: evaluations, their scores, and the best so far
    job: Everything a worker needs to train a trial; the content of `job.json`
    memory: What fits into memory: a batch that does not is halved, and as many more are accumulated
    optimizers: What `Trainer` has no word for: frozen layers, learning rates that fall layer by layer
    parameter_names: What the search sets itself, what kotune adds, and what old names of parameters became
    parameters: Every name that a trial's configuration may hold, where it belongs, and what old names became
    reports: What a trial and its scheduler exchange: reports, decisions, exceptions that end a trial
    trial: One trial, from a plain dict to reports: no Ray here, so that it can be tested and timed in one process
"""
