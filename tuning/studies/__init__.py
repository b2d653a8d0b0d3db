"""A study on disk: its folder, records, lock and storage, and which checkpoints it keeps.

Ray and Optuna belong in other rooms of `tuning`.

    attempts: Counts the slots of a trial in its folder, so that a trial that loses slot after slot is given up.
    checkpoint_index: The saved checkpoints of a study's trials, with a cache of those of ended trials.
    earlier_versions: Reads studies that an earlier version created.
    epochs: How many epochs the trials of a space train, and at which epochs they are compared.
    job_file: The job of a trial, written beside its record.
    lock: The lock of a study: one process at a time works on it.
    material: The input of all trials of a study: splits, task options and tokenized tables, stored in `data.json`.
    origin: What the trials of a study were made from, so that a later session can check that it is the same.
    paths: Every path of a study.
    permissions: Permissions of the folders that a study writes: only their owner can enter them.
    ranking: The order of trials, best first, for retention, summaries and displays.
    records: The record of a trial: one file, rewritten atomically, with its previous version kept beside it.
    retention: Which checkpoints of a study are kept: those of its best trials, and what running trials resume from.
    storage: The storage of studies: a folder, or a place in a bucket, of which this machine has a working copy.
    study: A study: one search, its folder and its records.
    validation: Checks a study folder before anything in it is used, since it may come from another person.
"""
