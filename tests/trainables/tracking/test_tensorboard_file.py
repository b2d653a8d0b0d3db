"""TensorBoard shows what `metrics.jsonl` has, and the configuration of each trial."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData
from tensorboardX.record_writer import masked_crc32c

from foundation import buckets
from tests.trainables.reporters import RecordingReporter
from trainables.tracking.metrics_file import METRICS
from trainables.tracking.run_settings import TensorBoardSettings
from trainables.tracking.tensorboard_file import TensorBoardFile
from trainables.training.callbacks import SaveOnShutdown
from trainables.training.job import Job
from trainables.training.reports import Decision, Interrupted, Report, TrialFailed
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache

MakeJob = Callable[..., Job]

CONFIG = {"num_train_epochs": 2, "logging_steps": 2, "optim": "adamw_torch", "fp16": False}
SETTINGS = {"config": CONFIG, "columns": {**CONFIG, "length_penalty": 1.0}, "metric": "loss", "mode": "min"}


def events_of(content: bytes) -> list[Any]:
    """The events of a file: records of length, its checksum, content, its checksum."""
    events = []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        body, rest = content[12 : 12 + length], content[12 + length :]
        assert struct.pack("<I", masked_crc32c(content[:8])) == content[8:12]
        assert struct.pack("<I", masked_crc32c(body)) == rest[:4]
        events.append(Event.FromString(body))
        content = rest[4:]
    return events


def events_in(folder: Path) -> list[Any]:
    """The events of the only event file in a folder."""
    (file,) = folder.glob("events.out.tfevents.*")
    return events_of(file.read_bytes())


def scalars(events: list[Any]) -> list[tuple[int, float, str, float]]:
    """(step, time, name, value) of every number, as written."""
    values = [(event, value) for event in events for value in event.summary.value]
    return [
        (event.step, event.wall_time, value.tag, value.simple_value) for event, value in values if value.tag[:1] != "_"
    ]


def hparams(events: list[Any]) -> list[Any]:
    """The data of the page HPARAMS."""
    values = [value for event in events for value in event.summary.value if value.tag.startswith("_hparams_/")]
    return [HParamsPluginData.FromString(value.metadata.plugin_data.content) for value in values]


def expected(folder: Path) -> list[tuple[int, float, str, float]]:
    """What a trial's `metrics.jsonl` has, by the names in TensorBoard, in single precision as there."""
    rows = [json.loads(line) for line in (folder / METRICS).read_text(encoding="utf-8").splitlines()]
    result, best = [], math.inf
    for row in rows:
        step, time = row.pop("step"), row.pop("time")
        for name, value in row.items():
            kind = "eval" if name.startswith("eval_") else "train"
            result.append((step, time, f"{kind}/{name.removeprefix('eval_')}", single(value)))
        if "eval_loss" in row:
            best = min(best, row["eval_loss"])
            result.append((step, time, "best/loss", single(best)))
    return result


def single(value: float) -> float:
    result: float = struct.unpack("f", struct.pack("f", value))[0]
    return result


