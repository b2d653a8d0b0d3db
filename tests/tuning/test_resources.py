"""How many slots fit, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from search_spaces.errors import UserError
from search_spaces.schema import Space, from_dict
from tuning.resources import Machine, plan_slots


def space(trials: int = 100, **slots: Any) -> Space:
    """A space that asks for those slots."""
    return from_dict({"slots": slots, "budget": {"trials": trials}}, "test")


@pytest.mark.parametrize(
    ("slots", "machines", "expected"),
    [
        ({}, [Machine(2, 0)], 2),  # one CPU each
        ({"cpus_per_worker": 2.0}, [Machine(3, 0)], 1),
        ({"workers_per_trial": 2}, [Machine(4, 0)], 2),
        ({}, [Machine(16, 4)], 4),  # one GPU each
        ({"gpus_per_worker": 0.5}, [Machine(16, 2)], 4),  # two share a GPU
        ({"gpus_per_worker": 0.3}, [Machine(16, 1)], 3),
        ({"gpus_per_worker": 0.0}, [Machine(4, 2)], 4),  # as if there were no GPUs
        ({"workers_per_trial": 4}, [Machine(8, 4), Machine(8, 4)], 2),
        ({}, [Machine(2, 4)], 2),  # too few CPUs for its GPUs
        ({"count": 1}, [Machine(8, 0)], 1),
    ],
)
def test_as_many_slots_as_fit(slots: dict[str, Any], machines: list[Machine], expected: int) -> None:
    """Without other wishes a worker takes a GPU where there are GPUs, else a CPU."""
    assert plan_slots(space(**slots), machines).slots == expected


def test_never_more_slots_than_trials() -> None:
    """Three trials need no more than three slots."""
    assert plan_slots(space(trials=3), [Machine(64, 0)]).slots == 3


def test_workers_and_the_owner_fit_in_whole_cpus() -> None:
    """Two workers of one CPU and their owner's share must fit in exactly two CPUs."""
    from tuning.resources import OWNER_CPUS

    plan = plan_slots(space(), [Machine(2, 0)])
    assert plan.slots * (plan.shape.cpus + OWNER_CPUS) <= 2


@pytest.mark.parametrize(
    ("slots", "machine", "said"),
    [
        ({"gpus_per_worker": 1.0}, Machine(8, 0), "what is there: 8 CPUs and 0 GPUs"),
        ({"workers_per_trial": 9}, Machine(8, 0), "one trial needs 9 worker"),
        ({"count": 9}, Machine(8, 0), "at most 8"),
        ({"gpus_per_worker": 0.5, "workers_per_trial": 2}, Machine(8, 2), "NCCL"),
        ({"gpus_per_worker": 2.0}, Machine(8, 2), "at most 1"),
    ],
)
def test_what_does_not_fit_is_said(slots: dict[str, Any], machine: Machine, said: str) -> None:
    """Before anything is started."""
    with pytest.raises(UserError) as caught:
        plan_slots(space(**slots), [machine])
    assert said in str(caught.value)
