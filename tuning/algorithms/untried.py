"""Configurations that a study has not tried yet: all trials share one seed, so that a repeated one teaches nothing."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Mapping
from typing import Any

from search_spaces.ranges import Choice, IntRange, Range, configurations, holds
from search_spaces.schema import Space
from search_spaces.values import Scalar
from tuning.studies.records import TrialRecord

#: How many configurations are drawn where a space cannot be listed.
_DRAWN = 1_000


class Untried:
    """The configurations of a space that have no trial yet."""

    def __init__(self, space: Space) -> None:
        self._space = space
        every = configurations(space.search)
        self._all = None if every is None else self._by_key(every)

    def is_tried(self, parameters: Mapping[str, Any], records: Iterable[TrialRecord]) -> bool:
        """Whether a trial has had the same configuration, whatever became of it."""
        return self._key(parameters) in _keys(records)

    def count(self, records: Iterable[TrialRecord]) -> int | None:
        """The number of untried configurations; None if there is no end of them."""
        return None if self._all is None else len(self._all.keys() - _keys(records))

    def nearest(
        self, parameters: Mapping[str, Any], records: Iterable[TrialRecord], seed: int
    ) -> dict[str, Scalar] | None:
        """Returns the untried configuration that is nearest to `parameters`; None if there is none.

        Equal arguments give equal results. Of equally near ones the seed decides.
        """
        generator, search = random.Random(seed), self._space.search
        every = self._by_key(_draw(search, generator) for _ in range(_DRAWN)) if self._all is None else self._all
        untried = _without(every, records)
        generator.shuffle(untried)
        return min(untried, key=lambda other: _distance(parameters, other, search), default=None)

    def next(self, records: Iterable[TrialRecord], seed: int) -> dict[str, Scalar] | None:
        """Returns the first untried configuration of a list that is shuffled by the seed; None if there is none.

        Shuffled, so that a budget smaller than the list sees values of every range.
        """
        every = list((self._all or {}).items())
        random.Random(seed).shuffle(every)
        return next(iter(_without(dict(every), records)), None)

    def _by_key(self, every: Iterable[dict[str, Scalar]]) -> dict[str, dict[str, Scalar]]:
        return {self._key(parameters): parameters for parameters in every}

    def _key(self, parameters: Mapping[str, Any]) -> str:
        return _key({**self._space.fixed, **parameters})


def _without(every: Mapping[str, dict[str, Scalar]], records: Iterable[TrialRecord]) -> list[dict[str, Scalar]]:
    tried = _keys(records)
    return [parameters for key, parameters in every.items() if key not in tried]


def possible_trials(space: Space, records: Iterable[TrialRecord] = ()) -> int | None:
    """Returns the number of trials that a study can have; None if there is no end of configurations."""
    begun, repeats = list(records), space.sampler.repeats
    left = Untried(space).count(begun)
    return None if left is None else max(len(begun), (math.ceil(len(begun) / repeats) + left) * repeats)


def _keys(records: Iterable[TrialRecord]) -> set[str]:
    return {_key(record.config) for record in records}


def _key(config: Mapping[str, Any]) -> str:
    """Returns a text that is equal for equal configurations: 16.0 is 16, and True is not 1."""
    plain = {
        name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in config.items()
    }
    return json.dumps(plain, sort_keys=True)


def _draw(search: Mapping[str, Range], generator: random.Random) -> dict[str, Scalar]:
    values: dict[str, Scalar] = {}
    for name, searched in search.items():
        if holds(searched.when, values):
            values[name] = _draw_value(searched, generator)
    return values


def _draw_value(searched: Range, generator: random.Random) -> Scalar:
    if isinstance(searched, Choice):
        return generator.choice(searched.options)
    if isinstance(searched, IntRange) and not searched.log:
        return generator.randrange(searched.low, searched.high + 1, searched.step)
    low, high = (math.log(searched.low), math.log(searched.high)) if searched.log else (searched.low, searched.high)
    drawn = generator.uniform(low, high)
    value = min(max(math.exp(drawn) if searched.log else drawn, searched.low), searched.high)
    return round(value) if isinstance(searched, IntRange) else value


def _distance(one: Mapping[str, Any], other: Mapping[str, Any], search: Mapping[str, Range]) -> float:
    """Returns the sum over parameters: the share of a numeric range, and 1 for another option or a missing value."""
    return math.fsum(
        _between(search[name], one[name], other[name]) if name in one and name in other else 1.0
        for name in {*one, *other}
    )


def _between(searched: Range, one: Any, other: Any) -> float:
    if isinstance(searched, Choice):
        return float(one != other or isinstance(one, bool) != isinstance(other, bool))
    scale = math.log if searched.log else float
    return abs(scale(one) - scale(other)) / (scale(searched.high) - scale(searched.low))
