"""Fixtures: a bucket, a Ray, the command line, and a small base model with tables and jobs."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks._programs import free_port, serving
from corpora.samples.dialogues import generate

if TYPE_CHECKING:  # only tests that need heavy modules import them
    from trainables.training.job import Job

#: Beginnings of the names of environment variables that change what kotune, its libraries or the tests do.
CLEARED = (
    *("RANK", "WORLD_SIZE", "LOCAL_", "NODE_RANK", "GROUP_", "ROLE_", "MASTER_", "TORCHELASTIC_", "PET_", "NCCL_"),
    *(
        "SLURM_",
        "OMPI_",
        "PMI_",
        "PMIX_",
        "MPI_",
        "MV2_",
        "ACCELERATE_",
        "FSDP_",
        "MEGATRON_LM_",
        "CUDA_VISIBLE_DEVICES",
    ),
    *("PARALLELISM_CONFIG_", "SMDATAPARALLEL_"),
    *("WANDB_", "HF_", "HUGGING", "TRANSFORMERS_", "OPTUNA_", "KOTUNE_", "XDG_C", "XDG_D", "PG"),
    *("RAY_", "AWS_", "GOOGLE_", "STORAGE_EMULATOR_HOST"),
    *("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
)


def clear_environment(environment: MutableMapping[str, str]) -> None:
    """Removes the variables that a user's shell, a launcher or a scheduler may have set."""
    for name in [name for name in environment if name.startswith(CLEARED)]:
        del environment[name]


# Not in a fixture: libraries read some of these variables while the test files are imported.
clear_environment(os.environ)
# Before torch is imported: two test processes with two threads each slow each other down.
os.environ.setdefault("OMP_NUM_THREADS", "1")

#: 34 = 4 × 8 + 2 gives a short last batch, and 9 dev rows do not divide evenly among workers.
SIZES = {"train": 34, "dev": 9}


@pytest.fixture(scope="session")
def s3() -> Iterator[subprocess.Popen[bytes]]:
    """Starts an S3 server on a free port and sets the environment variables that point to it."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with serving(command, port) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test-key-id",
            "AWS_SECRET_ACCESS_KEY": "test-secret-key",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        }.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def two_cpus() -> Iterator[None]:
    """A Ray of two CPUs, for the whole test run."""
    from tuning.cluster import connection  # sets what Ray reads when it is imported

    connection.connect(None, cpus=2)
    yield
    connection.disconnect()


@pytest.fixture
def bucket(s3: subprocess.Popen[bytes]) -> str:
    """The address of a new bucket."""
    name = f"b{uuid.uuid4().hex[:12]}"
    request = urllib.request.Request(f"{os.environ['AWS_ENDPOINT_URL']}/{name}", method="PUT")
    with urllib.request.urlopen(request, timeout=30):
        return f"s3://{name}"


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Sequence[str]], tuple[int, str, str]]:
    """Runs kotune in this process with these arguments; returns exit code, stdout and stderr."""
    import cli

    def call(words: Sequence[str]) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kotune", *words])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def tiny_rows() -> dict[str, list[dict[str, str]]]:
    """Split -> rows with the roles `id`, `source` and `target`; all targets are different."""
    rows = [
        {"id": row["fname"], "source": row["dialogue"], "target": row["summary"]}
        for row in generate(sum(SIZES.values()), seed=0)
    ]
    return {"train": rows[: SIZES["train"]], "dev": rows[SIZES["train"] :]}


@pytest.fixture(scope="session")
def tiny_base(tiny_rows: dict[str, list[dict[str, str]]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a `scratch:tiny` base model with tokens for the speakers. Tests only read it."""
    from trainables.models.base_models import Recipe, prepare_base
    from trainables.tasks.registry import make_task

    folder = tmp_path_factory.mktemp("tiny") / "base_model"
    prepare_base(
        folder,
        Recipe("scratch:tiny", special_tokens=("#Person1#", "#Person2#"), seed=1),
        make_task("seq2seq", {}),
        [row[role] for row in tiny_rows["train"] for role in ("source", "target")],
    )
    return folder


@pytest.fixture(scope="session")
def tiny_tables(
    tiny_base: Path, tiny_rows: dict[str, list[dict[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Split -> folder of its tokenised table; sources up to 64 tokens, targets up to 24, ROUGE by whitespace."""
    from trainables.models.hub import load_tokenizer
    from trainables.tasks.registry import make_task
    from trainables.tasks.task import Limits

    words = load_tokenizer(str(tiny_base))
    cache = tmp_path_factory.mktemp("tables")
    task = make_task("seq2seq", {"rouge_tokenizer": "whitespace"})
    tables = {
        split: task.prepare(rows, words, Limits(source=64, target=24), cache) for split, rows in tiny_rows.items()
    }
    return {split: str(prepared.folder) for split, prepared in tables.items()}


@pytest.fixture
def make_job(tiny_base: Path, tiny_tables: dict[str, str]) -> Callable[..., Job]:
    """Creates the job of a trial of one epoch in batches of 8: `make_job(folder, **changes)`.

    Changes are fields of `Job`; those of `config` replace single parameters.
    """
    from trainables.training.job import Job

    def make(folder: Path, **changes: Any) -> Job:
        config = {
            "num_train_epochs": 1,
            "per_device_train_batch_size": 8,
            "per_device_eval_batch_size": 8,
            "learning_rate": 1e-3,
            "num_beams": 1,
            "max_new_tokens": 8,
            **changes.pop("config", {}),
        }
        usual: dict[str, Any] = {
            "trial_id": "trial-0",
            "number": 0,
            "task": "seq2seq",
            "task_options": {"rouge_tokenizer": "whitespace"},
            "base_model": str(tiny_base),
            **tiny_tables,
            "config": config,
            "seed": 7,
            "metric": "loss",
            "mode": "min",
            "eval_every": 1.0,
            "max_epochs": float(config["num_train_epochs"]),
            "folder": str(folder),
        }
        return Job.from_plain({**usual, **changes})

    return make


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """The file that the code of `own_code` creates when it runs."""
    return tmp_path / "ran"


@pytest.fixture
def own_code(tmp_path: Path, ran: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder with its own Python code; transformers' copies of it are limited to this test."""
    import sys

    from transformers import dynamic_module_utils

    from tests.own_code import make_own_code

    modules = tmp_path / "modules"
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(modules))
    monkeypatch.syspath_prepend(str(modules))
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        monkeypatch.delitem(sys.modules, name)
    return make_own_code(tmp_path / "extra", ran)
