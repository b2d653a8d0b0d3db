"""How many slots fit; the expected numbers are counted by hand."""

from __future__ import annotations

from typing import Any

import pytest

from foundation.errors import UserError
from search_spaces.draft import from_dict
from search_spaces.schema import Space
from tuning.cluster.resources import Machine, plan_slots, room


def space(trials: int = 100, **slots: Any) -> Space:
    """A space with these slot settings."""
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
        ({"gpus_per_worker": 0.0}, [Machine(4, 2)], 4),  # GPUs are ignored
        ({"workers_per_trial": 4}, [Machine(8, 4), Machine(8, 4)], 2),
        ({}, [Machine(2, 4)], 2),  # too few CPUs for its GPUs
        ({"count": 1}, [Machine(8, 0)], 1),
    ],
)
def test_as_many_slots_as_fit(slots: dict[str, Any], machines: list[Machine], expected: int) -> None:
    """By default a worker uses a GPU if there are GPUs, and a CPU otherwise."""
    assert plan_slots(space(**slots), machines).slots == expected


def test_never_more_slots_than_trials() -> None:
    """Three trials need no more than three slots."""
    assert plan_slots(space(trials=3), [Machine(64, 0)]).slots == 3


def test_workers_and_the_owner_fit_in_whole_cpus() -> None:
    """Two workers of one CPU and their owner's share must fit in exactly two CPUs."""
    from tuning.cluster.resources import OWNER_CPUS

    plan = plan_slots(space(), [Machine(2, 0)])
    assert plan.slots * (plan.shape.cpus + OWNER_CPUS) <= 2


@pytest.mark.parametrize(
    ("slots", "machine", "message"),
    [
        ({"gpus_per_worker": 1.0}, Machine(8, 0), "available: 8 CPUs and 0 GPUs"),
        ({"workers_per_trial": 9}, Machine(8, 0), "one trial needs 9 worker"),
        ({"count": 9}, Machine(8, 0), "at most 8"),
        ({"count": "1:4", "gpus_per_worker": 1.0}, Machine(8, 0), "available: 8 CPUs and 0 GPUs"),
        ({"gpus_per_worker": 0.5, "workers_per_trial": 2}, Machine(8, 2), "NCCL"),
        ({"gpus_per_worker": 2.0}, Machine(8, 2), "at most 1"),
    ],
)
def test_slots_that_do_not_fit_are_refused(slots: dict[str, Any], machine: Machine, message: str) -> None:
    """Before anything starts."""
    with pytest.raises(UserError) as caught:
        plan_slots(space(**slots), [machine])
    assert message in str(caught.value)


def test_a_range_follows_the_cluster() -> None:
    """The machines now, and those that may start; no more slots than trials."""
    plan = plan_slots(space(count="2:8"), [Machine(3, 0)])
    assert (plan.slots, plan.min_slots, plan.max_slots, plan.limit, plan.autoscales) == (3, 2, 8, 8, True)
    assert plan.description == "2 to 8 slots × 1 worker (1 CPU each)"
    few = plan_slots(space(trials=3, count="4:8"), [Machine(16, 0)])
    assert (few.slots, few.min_slots, few.limit) == (3, 3, 3)


def test_machines_that_can_start_count() -> None:
    """A head without CPUs and GPU machines that start on request; or machines of unknown types."""
    head, gpu = Machine(0, 0), Machine(4, 1)
    plan = plan_slots(space(count="1:4"), [head], [gpu])
    assert (plan.slots, plan.shape.gpus, plan.limit) == (0, 1.0, 4)
    assert plan_slots(space(count="1:4", gpus_per_worker=1.0), [head], None).limit == 4
    with pytest.raises(UserError, match="the cluster can start machines with 4 CPUs and 1 GPUs"):
        plan_slots(space(count="1:4", cpus_per_worker=8.0), [head], [gpu])
    with pytest.raises(UserError, match="--slots 1:8"):
        plan_slots(space(), [head], [gpu])


def test_workers_of_a_slot_can_be_on_several_machines() -> None:
    """Three workers of one GPU on two machines of two."""
    plan = plan_slots(space(workers_per_trial=3), [Machine(8, 2), Machine(8, 2)])
    assert (plan.slots, room([Machine(8, 2)], plan.shape)) == (1, 0)
