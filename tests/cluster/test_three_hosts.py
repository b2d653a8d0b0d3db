"""A search on three hosts: one host disconnected and one killed, a trial on two hosts, a folder that is not shared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks._fault_study import wait_until
from tests.cluster.hosts import missing_requirements
from tests.cluster.launched import SHARED, Cluster, launched, records

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(missing_requirements()), reason=missing_requirements() or "-"),
]

_QUICK = f"--storage {SHARED} --set vocabulary=1000 --set wandb.mode=disabled --seed 1"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Ray on three hosts of one CPU each."""
    with launched(3, cpus=1) as running_cluster:
        yield running_cluster


def scores(study: str) -> dict[int, list[dict[str, float]]]:
    """Returns trial -> its metrics without times."""
    return {
        number: [
            {key: value for key, value in result["metrics"].items() if "seconds" not in key}
            for result in record["results"]
        ]
        for number, record in records(study).items()
    }


def test_workers_on_two_hosts_score_like_workers_on_one(cluster: Cluster) -> None:
    """The scores are bitwise equal."""
    quick = f"{_QUICK} --trials 2 --workers-per-trial 2 --set num_train_epochs=3"
    assert cluster.kotune(f"tune cnn --study apart --address auto {quick}").wait() == 0
    assert cluster.kotune(f"tune cnn --study beside {quick}").wait() == 0
    apart, beside = scores("apart"), scores("beside")
    assert len(apart[0]) == 3
    assert apart == beside


def test_a_host_is_disconnected_and_one_is_killed(cluster: Cluster) -> None:
    """Their trials continue on the third host; the reconnected host gets workers again; no trial fails."""
    _, second, third = cluster.hosts
    quick = f"{_QUICK} --trials 40 --set num_train_epochs=8 --set scheduler.name=none"
    tune = cluster.kotune(f"tune cnn --study s --address auto --slots 1:3 {quick}")
    assert wait_until(lambda: len(cluster.machines()[1]) == 3 and len(with_results(running())) == 3, 120) is not None
    before = running()
    second.cut()
    third.kill()
    noticed = wait_until(lambda: cluster.machines()[0] == 1, 60)
    assert noticed is not None
    print(f"Ray noticed after {noticed:.0f} s")
    seconds = wait_until(lambda: all(advanced(number, before) for number in before), 120)
    assert seconds is not None, before
    print(f"{seconds:.0f} s later every running trial had a new result")
    assert cluster.machines() == (1, {"kotune-host-1"})
    second.reconnect()
    seconds = wait_until(lambda: cluster.machines()[1] == {"kotune-host-1", "kotune-host-2"}, 120)
    assert seconds is not None
    print(f"{seconds:.0f} s after the reconnection the host had workers again")
    assert tune.wait(300) == 0
    trials = records("s")
    assert len(trials) == 40
    assert {record["status"] for record in trials.values()} == {"completed"}


def running() -> dict[int, int]:
    """Returns running trials -> their number of results."""
    return {number: len(record["results"]) for number, record in records("s").items() if record["status"] == "running"}


def with_results(trials: dict[int, int]) -> list[int]:
    """Returns the trials that have results."""
    return [number for number, results in trials.items() if results]


def advanced(number: int, before: dict[int, int]) -> bool:
    """Whether a trial has more results than before, or has ended."""
    now = running()
    return number not in now or now[number] > before[number]


def test_a_folder_that_is_not_shared(cluster: Cluster) -> None:
    """The message comes before anything starts, and names the folder and the machines."""
    tune = cluster.kotune("tune cnn --study s --address auto --storage /tmp/runs 2>&1")
    output, _ = tune.communicate(timeout=120)
    assert tune.returncode == 2
    assert "--storage /tmp/runs is not seen by 10.77.0.12, 10.77.0.13" in output
