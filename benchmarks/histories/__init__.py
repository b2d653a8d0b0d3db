"""Thousands of histories of a simulated study, and what must hold after each: `python -m benchmarks.histories`.

__main__: the command
scenario: draws a study, and what happens to it, from a seed
history: runs the sessions of a scenario
observations: what a history showed while it ran
checks: what must hold at its end
planted_bugs: bugs that the histories must detect
runner: runs many histories
"""
