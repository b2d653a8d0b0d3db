"""A study on disk: its folder, its records, its lock, its storage, the checkpoints it keeps.

Nothing here imports Ray or Optuna.

    attempts: How many slots a trial had, counted in its folder
    lock: One process at a time works on a study: who comes second is told who was first
    material: The input of all trials of a study: splits, task options and tokenized tables, stored in `data.json`
    paths: Every path of a study. This module alone knows them
    permissions: Who may read what a study writes: its owner
    records: What is known of a trial: one file, rewritten whole at every change, the one before it kept beside it
    retention: Which checkpoints stay: those of the best trials of the *study*, and what running trials go on from
    storage: Where studies lie: a folder, or a place in a bucket that this machine works on through a folder of its own
    study: A study: one search, its folder and its records
    validation: Looks at a study folder before anything in it is used: it may have come from somebody else
"""
