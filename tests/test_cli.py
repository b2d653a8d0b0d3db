"""The commands as a user meets them: quick help, and every mistake one message and exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from safetensors import SafetensorError

from corpora.samples.dialogues import write_samples
from delivery.sessions import session

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, typed: Callable[[Sequence[str]], tuple[int, str, str]], tmp_path: Path) -> Run:
    """Calls kotune in an empty folder; answers exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    return lambda *arguments: typed([*map(str, arguments)])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three small CSV files."""
    return write_samples(tmp_path_factory.mktemp("data"), train=24, dev=8, test=8)


def test_the_version_and_the_completion_of_a_shell(run: Run) -> None:
    """`--version` prints that of the package; `--help` lists the options that complete commands in a shell."""
    assert run("--version") == (0, f"kotune {version('kotune')}\n", "")
    assert "--install-completion" in run("--help")[1]


def test_help_imports_nothing_heavy() -> None:
    """`--help` may load neither torch nor ray nor transformers: they take seconds."""
    code = (
        "import sys, cli\n"
        "sys.argv = ['kotune', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('torch', 'ray', 'transformers', 'optuna', 'wandb') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"
    assert "tune" in answer.stdout


def test_windows_is_named_as_the_problem() -> None:
    """Not a module that it does not have, such as fcntl, in a traceback."""
    code = "import sys; sys.platform = 'win32'; sys.modules['fcntl'] = None; import cli"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.startswith("kotune: runs on Linux and macOS; on Windows use WSL: https://")
    assert answer.stderr.count("\n") == 1


def test_spaces_lists_what_is_shipped(run: Run) -> None:
    """The table names the space and its first parameter."""
    code, out, _ = run("spaces")
    assert code == 0
    assert "kobart" in out
    assert "learning_rate" in out


def test_spaces_breaks_no_name_in_a_narrow_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown of a space and its model can be typed."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")  # as in a terminal
    monkeypatch.setenv("TERM", "dumb")
    code, out, _ = run("spaces")
    assert code == 0
    assert max(map(len, out.splitlines())) == 80
    assert all(name in out for name in ("kobart", "digit82/kobart-summarization", "beomi/kcbert-base"))


def test_a_dry_run_prints_the_resolved_study_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    """What is printed is YAML that holds what was set; no folder appears."""
    given = ["--trials", 5, "--set", "num_train_epochs=2", "--range", "optim=choice:adamw_torch,adafactor"]
    code, out, _ = run("tune", "kobart", "--dry-run", *given)
    assert code == 0
    resolved = yaml.safe_load(out)
    assert resolved["budget"]["trials"] == 5
    assert resolved["fixed"]["num_train_epochs"] == 2
    assert resolved["search"]["optim"]["choice"] == ["adamw_torch", "adafactor"]
    assert resolved["data"]["embedded"] is True
    assert list(tmp_path.iterdir()) == []


MISTAKES = {
    "an unknown space": (["tune", "kobat"], "did you mean 'kobart'?"),
    "an unknown key": (["tune", "kobart", "--set", "lerning_rate=1e-4"], "did you mean 'learning_rate'?"),
    "an unknown parameter in a range": (["tune", "kobart", "--range", "warmup_ration=float:0:0.1"], "warmup_ratio"),
    "an unknown metric": (["tune", "kobart", "--set", "metric=rouge"], "rouge_sum"),
    "a range upside down": (["tune", "kobart", "--range", "num_beams=int:8:1"], "num_beams=int:8:1"),
    "a word for a number": (["tune", "kobart", "--set", "num_train_epochs=many"], "num_train_epochs: 'many'"),
    "an optimizer there is none of": (["tune", "kobart", "--set", "optim=adamw_trch"], "adamw_trch"),
    "what the search sets itself": (["tune", "kobart", "--set", "output_dir=here"], "output_dir"),
    "a missing file": (["tune", "kobart", "--train", "nowhere.csv", "--model", "scratch:tiny"], "nowhere.csv"),
    "a model that cannot be loaded": (["tune", "kobart", "--model", "./nowhere"], "./nowhere"),
    "a size there is none of": (["tune", "kobart", "--model", "scratch:hugh"], "scratch:tiny"),
    "a field the model has not": (["tune", "kobart", "--set", "model.dropot=0.1"], "did you mean 'dropout'?"),
    "more GPUs than there are": (["tune", "kobart", "--gpus-per-worker", "1", "--slots", "64"], "one trial needs"),
    "more slots than fit": (["tune", "kobart", "--slots", "4096"], "--slots 4096"),
    "a study that is not there": (["resume", "nothing"], "there is no study 'nothing'"),
    "a folder that is no model": (["predict", "nowhere", "input.csv"], "kotune.json"),
    "a budget that is no time": (["tune", "kobart", "--time-budget", "soon"], "soon"),
    "a column too few": (["predict", "nowhere", "input.csv", "--header", "id"], "--header 'id'"),
    "options of files": (["predict", "nowhere", "--header", "a,b", "--workers", "2"], "--workers, --header with lines"),
    "settings of a folder": (["models", ".", "--set", "model.dropout=0.1"], "--set beside the folder ."),
    "a folder of no model": (["models", "."], "holds no kotune.json"),
    "dev without train": (["tune", "kobart", "--dev", "dev.csv", "--model", "scratch:tiny"], "train"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_message_and_exit_code_2(mistake: str, run: Run, tmp_path: Path) -> None:
    """Nothing is started, nothing is written, and there is no traceback."""
    arguments, expected = MISTAKES[mistake]
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("kotune: ")
    assert expected in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


BROKEN = {
    "an empty file": ("", "empty"),
    "only a header": ("fname,dialogue,summary\n", "row"),
    "a column missing": ("fname,dialog,summary\na,가,나\n", "dialogue"),
    "a row too short": ("fname,dialogue,summary\na,가,나\nb,가\n", "line 3"),
    "a row too long": ("fname,dialogue,summary\na,가,나,다\n", "line 2"),
    "an empty target": ("fname,dialogue,summary\na,가,\n", "line 2"),
    "an open quote": ('fname,dialogue,summary\na,"가,나\n', "line 2"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_data_is_refused_with_its_place(fault: str, run: Run, tmp_path: Path) -> None:
    """The message names the file and, where there is one, the line."""
    text, expected = BROKEN[fault]
    (tmp_path / "train.csv").write_text(text, encoding="utf-8")
    code, out, err = run("tune", "kobart", "--train", "train.csv", "--model", "scratch:tiny")
    assert (code, out) == (2, "")
    assert "train.csv" in err
    assert expected in err
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]


def test_undecodable_data_is_refused(run: Run, tmp_path: Path) -> None:
    """Bytes that are text in no known encoding."""
    (tmp_path / "train.csv").write_bytes(b"fname,dialogue,summary\na,\xff\xfe\x81\xff,b\n")
    code, _, err = run("tune", "kobart", "--train", "train.csv", "--model", "scratch:tiny")
    assert code == 2
    assert "UTF-8" in err


def test_all_mistakes_are_told_at_once(run: Run) -> None:
    """Nobody mends three mistakes in three runs."""
    _, _, err = run(
        "tune", "kobart", "--set", "lerning_rate=1", "--range", "num_beams=int:8:1", "--set", "metric=bleu9"
    )
    assert all(word in err for word in ("lerning_rate", "num_beams=int:8:1", "bleu9"))


def test_a_study_is_never_overwritten(run: Run, tmp_path: Path, data: dict[str, Path]) -> None:
    """A folder of that name stays as it is."""
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "precious").write_text("kept")
    code, _, err = run("tune", "kobart", "--study", "mine", "--train", data["train"], "--model", "scratch:tiny")
    assert code == 2
    assert "resume mine" in err
    assert [path.name for path in (tmp_path / "runs" / "mine").iterdir()] == ["precious"]


def test_own_data_is_counted_in_a_dry_run(run: Run, data: dict[str, Path]) -> None:
    """Without --dev a tenth is cut from train and said."""
    code, out, _ = run("tune", "kobart", "--train", data["train"], "--model", "scratch:tiny", "--dry-run")
    assert code == 0
    assert "no --dev: 2 rows of train became dev" in out  # a tenth of 24
    assert json.dumps(22) in out


def test_a_space_has_its_name_before_a_folder(run: Run, tmp_path: Path) -> None:
    """A clone of KcBERT may lie beside."""
    (tmp_path / "kcbert").mkdir()
    code, shown, _ = run("models", "kcbert", "--model", "scratch:tiny")
    assert code == 0
    assert "BertForSequenceClassification" in shown


@pytest.mark.parametrize(
    ("depth", "frozen", "fine"), [(2, 2, True), (1, 2, False), (1, 1, True)], ids=["deep", "shallow", "both"]
)
def test_values_are_tried_beside_those_that_they_need(depth: int, frozen: int, fine: bool, run: Run) -> None:
    """Layers are frozen beside `depth` of them only; never beside the other."""
    Path("space.yaml").write_text(
        "search:\n"
        "  model.num_hidden_layers: {choice: [2, 1], default: 2}\n"
        f"  freeze_layers: {{int: [0, {frozen}], default: 0, when: {{model.num_hidden_layers: {depth}}}}}\n"
    )
    options = ["--model", "scratch:tiny", "--config", "space.yaml", "--dry-run"]
    code, _, said = run("tune", "kcbert", *options, "--set", "sample=reviews")
    assert code == (0 if fine else 2), said
    assert fine or f"freeze_layers: {frozen}" in said


def test_a_full_disk_is_one_message_and_exit_code_1(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the base model of a new study is written, where safetensors raises an exception of its own."""

    def full(*arguments: object, **options: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(session, "start", full)
    code, _, err = run("train", "cnn", "--study", "mine")
    assert code == 1
    assert err.startswith("kotune: Error while serializing: I/O error: No space left on device (os error 28)")
    assert "resume STUDY continues a study" in err
