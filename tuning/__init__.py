"""HOW the search runs: Ray Tune asks, Optuna proposes, the scheduler stops, slots train.

What a user reads at the end belongs in `delivery`.

    interruption: What happens between Ctrl-C and the end: a word on the screen at once, and the same end for SIGTERM
    jobs: What a worker is told of a trial: the job of its record, a plain dict
    preparation: What a study makes once, before any trial: splits, base models, tokenised tables. No Ray
    progress_note: What `status` shows of a running session and no trial record holds: slots, machines, time
    search: Runs a study on Ray: Tune asks, Optuna proposes, the scheduler stops, slots train
    tokenizers: Tokenizers that are searched: each is trained before the first trial, with a base model and
    trainable: The Tune actor that owns a slot: it costs next to nothing and is reused from trial to trial
    wandb_settings: Where trials are logged: W&B settings that all trials of a study share. No Ray
"""
