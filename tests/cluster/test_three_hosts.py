"""A search over three hosts, one of which is cut off and another killed; one trial on two of them; a blind machine."""

from __future__ import annotations

from collections.abc import Iterator

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
    split_by, beside = scores("split_by"), scores("beside")
    assert len(split_by[0]) == 3
    assert split_by == beside


def test_a_host_that_is_cut_off_and_one_that_dies(cluster: Cluster) -> None:
    """Their trials go on on the third; the host whose cable is put back works again; no trial failed."""
    _, second, third = cluster.hosts
    quick = f"{_QUICK} --trials 40 --set num_train_epochs=8 --set scheduler.name=none"
    tune = cluster.kotune(f"tune cnn --study s --address auto --slots 1:3 {quick}")
    assert wait_until(lambda: len(cluster.machines()[1]) == 3 and len(told(running())) == 3, 120) is not None
    before = running()
    second.cut()
    third.kill()
    noticed = wait_until(lambda: cluster.machines()[0] == 1, 60)
    assert noticed is not None
    print(f"after {noticed:.0f} s Ray had noticed")
    took = wait_until(lambda: all(went_on(number, before) for number in before), 120)
    assert took is not None, before
    print(f"{took:.0f} s later every trial that ran had told more")
    assert cluster.machines() == (1, {"kotune-host-1"})
    second.mend()
    took = wait_until(lambda: cluster.machines()[1] == {"kotune-host-1", "kotune-host-2"}, 120)
    assert took is not None
    print(f"{took:.0f} s after its cable was put back the host worked again")
    assert tune.wait(300) == 0
    found = records("s")
    assert len(found) == 40
    assert {record["status"] for record in found.values()} == {"completed"}


def running() -> dict[int, int]:
    """Trials that run -> how many results they told."""
    return {number: len(record["results"]) for number, record in records("s").items() if record["status"] == "running"}


def told(trials: dict[int, int]) -> list[int]:
    """Those that have told something."""
    return [number for number, results in trials.items() if results]


def went_on(number: int, before: dict[int, int]) -> bool:
    """Whether a trial told more than before, or is over."""
    now = running()
    return number not in now or now[number] > before[number]


def test_a_folder_that_not_all_see(cluster: Cluster) -> None:
    """It is found before anything is started, and named with the machines."""
    tune = cluster.kotune("tune cnn --study s --address auto --storage /tmp/runs 2>&1")
    said, _ = tune.communicate(timeout=120)
    assert tune.returncode == 2
    assert "--storage /tmp/runs is not seen by 10.77.0.12, 10.77.0.13" in said
