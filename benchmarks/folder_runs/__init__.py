"""The parts of `benchmarks.model_folders`.

data: the files of a run, cut from public ones
run: one model in one search space, from the probe to its answers
"""
