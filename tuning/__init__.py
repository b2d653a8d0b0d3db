"""HOW the search runs: study, Optuna, ASHA, Ray Tune, resume."""
