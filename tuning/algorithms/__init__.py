"""WHICH configuration is tried next, and which trial is stopped: samplers, schedulers, and their state in Optuna.

What a trial costs and where it runs belongs in `tuning.cluster`.

    optuna_internals: The private points of Optuna that kotune uses, and nothing else
    optuna_mirror: Keeps Optuna's study in agreement with the trial records
    optuna_searcher: The search algorithm that Tune asks for trials
    optuna_storage: Optuna's database: an SQLite file in the study's folder, or a shared PostgreSQL database
    samplers: Optuna's samplers by name, and the ranges of a search space as its distributions
    schedulers: ASHA and median stopping from Ray Tune, wrapped so that a resumed study can rebuild their state
    space_changes: Trials of a search space that was edited between two sessions
    tune_internals: The private points of Ray Tune that kotune uses, and nothing else
    untried: Configurations that no trial has had yet
"""
