"""The parts of `benchmarks.trial_overhead`, which run in processes of their own.

short_trial: the trial that all ways train, and what it needs
ways: each way to run such trials
"""
