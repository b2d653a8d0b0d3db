"""Trials of a search space that was edited between two sessions: which of them are configurations of the new one.

Optuna refuses other options of a parameter within one study, so its study is made again from the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from optuna.trial import FrozenTrial

from search_spaces.ranges import FloatRange, holds
from search_spaces.schema import Space
from search_spaces.values import Scalar
from tuning.algorithms.samplers import distribution
from tuning.studies.records import TrialRecord


def parameters_in(space: Space, record: TrialRecord) -> dict[str, Scalar] | None:
    """Returns the parameters that a trial would have in the space; None if its configuration is not one of the space.

    A parameter that is no longer searched must have had the value that is fixed now; one that was fixed before, and is
    searched now, must have had a value in its range.
    """
    values: dict[str, Scalar] = {}
    for name, searched in space.search.items():
        if holds(searched.when, values):
            value = record.config.get(name)
            if name not in record.config or not searched.contains(value):
                return None
            values[name] = float(record.config[name]) if isinstance(searched, FloatRange) else value
    dropped = record.parameters.keys() - values.keys()
    is_fixed = all(name in space.fixed and space.fixed[name] == record.parameters[name] for name in dropped)
    return values if is_fixed else None


def outside(space: Space, records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Returns the trials whose configuration is not one of the space."""
    return [record for record in records if parameters_in(space, record) is None]


def is_of_another_space(trials: Sequence[FrozenTrial], of_record: Mapping[int, TrialRecord], space: Space) -> bool:
    """Whether Optuna's study was made for another search space.

    Args:
        of_record: Number of an Optuna trial -> the record of the same trial; without it, the trial was never begun.
    """
    present = {name: distribution(searched) for name, searched in space.search.items()}
    for trial in trials:
        if any(name in present and item != present[name] for name, item in trial.distributions.items()):
            return True
        record = of_record.get(trial.number)
        if record is not None and trial.distributions.keys() != (parameters_in(space, record) or {}).keys():
            return True
    return False


def outside_line(outsiders: Sequence[TrialRecord], total: int) -> str:
    """Returns what a user reads of trials that the sampler does not learn from."""
    numbers = ", ".join(str(record.number) for record in outsiders[:10])
    more = f" and {len(outsiders) - 10} more" if len(outsiders) > 10 else ""
    are = "is" if len(outsiders) == 1 else "are"
    return (
        f"{len(outsiders)} of {total} trials {are} outside the search space ({numbers}{more}): ranked with the others,"
        " but the sampler does not learn from them"
    )
