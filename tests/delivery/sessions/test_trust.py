"""A model with code of its own on its whole way: only as far as the user says so, each time by name."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from delivery.exports.ensemble import make_ensemble
from delivery.inference.options import ModelOptions
from delivery.inference.predictor import open_model, predict_all
from delivery.sessions import finalize, session
from delivery.sessions.space_options import one_configuration, resolve_space
from delivery.sessions.study_request import StudyRequest
from foundation.errors import UserError
from tuning.studies.storage import storage_at


def order(own_code: Path, folder: Path, *, trust: bool) -> StudyRequest:
    """A training of the model in `own_code`, of one epoch."""
    files = {}
    for split, rows in (("train", 24), ("dev", 8)):
        files[f"data.{split}"] = str(folder / f"{split}.txt")
        lines = [f"{'ab'[row % 2]}\t{'가 나' if row % 2 else '다 라'} {split} {row}\n" for row in range(rows)]
        (folder / f"{split}.txt").write_text("".join(lines), encoding="utf-8")
    options = {**files, "model": str(own_code), "trust_remote_code": trust or None}
    quick = ["num_train_epochs=1", "wandb.mode=disabled", "max_source_length=8", "metric=accuracy"]
    space = resolve_space("kcbert", options, quick, [], None)
    return StudyRequest(one_configuration(space, None), "extra", storage_at(folder / "runs"))


def test_without_a_word_nothing_is_run_and_nothing_written(own_code: Path, ran: Path, tmp_path: Path) -> None:
    """The mistake is found before the study has a folder."""
    with pytest.raises(UserError, match="comes with its own code"):
        session.start(order(own_code, tmp_path, trust=False), io.StringIO())
    assert not ran.exists()
    assert not (tmp_path / "runs" / "extra").exists()


def test_with_a_word_it_is_trained_exported_and_predicts(own_code: Path, tmp_path: Path) -> None:
    """The code goes along into the exported folder; whoever opens that one has to say so again."""
    session.start(order(own_code, tmp_path, trust=True), io.StringIO())
    storage = storage_at(tmp_path / "runs")
    model = storage.folder / "extra" / "best_model"
    assert {path.name for path in model.glob("*.py")} == {"own_config.py", "own_model.py", "own_tokenizer.py"}
    assert "trust_remote_code=True" in (model / "README.md").read_text(encoding="utf-8")
    found = predict_all(open_model(model, "cpu", ModelOptions(trust=True)), [{"source": "가 나"}], 1)
    assert sum(found[0]) == pytest.approx(1)
    for refused in (
        lambda: open_model(model, "cpu"),
        lambda: make_ensemble([str(model), str(model)], storage.folder, tmp_path / "both", 4),
        lambda: finalize.export_study("extra", storage, tmp_path / "out"),
        lambda: session.resume("extra", storage, io.StringIO()),
    ):
        with pytest.raises(UserError, match="code") as caught:
            refused()
        assert "--trust-remote-code" in caught.value.todo
    assert finalize.export_study("extra", storage, tmp_path / "out", trust=True) == str(tmp_path / "out")