def test_the_event_file_has_the_rows_of_the_metrics_file(make_job: MakeJob, tmp_path: Path) -> None:
    """Each step once, also after an interruption, and when a killed process has written later steps.

    34 rows in batches of 8 are 5 steps an epoch: losses at 2, 4, 6, 8, 10 and evaluations at 5 and 10.
    """
    job = make_job(tmp_path, config=CONFIG, tensorboard=SETTINGS)
    shutdown = SaveOnShutdown(lambda step: (step >= 7, step + 1), lambda: False)
    with pytest.raises(Interrupted):
        run_trial(job, RecordingReporter(), WorkerCache(), [shutdown])
    assert scalars(events_in(tmp_path)) == expected(tmp_path)
    assert not any(data.HasField("session_end_info") for data in hparams(events_in(tmp_path)))
    with (tmp_path / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": 8, "time": 1.0, "loss": 1.0}) + "\n")
    run_trial(job, RecordingReporter(), WorkerCache())
    events = events_in(tmp_path)
    assert scalars(events) == expected(tmp_path)
    assert [step for step, _, name, _ in scalars(events) if name == "train/loss"] == [2, 4, 6, 8, 10]
    assert [step for step, _, name, _ in scalars(events) if name == "best/loss"] == [5, 10]
    assert hparams(events)[-1].HasField("session_end_info")


class _Interrupting:
    """Ends the search at the first evaluation."""

    def report(self, report: Report) -> Decision:
        return Decision.INTERRUPT


def test_an_evaluation_that_is_repeated_is_there_once(make_job: MakeJob, tmp_path: Path) -> None:
    """A trial that is interrupted at a rung evaluates again there when it continues."""
    job = make_job(tmp_path, config=CONFIG, tensorboard=SETTINGS)
    with pytest.raises(Interrupted):
        run_trial(job, _Interrupting(), WorkerCache())
    run_trial(job, RecordingReporter(), WorkerCache())
    assert scalars(events_in(tmp_path)) == expected(tmp_path)
    assert [step for step, _, name, _ in scalars(events_in(tmp_path)) if name == "eval/loss"] == [5, 10]


def test_a_trial_is_shown_with_its_configuration(tmp_path: Path) -> None:
    """The columns are those of all trials; a secret is hidden, a list is text, null is left out."""
    config = {
        "learning_rate": 1e-3,
        "fp16": True,
        "optim": "sgd",
        "bad": [1],
        "none": None,
        "hub_token": "hf_" + "a" * 30,
    }
    settings = TensorBoardSettings(config=config, columns={"more": 1, **config}, metric="loss", mode="min")
    file = TensorBoardFile(tmp_path, str(tmp_path), settings)
    file.write({(1, "step"): b'{"step": 1, "time": 5.0, "loss": null}'}, ended=True)
    file.close()
    columns, start, end = hparams(events_in(tmp_path))
    assert [info.name for info in columns.experiment.hparam_infos] == [
        "more",
        *[name for name in config if name != "none"],
    ]
    assert [info.name.tag for info in columns.experiment.metric_infos] == ["best/loss"]
    values = {
        name: getattr(value, value.WhichOneof("kind")) for name, value in start.session_start_info.hparams.items()
    }
    assert values.pop("hub_token") != config["hub_token"]
    assert values == {"learning_rate": 1e-3, "fp16": True, "optim": "sgd", "bad": "[1]"}
    assert end.session_end_info.status == 1  # success
    (loss,) = scalars(events_in(tmp_path))
    assert loss[:3] == (1, 5.0, "train/loss")
    assert math.isnan(loss[3])


def test_a_line_that_changed_starts_a_new_file(tmp_path: Path) -> None:
    """Also a file that somebody deleted; lines that are new are added to the file."""
    lines = {(step, "step"): json.dumps({"step": step, "time": 1.0, "loss": step}).encode() for step in (1, 2, 3)}
    file = TensorBoardFile(tmp_path, str(tmp_path), TensorBoardSettings(**SETTINGS))

    def name_after(number: int) -> str:
        file.write({key: lines[key] for key in [*lines][:number]}, ended=False)
        assert [value for *_, value in scalars(events_in(tmp_path))] == [
            json.loads(line)["loss"] for line in [*lines.values()][:number]
        ]
        return next(tmp_path.iterdir()).name

    first = name_after(1)
    assert name_after(2) == first
    lines[2, "step"] = lines[2, "step"].replace(b'"loss": 2', b'"loss": 7')
    second = name_after(3)
    assert second != first
    (tmp_path / second).unlink()
    assert name_after(3) not in (first, second)


def test_the_event_file_of_a_trial_in_a_bucket_is_there(bucket: str, tmp_path: Path) -> None:
    """One file, also after the trial continued on another machine."""
    lines = {(1, "step"): b'{"step": 1, "time": 1.0, "loss": 2.0}'}
    for machine in ("one", "other"):
        file = TensorBoardFile(tmp_path / machine, f"{bucket}/trial", TensorBoardSettings(**SETTINGS))
        file.write(lines, ended=False)
        lines[2, "step"] = b'{"step": 2, "time": 2.0, "loss": 1.0}'
        file.write(lines, ended=True)
        file.close()
    (name,) = buckets.sizes(f"{bucket}/trial")
    assert name.startswith("events.out.tfevents.")  # by which TensorBoard recognises it
    content = buckets.read(f"{bucket}/trial/{name}") or b""
    assert scalars(events_of(content)) == [(1, 1.0, "train/loss", 2.0), (2, 2.0, "train/loss", 1.0)]


def test_a_trial_that_fails_is_not_shown_as_finished(make_job: MakeJob, tmp_path: Path) -> None:
    """What it logged is there, with a loss that is no number."""
    config = {"learning_rate": 1e30, "max_grad_norm": 0, "logging_steps": 1}
    with pytest.raises(TrialFailed):
        run_trial(make_job(tmp_path, config=config, tensorboard=SETTINGS), RecordingReporter(), WorkerCache())
    events = events_in(tmp_path)
    assert any(math.isnan(value) for _, _, name, value in scalars(events) if name == "train/loss")
    assert not any(data.HasField("session_end_info") for data in hparams(events))


def test_without_tensorboard_there_is_no_event_file(make_job: MakeJob, tmp_path: Path) -> None:
    """The default."""
    run_trial(make_job(tmp_path), RecordingReporter(), WorkerCache())
    assert (tmp_path / METRICS).exists()
    assert not [*tmp_path.glob("events*")]
