"""What a trial logs: a file in its folder, and a run of Weights & Biases, which never waits for the network.

Which values are logged belongs in `trainables.training`.

    logged_steps: Which steps a trial has logged, so that no attempt logs them again.
    metrics_file: What a trial logs, as JSON lines in its own folder.
    run_settings: Settings of one trial's run, and the record of how it was kept.
    tracker: Opens, feeds and finishes a trial's run in a thread of its own.
    wandb_internals: Private points of wandb.
"""
