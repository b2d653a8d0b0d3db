"""Variables of launchers, which would make torch wait for processes that kotune does not start."""

from __future__ import annotations

import inspect
import re

import pytest
from accelerate import state
from accelerate.utils import environment as accelerate_environment

from foundation.launchers import WORKER_VARIABLES, drop_launcher_variables

#: As torchrun, PyTorchJob, `accelerate launch`, Open MPI and Intel MPI set them.
LAUNCHED = {
    "RANK": "0",
    "WORLD_SIZE": "2",
    "LOCAL_RANK": "0",
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_RUN_ID": "none",
    "PET_NNODES": "2",
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_OFFLOAD_PARAMS": "true",
    "OMPI_COMM_WORLD_SIZE": "2",
    "PMI_SIZE": "2",
    "MPI_LOCALRANKID": "0",
    "MV2_COMM_WORLD_RANK": "0",
}


def test_only_the_variables_of_launchers_are_dropped() -> None:
    """Those of Slurm stay, because no library of a trial takes them for a rank."""
    others = {"PATH": "/bin", "SLURM_PROCID": "0", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "0"}
    environment = {**LAUNCHED, **others}
    assert drop_launcher_variables(environment) == sorted(LAUNCHED)
    assert environment == others


def test_the_variables_of_ray_train_stay_for_several_workers() -> None:
    """Ray Train sets them for the workers of a trial."""
    environment = dict(LAUNCHED)
    drop_launcher_variables(environment, workers=2)
    assert set(environment) == set(LAUNCHED) & set(WORKER_VARIABLES)


def test_no_variable_of_accelerate_is_missing() -> None:
    """Every variable that accelerate takes for a rank, a size or a type of training is dropped."""
    source = inspect.getsource(state) + inspect.getsource(accelerate_environment.get_cpu_distributed_information)
    names = set(re.findall(r'"([A-Z][A-Z0-9]*_[A-Z0-9_]*|RANK)"', source))
    names = {name for name in names if re.search(r"RANK|SIZE|MASTER|USE_(CPU|DEEPSPEED|FSDP|MEGATRON)", name)}
    assert len(names) > 15
    assert drop_launcher_variables(dict.fromkeys(names, "1")) == sorted(names)


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "LOCAL_RANK"])
def test_accelerate_reads_a_variable(name: str) -> None:
    """Otherwise dropping it has no effect."""
    assert f'"{name}"' in inspect.getsource(state)
