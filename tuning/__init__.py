"""HOW the search runs: Ray Tune asks, Optuna proposes, the scheduler stops, slots train.

What a user reads at the end belongs in `delivery`.

    base_model_hashes: Hashes of base models: one that is made or read again is the one of the trials. No Ray
    interruption: Ctrl-C and SIGTERM: the first one saves what runs and ends the search, the second ends the process
    jobs: Makes the job of a trial from its record and the study
    local_run: Runs the only trial of a study in this process, without Ray
    model_fit: Whether model, tokenizer and texts of a space fit together
    preparation: What a study makes once, before any trial: splits, base models, tokenised tables. No Ray
    probe: Tries the recipe default in this process: one batch, one backward pass, one generated text. No Ray
    progress_note: What `status` shows of a running session and no trial record holds: steps, slots, machines, time
    search: Runs a study on Ray: Tune asks, Optuna proposes, the scheduler stops, slots train
    step_watch: Asks for the steps of the running trials every two seconds, in a thread that nothing waits for
    tokenizers: Tokenizers that are searched: each is trained before the first trial, with a base model and
    trainable: The Tune actor that owns a slot
    wandb_settings: Where trials are logged: W&B settings that all trials of a study share. No Ray
"""
