"""Environment variables with which a launcher makes a process one of several workers of a training.

kotune starts the workers of a trial itself, and torch would wait for the other processes of the launcher forever.
"""

from __future__ import annotations

from collections.abc import MutableMapping

#: What Ray Train and torchrun set for each worker; `torch.distributed` reads these.
WORKER_VARIABLES = (
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "GROUP_WORLD_SIZE"),
    *("ROLE_RANK", "ROLE_NAME", "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
)
#: Variables of MPI launchers that accelerate takes for a rank or a number of processes.
_MPI = (
    *("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    *("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    *("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"),
)
#: Beginnings of the names of torchrun, of `accelerate launch` with its plug-ins, and of SageMaker's data parallelism.
_PREFIXES = ("TORCHELASTIC_", "PET_", "ACCELERATE_", "FSDP_", "MEGATRON_LM_", "PARALLELISM_CONFIG_", "SMDATAPARALLEL_")
#: What Ray Train sets itself, and what changes messages only.
_HARMLESS = ("ACCELERATE_TORCH_DEVICE", "ACCELERATE_LOG_LEVEL", "ACCELERATE_ENABLE_RICH")


def drop_launcher_variables(environment: MutableMapping[str, str], *, workers: int = 1) -> list[str]:
    """Removes the variables of launchers from `environment` and returns their names, sorted.

    Args:
        workers: the number of workers of which this process is one; with several, those of Ray Train stay.
    """
    names = {*_MPI, *(WORKER_VARIABLES if workers == 1 else ())}
    dropped = [
        name for name in sorted(environment) if name in names or (name.startswith(_PREFIXES) and name not in _HARMLESS)
    ]
    for name in dropped:
        del environment[name]
    return dropped
