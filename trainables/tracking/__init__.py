"""Weights & Biases: each trial logs to a run of its own and never waits for the network.

Which values are logged belongs in `trainables.training`.

    run_settings: Settings of one trial's run.
    tracker: Opens, feeds and finishes a trial's run in a thread of its own.
"""
