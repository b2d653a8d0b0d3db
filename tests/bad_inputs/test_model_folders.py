"""Damaged exported models: `predict`, `evaluate`, `ensemble` and `models` name the folder or the file in it."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_inputs.cases import Bad, Damage
from tests.bad_inputs.damages import (
    changed,
    cut,
    fifo,
    gone,
    indexed,
    no_numbers,
    renamed_weights,
    weights_without,
    whole_weights,
    written,
)

_DATA = {"in.tsv": "긍정\t배송이 빨라요\n부정\t별로예요\n", "in.csv": "fname,dialogue,summary\na,가,나\n"}
_PREDICT = {
    "classifier": "predict models/classifier in.tsv --out out.csv",
    "writer": "predict models/writer in.csv --out out.csv",
    "both": "predict models/both in.tsv --out out.csv",
}


def _model(
    damage: Damage,
    *says: str,
    model: str = "classifier",
    command: str = "",
    parts: tuple[str, ...] = ("allowed:", "to do:"),
) -> Bad:
    return Bad(command or _PREDICT[model], says, _DATA, (f"models/{model}",), damage, parts)


def _a_pickle_for_weights(folder: Path) -> None:
    model = folder / "models" / "classifier"
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": [1.0]}))


def _a_folder_for(name: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / "models" / name).unlink()
        (folder / "models" / name).mkdir()

    return damage


def _a_circle(folder: Path) -> None:
    shutil.rmtree(folder / "models" / "classifier")
    (folder / "models" / "classifier").symlink_to("classifier")


#: What is wrong -> the input.
CASES = {
    "nowhere": Bad("predict nowhere in.tsv", ("nowhere holds no kotune.json",)),
    "a file": Bad("predict in.tsv in.tsv", ("in.tsv holds no kotune.json",), _DATA),
    "an empty folder": Bad("predict here in.tsv", ("here holds no kotune.json",), {"here/a": ""}),
    "a study instead of its model": Bad(
        "predict runs/mine in.tsv", ("runs/mine holds no kotune.json",), needs=("runs/mine",)
    ),
    "a link to itself": _model(_a_circle, "models/classifier holds no kotune.json"),
    "a name without end": Bad(f"predict {'가' * 300} in.tsv", ("holds no kotune.json",)),
    "evaluate: nowhere": Bad("evaluate nowhere --data in.tsv", ("nowhere holds no kotune.json",), _DATA),
    "ensemble: nowhere": Bad(
        "ensemble nowhere models/classifier --out new", ("nowhere: neither a study",), needs=("models/classifier",)
    ),
    "models: nowhere": Bad("models here", ("here holds no kotune.json",), {"here/a": ""}),
    # kotune.json
    "kotune.json: gone": _model(gone("classifier/kotune.json"), "models/classifier", "kotune.json"),
    "kotune.json: empty": _model(written("classifier/kotune.json", ""), "models/classifier", "kotune.json"),
    "kotune.json: cut": _model(cut("classifier/kotune.json", 100), "models/classifier", "kotune.json"),
    "kotune.json: invalid bytes": _model(
        written("classifier/kotune.json", b"\xff\xfe"), "models/classifier", "kotune.json"
    ),
    "kotune.json: a folder": _model(_a_folder_for("classifier/kotune.json"), "models/classifier", "kotune.json"),
    "kotune.json: an unknown task": _model(changed("classifier/kotune.json", task="clasification"), "clasification"),
    "kotune.json: an unknown option": _model(
        changed("classifier/kotune.json", task_options={"lables": []}), "lables", parts=("allowed:",)
    ),
    "kotune.json: a list": _model(written("classifier/kotune.json", "[]"), "classifier/kotune.json is []"),
    "kotune.json: no task": _model(changed("classifier/kotune.json", task=...), "kotune.json: task is missing"),
    "kotune.json: a list as task": _model(changed("classifier/kotune.json", task=["a"]), "kotune.json: task is ['a']"),
    "kotune.json: no options": _model(changed("classifier/kotune.json", task_options=...), "task_options is missing"),
    "kotune.json: options as list": _model(changed("classifier/kotune.json", task_options=[]), "task_options is []"),
    "kotune.json: no columns": _model(changed("classifier/kotune.json", columns=...), "columns is missing"),
    "kotune.json: columns as text": _model(changed("classifier/kotune.json", columns="a"), "columns is 'a'"),
    "kotune.json: a word as length": _model(
        changed("classifier/kotune.json", max_source_length="long"), "max_source_length is 'long'"
    ),
    "kotune.json: no length": _model(changed("classifier/kotune.json", max_source_length=0), "max_source_length is 0"),
    "kotune.json: labels are numbers": _model(
        changed("classifier/kotune.json", task_options={"labels": [0, 1]}),
        "kotune.json: task_options: labels[0] is 0",
    ),
    "kotune.json: no labels": _model(
        changed("classifier/kotune.json", task_options={"labels": []}), "kotune.json names 0 classes"
    ),
    "kotune.json: more labels than the head": _model(
        changed("classifier/kotune.json", task_options={"labels": ["a", "b", "c"]}), "kotune.json names 3 classes"
    ),
    "members: one with other classes": _model(
        changed("both/1-mine/kotune.json", task_options={"labels": ["a", "b"]}), "other classes", model="both"
    ),
    "kotune.json: an unknown quoting": _model(changed("classifier/kotune.json", quoting="some"), "quoting is 'some'"),
    "kotune.json: unknown broken rows": _model(
        changed("classifier/kotune.json", broken_rows="mend"), "broken_rows is 'mend'"
    ),
    # weights and configuration
    "weights: gone": _model(gone("classifier/model.safetensors"), "models/classifier"),
    "weights: cut": _model(cut("classifier/model.safetensors", 1000), "models/classifier"),
    "weights: empty": _model(written("classifier/model.safetensors", b""), "models/classifier"),
    "weights: a text": _model(written("classifier/model.safetensors", "no tensors here" * 99), "models/classifier"),
    "weights: a header without end": _model(written("classifier/model.safetensors", b"\xff" * 64), "models/classifier"),
    "weights: a folder": _model(_a_folder_for("classifier/model.safetensors"), "models/classifier"),
    "config.json: gone": _model(gone("classifier/config.json"), "models/classifier"),
    "config.json: cut": _model(cut("classifier/config.json", 50), "models/classifier"),
    "config.json: a list": _model(written("classifier/config.json", "[]"), "models/classifier"),
    "config.json: invalid bytes": _model(written("classifier/config.json", b"\xff\xfe\xff"), "models/classifier"),
    "config.json: an unknown type": _model(
        changed("classifier/config.json", model_type="kotune-gnn"), "models/classifier", "its own code"
    ),
    "config.json: no type": _model(changed("classifier/config.json", model_type=...), "models/classifier"),
    "config.json: a word for a size": _model(
        changed("classifier/config.json", hidden_size="large"), "models/classifier"
    ),
    "config.json: another size": _model(changed("classifier/config.json", hidden_size=7), "models/classifier"),
    "config.json: another vocabulary": _model(changed("classifier/config.json", vocab_size=7), "models/classifier"),
    "config.json: three classes": _model(
        changed("classifier/config.json", id2label={"0": "가", "1": "나", "2": "다"}), "models/classifier"
    ),
    "config.json: another kind of model": _model(
        changed("writer/config.json", model_type="bert"), "models/writer", model="writer"
    ),
    # ensembles
    "members: an absolute name": _model(changed("both/kotune.json", members=["/etc", "1-mine"]), "/etc", model="both"),
    "members: one that is not there": _model(
        changed("both/kotune.json", members=["0-mine", "7-mine"]), "7-mine", model="both"
    ),
    "members: a text": _model(
        changed("both/kotune.json", members="0-mine"), "both/kotune.json: members is '0-mine'", model="both"
    ),
    "members: themselves": _model(changed("both/kotune.json", members=[".", "."]), "models/both", model="both"),
    "members: one without weights": _model(gone("both/1-mine/model.safetensors"), "both/1-mine", model="both"),
    "members: one without settings": _model(
        gone("both/0-mine/kotune.json"), "both/0-mine holds no kotune.json", model="both"
    ),
    "weights: a pickle": _model(_a_pickle_for_weights, "models/classifier"),
    "weights: an index of a pickle": _model(
        indexed("classifier", a="weights.bin"), "models/classifier/model.safetensors.index.json", "'weights.bin'"
    ),
    "weights: an index that leads out": _model(
        indexed("classifier", a="../writer/model.safetensors"), "index.json: weight_map, 'a': '../writer/"
    ),
    "weights: an index of a system file": _model(indexed("classifier", a="/etc/passwd"), "'/etc/passwd'"),
    "weights: an index of files that are gone": _model(
        indexed("classifier", a="a.safetensors"), "models/classifier/a.safetensors is missing"
    ),
    "weights: an index of numbers": _model(indexed("classifier", a=5), "weight_map.a is 5"),
    "weights: an index of nothing": _model(indexed("classifier"), "names no weights"),
    "weights: a FIFO": _model(fifo("classifier/model.safetensors"), "model.safetensors is no regular file"),
    "weights: a pointer of Git LFS": _model(
        written("classifier/model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        "model.safetensors is a pointer of Git LFS",
    ),
    "weights: NaN": _model(no_numbers("classifier"), "models/classifier' has weights that are not finite"),
    "weights: NaN in a writer": _model(no_numbers("writer"), "models/writer' has weights that are not", model="writer"),
    "weights: renamed": _model(renamed_weights("classifier"), "models/classifier' lacks ", "would be random"),
    "weights: without a classifier": _model(weights_without("classifier", "classifier"), "lacks 2 of"),
    "weights: without a decoder": _model(weights_without("writer", "decoder"), "models/writer' lacks ", model="writer"),
    "weights: whole numbers": _model(whole_weights("classifier"), "classifier/model.safetensors: ", "is of type I8"),
    "weights: more than the model has": _model(
        changed("regressor/config.json", num_hidden_layers=1),
        "models/regressor' has weights that its",
        command="predict models/regressor in.tsv --out out.csv",
        model="regressor",
    ),
    "evaluate: weights that are NaN": _model(
        no_numbers("classifier"), "not finite", command="evaluate models/classifier --data in.tsv"
    ),
    "ensemble: weights that are NaN": _model(
        no_numbers("classifier"),
        "not finite",
        command="ensemble models/classifier models/classifier --out new",
    ),
    "tune: weights that are NaN": _model(
        no_numbers("writer"), "not finite", model="writer", command="tune kobart --model models/writer"
    ),
    "tune: weights without a decoder": _model(
        weights_without("writer", "decoder"), "lacks ", model="writer", command="tune kobart --model models/writer"
    ),
    "train: an encoder of another size": _model(
        changed("regressor/config.json", num_hidden_layers=9),
        "would be random",
        model="regressor",
        command="train kcbert --model models/regressor --set sample=reviews",
    ),
    "config.json: a pickle as weights": _model(
        changed("classifier/config.json", transformers_weights="adapter_model.bin"), "'adapter_model.bin'"
    ),
    "config.json: a kernel on the hub": _model(
        changed("writer/config.json", attn_implementation="some/kernel"),
        "some/kernel is code on the hub",
        model="writer",
    ),
    "config.json: a FIFO": _model(fifo("classifier/config.json"), "config.json is no regular file"),
    "generation_config.json: cut": _model(
        cut("writer/generation_config.json", 20), "writer/generation_config.json, line ", model="writer"
    ),
    "generation_config.json: a FIFO": _model(
        fifo("writer/generation_config.json"), "generation_config.json is no regular file", model="writer"
    ),
    "tokenizer.json: a FIFO": _model(fifo("classifier/tokenizer.json"), "tokenizer.json is no regular file"),
    "weights: an adapter": _model(written("classifier/adapter_config.json", "{}"), "an adapter of PEFT"),
    "tune: an index of a pickle": _model(
        indexed("writer", a="weights.bin"),
        "'weights.bin' is no file of safetensors",
        model="writer",
        command="tune kobart --model models/writer",
    ),
    "members: a name that leads out": _model(
        changed("both/kotune.json", members=["../both/0-mine", "1-mine"]), "../both/0-mine", model="both"
    ),
    "members: numbers": _model(
        changed("both/kotune.json", members=[0, 1]), "kotune.json", "members[0] is 0", model="both"
    ),
    "kotune.json: nothing in it": _model(written("classifier/kotune.json", "{}"), "classifier/kotune.json"),
    # other commands
    "evaluate: weights that are cut": _model(
        cut("classifier/model.safetensors", 1000),
        "models/classifier",
        command="evaluate models/classifier --data in.tsv",
    ),
    "evaluate: no settings": _model(
        gone("classifier/kotune.json"),
        "models/classifier holds no kotune.json",
        command="evaluate models/classifier --data in.tsv",
    ),
    "ensemble: weights that are cut": _model(
        cut("classifier/model.safetensors", 1000),
        "models/classifier",
        command="ensemble models/classifier models/classifier --out new",
    ),
    "ensemble: no configuration": _model(
        gone("classifier/config.json"),
        "models/classifier",
        command="ensemble models/classifier models/classifier --out new",
    ),
    "models: no configuration": _model(
        gone("classifier/config.json"), "models/classifier", command="models models/classifier"
    ),
    "models: a configuration that is cut": _model(
        cut("classifier/config.json", 50), "models/classifier", command="models models/classifier"
    ),
    "models: an unknown type": _model(
        changed("classifier/config.json", model_type="kotune-gnn"),
        "models/classifier",
        command="models models/classifier",
    ),
    "models: an ensemble": _model(
        lambda folder: None, "models/both is an ensemble", model="both", command="models models/both"
    ),
    "models: an unknown task": _model(
        changed("classifier/kotune.json", task="clasification"), "clasification", command="models models/classifier"
    ),
    # models to start from
    "tune: a folder without a model": Bad(
        "tune kcbert --model here --set sample=reviews", ("model 'here' cannot be loaded",), {"here/a": ""}
    ),
    "tune: a configuration that is cut": _model(
        cut("classifier/config.json", 50),
        "models/classifier",
        command="tune rnn --model models/classifier --set sample=reviews",
    ),
    "tune: a writer for classes": _model(
        lambda folder: None, "models/regressor", model="regressor", command="tune kobart --model models/regressor"
    ),
    "train: a folder without a model": Bad(
        "train kcbert --model here --set sample=reviews", ("model 'here' cannot be loaded",), {"here/a": ""}
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_model_is_refused(name: str, refused: Callable[[Bad], str]) -> None:
    """The message names the folder, and the file in it where one is damaged."""
    refused(CASES[name])
