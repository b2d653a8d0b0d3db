"""What a trial logs: files in its folder, and a run of Weights & Biases, which never waits for the network.

Which values are logged belongs in `trainables.training`.

    logged_steps: Which steps a trial has logged, so that no attempt logs them again.
    metrics_file: What a trial logs, as JSON lines in its own folder.
    run_settings: Settings of one trial's runs, the names of what they show, and the record of how a run was kept.
    tensorboard_file: What a trial logs, as an event file of TensorBoard.
    tracker: Opens, feeds and finishes a trial's run in a thread of its own.
    wandb_internals: Private points of wandb.
"""
