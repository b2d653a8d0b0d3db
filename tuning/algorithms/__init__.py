"""WHICH configuration is tried next, and which trial is stopped: samplers, schedulers, and their state in Optuna.

What a trial costs and where it runs belongs in `tuning.cluster`.

    optuna_searcher: Between Ray Tune and Optuna: every trial of Tune is one of Optuna's, and both hear the
    optuna_storage: Where Optuna keeps its study: an SQLite file in the study's folder, or a PostgreSQL
    samplers: Optuna: its samplers by name, and a space's ranges as its distributions
    schedulers: ASHA and median stopping from Ray Tune, told apart by kotune's trial ids so that a resumed
"""
