"""Damaged study folders: `resume`, `export` and `ensemble` name the file, and change nothing in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bad_inputs.cases import Bad, Damage

_MINE = Path("runs/mine")
_TRIAL = "trials/mine-0000/trial.json"


def _study(
    damage: Damage, *says: str, command: str = "resume mine", parts: tuple[str, ...] = ("allowed:", "to do:")
) -> Bad:
    return Bad(command, says, needs=("runs/mine",), damage=damage, parts=parts)


def _written(name: str, content: str | bytes) -> Damage:
    """Another content of a file of the study."""

    def damage(folder: Path) -> None:
        (folder / _MINE / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return damage


def _cut(name: str, keep: int) -> Damage:
    """A file of the study that ends early."""

    def damage(folder: Path) -> None:
        path = folder / _MINE / name
        path.write_bytes(path.read_bytes()[:keep])

    return damage


def _changed(name: str, change: Callable[[dict[str, Any]], object]) -> Damage:
    """A JSON file of the study with something changed in it."""

    def damage(folder: Path) -> None:
        path = folder / _MINE / name
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    return damage


def _trial(**changes: Any) -> Damage:
    return _changed(_TRIAL, lambda content: content.update(changes))


def _result(**changes: Any) -> Damage:
    return _changed(_TRIAL, lambda content: content["results"][0].update(changes))


def _without(name: str, key: str) -> Damage:
    return _changed(name, lambda content: content.pop(key))


def _more(line: str) -> Damage:
    """A line more in study.yaml."""

    def damage(folder: Path) -> None:
        with (folder / _MINE / "study.yaml").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    return damage


def _said_otherwise(old: str, new: str) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / _MINE / "study.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return damage


def _gone(name: str) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / _MINE / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def _a_folder_for(name: str) -> Damage:
    def damage(folder: Path) -> None:
        _gone(name)(folder)
        (folder / _MINE / name).mkdir()

    return damage


def _a_copy_of_the_trial(folder: Path) -> None:
    shutil.copytree(folder / _MINE / "trials/mine-0000", folder / _MINE / "trials/mine-0001")


def _a_circle_for(name: str) -> Damage:
    def damage(folder: Path) -> None:
        _gone(name)(folder)
        (folder / _MINE / name).symlink_to(Path(name).name)

    return damage


#: What is wrong -> the input.
CASES = {
    "no storage": Bad("resume mine", ("there is no study 'mine' in runs",)),
    "no study": _study(lambda folder: None, "there is no study 'mime'", "did you mean 'mine'?", command="resume mime"),
    "a file for the study": Bad("resume mine", ("there is no study 'mine'",), {"runs/mine": "a file"}),
    "a file for the storage": Bad("resume mine", ("there is no study 'mine'",), {"runs": "a file"}),
    "a link to itself": Bad(
        "resume mine", ("there is no study 'mine'",), damage=lambda folder: (folder / "runs").symlink_to("runs")
    ),
    "a name without end": Bad(f"resume {'가' * 300}", ("there is no study",)),
    "an empty name": _study(lambda folder: None, "there is no study ''", command="resume ''"),
    "a name that leads out": _study(
        lambda folder: None, "there is no study '../runs/mine'", command="resume ../runs/mine"
    ),
    "a name that leads out, exported": _study(
        lambda folder: None, "there is no study '../runs/mine'", command="export ../runs/mine"
    ),
    # study.yaml
    "study.yaml: gone": _study(_gone("study.yaml"), "there is no study 'mine'"),
    "study.yaml: empty": _study(_written("study.yaml", ""), "study.yaml contains None"),
    "study.yaml: a list": _study(_written("study.yaml", "- a\n"), "study.yaml contains ['a']"),
    "study.yaml: cut": _study(_cut("study.yaml", 300), "study.yaml"),
    "study.yaml: no YAML": _study(_written("study.yaml", "task: [\n"), "study.yaml, line 2"),
    "study.yaml: invalid bytes": _study(_written("study.yaml", b"task: \xff\xfe\n"), "study.yaml"),
    "study.yaml: a tag of Python": _study(_more("x: !!python/name:os.system"), "study.yaml, line"),
    "study.yaml: an unknown key": _study(_more("budgets: 3"), "study.yaml", "unknown key 'budgets'"),
    "study.yaml: a key twice": _study(_more("task: regression"), "study.yaml", "duplicate key 'task'"),
    "study.yaml: a wrong type": _study(_said_otherwise("seed: 42", "seed: many"), "study.yaml", "seed is 'many'"),
    "study.yaml: an unknown task": _study(
        _said_otherwise("task: classification", "task: clasification"), "study.yaml", "task 'clasification'"
    ),
    "study.yaml: no metric": _study(_said_otherwise("metric: accuracy", "metric: null"), "study.yaml", "metric"),
    "study.yaml: an unknown metric": _study(
        _said_otherwise("metric: accuracy", "metric: acuracy"), "study.yaml", "metric is 'acuracy'"
    ),
    "study.yaml: no direction": _study(_said_otherwise("mode: max", "mode: null"), "study.yaml", "mode"),
    "study.yaml: a folder": _study(_a_folder_for("study.yaml"), "there is no study 'mine'"),
    "study.yaml: a link to itself": _study(_a_circle_for("study.yaml"), "there is no study 'mine'"),
    "study.yaml: no data": _study(
        _said_otherwise("train.tsv", "trian.tsv"), "is missing: no ", "trian.tsv", "--train FILE"
    ),
    # trial.json
    "trial.json: empty": _study(_written(_TRIAL, ""), "mine-0000/trial.json", "line 1"),
    "trial.json: cut": _study(_cut(_TRIAL, 120), "mine-0000/trial.json", "line"),
    "trial.json: zeros": _study(_written(_TRIAL, b"\0" * 64), "mine-0000/trial.json"),
    "trial.json: invalid bytes": _study(_written(_TRIAL, b'{"number": "\xff"}'), "mine-0000/trial.json"),
    "trial.json: a list": _study(_written(_TRIAL, "[]"), "mine-0000/trial.json"),
    "trial.json: a number": _study(_written(_TRIAL, "3"), "mine-0000/trial.json"),
    "trial.json: nested without end": _study(_written(_TRIAL, "[" * 100_000), "mine-0000/trial.json"),
    "trial.json: an unknown field": _study(_trial(colour="red"), "mine-0000/trial.json", "colour"),
    "trial.json: a field missing": _study(_without(_TRIAL, "config"), "mine-0000/trial.json", "config"),
    "trial.json: a number missing": _study(_without(_TRIAL, "number"), "mine-0000/trial.json", "number"),
    "trial.json: a word for the number": _study(_trial(number="first"), "mine-0000/trial.json", "number is 'first'"),
    "trial.json: a negative number": _study(_trial(number=-1), "mine-0000/trial.json", "number is -1"),
    "trial.json: true for the number": _study(_trial(number=True), "mine-0000/trial.json", "number is True"),
    "trial.json: a number twice": _study(_a_copy_of_the_trial, "mine-0001/trial.json", "mine-0000"),
    "trial.json: a name that leads out": _study(
        _trial(trial_id="../../../up"), "mine-0000/trial.json", "trial_id: '../../../up' is not a plain file name"
    ),
    "trial.json: another name than its folder's": _study(
        _trial(trial_id="mine-0007"), "mine-0000/trial.json", "trial_id is 'mine-0007'"
    ),
    "trial.json: an absolute name": _study(
        _trial(trial_id="/etc"), "mine-0000/trial.json", "trial_id: '/etc' is not a plain file name"
    ),
    "trial.json: an unknown status": _study(_trial(status="done"), "mine-0000/trial.json", "status is 'done'"),
    "trial.json: a list for the parameters": _study(_trial(parameters=[]), "mine-0000/trial.json", "parameters is []"),
    "trial.json: null for the configuration": _study(_trial(config=None), "mine-0000/trial.json", "config is None"),
    "trial.json: a word for epochs": _study(_trial(max_epochs="many"), "mine-0000/trial.json", "max_epochs is 'many'"),
    "trial.json: no number of epochs": _study(
        _trial(max_epochs=float("nan")), "mine-0000/trial.json", "max_epochs is nan"
    ),
    "trial.json: a mapping for the results": _study(_trial(results={}), "mine-0000/trial.json", "results is {}"),
    "trial.json: a result of null": _study(_trial(results=[None]), "mine-0000/trial.json", "results"),
    "trial.json: an unknown field of a result": _study(_result(colour="red"), "mine-0000/trial.json", "colour"),
    "trial.json: a word for an epoch": _study(_result(epoch="first"), "mine-0000/trial.json", "epoch is 'first'"),
    "trial.json: a result without the metric": _study(
        _result(metrics={"loss": 1.0}), "mine-0000/trial.json", "accuracy"
    ),
    "trial.json: a word for a score": _study(
        _result(metrics={"accuracy": "good"}), "mine-0000/trial.json", "accuracy is 'good'"
    ),
    "trial.json: a score of NaN": _study(
        _result(metrics={"accuracy": float("nan")}), "mine-0000/trial.json", "accuracy is nan"
    ),
    "trial.json: a list for the scores": _study(_result(metrics=[]), "mine-0000/trial.json", "metrics is []"),
    "trial.json: completed without a result": _study(
        _trial(results=[]), "mine-0000/trial.json", "completed", "results"
    ),
    "trial.json: a folder": _study(_a_folder_for(_TRIAL), "mine-0000/trial.json"),
    "trial.json: a link to itself": _study(_a_circle_for(_TRIAL), "mine-0000/trial.json"),
    # data.json, summary.json, models
    "data.json: cut": _study(_cut("data.json", 80), "data.json", "line"),
    "data.json: a list": _study(_written("data.json", "[]"), "data.json"),
    "data.json: a number": _study(_written("data.json", "7"), "data.json"),
    "data.json: invalid bytes": _study(_written("data.json", b"\xff\xfe\xff"), "data.json"),
    "data.json: tables in a list": _study(
        _changed("data.json", lambda content: content.update(tables=[1])), "data.json", "tables"
    ),
    "data.json: a number for the splits": _study(
        _changed("data.json", lambda content: content.update(splits=3)), "data.json", "splits"
    ),
    "data.json: other rows": _study(
        _changed("data.json", lambda content: content["splits"]["train"].update(rows=7)),
        "has changed",
        "train.tsv",
    ),
    "data.json: export of what is cut": _study(_cut("data.json", 80), "data.json", command="export mine --out new"),
    "data.json: an unknown option of the task": _study(
        _changed("data.json", lambda content: content["task_options"].update(colour="red")),
        "colour",
        command="export mine --out new",
        parts=("allowed:",),
    ),
    "summary.json: cut": _study(_cut("summary.json", 80), "summary.json", "line"),
    "summary.json: a list": _study(_written("summary.json", "[]"), "summary.json"),
    "summary.json: invalid bytes": _study(
        _written("summary.json", b"\xff"), "summary.json", command="export mine --out new"
    ),
    "summary.json: a word for seconds": _study(
        _changed("summary.json", lambda content: content.update(wall_seconds="long")),
        "summary.json",
        "wall_seconds",
        command="export mine --out new",
    ),
    "export: no study": Bad("export mine", ("there is no study 'mine'",)),
    "export: a broken trial": _study(
        _cut(_TRIAL, 120), "mine-0000/trial.json", "line", command="export mine --out new"
    ),
    "export: no model": _study(
        _gone("trials/mine-0000/checkpoints"),
        "the model of trial mine-0000",
        "is lost",
        command="export mine --out new",
    ),
    "export: no data.json": _study(
        _gone("data.json"), "study 'mine' has no trials yet", command="export mine --out new", parts=("to do:",)
    ),
    "export: no tokenizer": _study(
        _gone("base_model/bpe-200/tokenizer.json"), "base_model/bpe-200", command="export mine --out new"
    ),
    "export: weights that are cut": _study(
        _cut("trials/mine-0000/checkpoints/step-00000003/model.safetensors", 100),
        "the model of trial mine-0000",
        "is lost",
        command="export mine --out new",
    ),
    "ensemble: a study without a model": _study(
        _gone("best_model"), "study mine has no exported model", command="ensemble mine mine --out both"
    ),
    "ensemble: a study with a broken space": _study(
        _written("study.yaml", "a: [\n"), "study.yaml, line 2", command="ensemble mine mine --out both"
    ),
    "ensemble: a study with a broken trial": _study(
        _cut(_TRIAL, 120), "mine-0000/trial.json", command="ensemble mine mine --out both"
    ),
    "train: a checkpoint without its trial": _study(
        _gone(_TRIAL),
        "--resume-from",
        command="train rnn --resume-from runs/mine/trials/mine-0000/checkpoints/step-00000003",
    ),
    "train: a manifest that is cut": _study(
        _cut("trials/mine-0000/checkpoints/step-00000003/manifest.json", 20),
        "is no complete checkpoint",
        command="train rnn --resume-from runs/mine/trials/mine-0000/checkpoints/step-00000003",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_study_is_refused(name: str, refused: Callable[[Bad], str]) -> None:
    """The message names the file and the place in it; the study stays as it is."""
    refused(CASES[name])
