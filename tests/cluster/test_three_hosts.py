"""A search over three hosts, one of which is cut off and another killed; one trial on two of them; a blind machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks._fault_study import wait_until
from tests.cluster.hosts import missing
from tests.cluster.launched import SHARED, Cluster, launched, records

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]

_QUICK = f"--storage {SHARED} --set vocabulary=1000 --set wandb.mode=disabled --seed 1"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Three hosts of one CPU each, and Ray on them."""
    with launched(3, cpus=1) as found:
        yield found


def scores(study: str) -> dict[int, list[dict[str, float]]]:
    """Trial -> what it told, but for seconds."""
    return {
        number: [
            {key: value for key, value in result["metrics"].items() if "seconds" not in key}
            for result in record["results"]
        ]
        for number, record in records(study).items()
    }


def test_two_workers_on_two_hosts_are_two_workers(cluster: Cluster) -> None:
    """The same scores as two workers of one host, to the last bit."""
    quick = f"{_QUICK} --trials 2 --workers-per-trial 2 --set num_train_epochs=3"
    assert cluster.kotune(f"tune cnn --study apart --address auto {quick}").wait() == 0
    assert cluster.kotune(f"tune cnn --study beside {quick}").wait() == 0
    apart, beside = scores("apart"), scores("beside")
    assert len(apart[0]) == 3
    assert apart == beside


def test_a_host_that_is_cut_off_and_one_that_dies(cluster: Cluster) -> None:
    """The study ends complete, no trial failed; the host whose cable is put back works again."""
    _, second, third = cluster.hosts
    tune = cluster.kotune(
        f"tune cnn --study s --address auto --trials 12 --slots 1:3 --set num_train_epochs=8 {_QUICK}"
    )

    def told() -> int:
        return sum(len(record["results"]) for record in records("s").values())

    assert wait_until(lambda: told() >= 4, 180) is not None
    second.cut()
    time.sleep(5.0)
    third.kill()
    before = told()
    assert wait_until(lambda: told() >= before + 4, 180) is not None
    second.mend()
    assert tune.wait(600) == 0
    found: dict[int, dict[str, Any]] = records("s")
    assert len(found) == 12
    assert {record["status"] for record in found.values()} <= {"completed", "pruned"}


def test_a_folder_that_not_all_see(cluster: Cluster) -> None:
    """It is found before anything is started, and named with the machines."""
    tune = cluster.kotune("tune cnn --study s --address auto --storage /tmp/runs 2>&1")
    said, _ = tune.communicate(timeout=120)
    assert tune.returncode == 2
    assert "--storage /tmp/runs is not seen by 10.77.0.12, 10.77.0.13" in said
