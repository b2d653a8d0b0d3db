"""Files and lines as the members of an ensemble read them, each by its own columns."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from delivery.exports.ensemble import make_ensemble
from delivery.inference.predict import predict_file, predict_lines
from delivery.inference.predictor import open_model, predict_all
from delivery.inference.rows import own_rows, read_rows, row_of_line
from delivery.inference.scoring import evaluate
from delivery.inference.settings import ModelSettings
from foundation.errors import UserError
from search_spaces.choices import BrokenRows
from search_spaces.schema import Columns
from tests.delivery.conftest import Trained, trained
from trainables.tasks.prediction_format import PredictionFormat


def settings(source: str, pair: str | None = None, target: str = "label", skip: bool = False) -> ModelSettings:
    """Of a classifier that reads these columns."""
    return ModelSettings(
        study="s", task="classification", task_options={}, columns=Columns(None, source, pair, target),
        broken_rows=BrokenRows.SKIP if skip else BrokenRows.STOP, max_source_length=8, max_target_length=8,
    )  # fmt: skip


_PAIR, _BODY, _HEAD = settings("head", "body"), settings("body"), settings("head")


@pytest.fixture(scope="session")
def members(tmp_path_factory: pytest.TempPathFactory) -> list[Trained]:
    """A classifier of one text, in column `body`, and one of both texts; the label is in the body."""
    folder = tmp_path_factory.mktemp("members")
    files = {}
    for split, count in (("train", 160), ("dev", 24)):
        files[split] = folder / f"{split}.tsv"
        rows = [
            f"{'긍정' if row % 2 else '부정'}\t제목 {split} {row}\t{'좋아요' if row % 2 else '별로예요'} {split}{row}"
            for row in range(count)
        ]
        files[split].write_text("\n".join(["label\thead\tbody", *rows]), encoding="utf-8")
    sets = ["num_train_epochs=3", "learning_rate=1e-2", "columns.target=label"]
    one = trained("cnn", "one", folder / "runs", files, [*sets, "columns.source=body"])
    pair = trained("kcbert", "pair", folder / "runs", files, [*sets, "columns.source=head", "columns.pair=body"])
    return [one, pair]


@pytest.mark.parametrize("order", [1, -1])
def test_each_member_is_scored_as_it_was_alone(members: list[Trained], order: int, tmp_path: Path) -> None:
    """Its dev score in the ensemble is that of its study, whichever member is first; `evaluate` agrees."""
    chosen = members[::order]
    scores = make_ensemble([one.name for one in chosen], chosen[0].storage, tmp_path / "both", 8)
    for one in chosen:
        assert one.summary.best is not None
        assert scores["dev"][one.name]["accuracy"] == pytest.approx(one.summary.best.value)
    dev = chosen[0].files["dev"]
    assert evaluate(tmp_path / "both", dev, 8)["accuracy"] == pytest.approx(scores["dev"]["ensemble"]["accuracy"])
    alone = [
        predict_all(
            open_model(one.model, "cpu"), read_rows([open_model(one.model).settings], dev, targets=False).rows, 8
        )
        for one in chosen
    ]
    both = open_model(tmp_path / "both", "cpu")
    for left, right, mean in zip(
        *alone, predict_all(both, read_rows(both.members, dev, targets=False).rows, 8), strict=True
    ):
        assert mean == pytest.approx(
            [(first + second) / 2 for first, second in zip(left, right, strict=True)], abs=1e-6
        )
    assert predict_file(tmp_path / "both", dev, tmp_path / "out.csv", 8, PredictionFormat()) == 24
    out = io.StringIO()
    assert predict_lines(tmp_path / "both", io.StringIO("제목\t좋아요 dev1\n"), out, 8, PredictionFormat()) == 1
    assert out.getvalue().endswith("\t제목\t좋아요 dev1\n")


def test_a_dev_file_that_has_changed_is_refused(members: list[Trained], tmp_path: Path) -> None:
    """The members' scores would not be those that chose them."""
    dev = members[0].files["dev"]
    content = dev.read_text(encoding="utf-8")
    dev.write_text(content.replace("별로예요", "좋아요", 1), encoding="utf-8")
    with pytest.raises(UserError, match="the data of study 'one' has changed: dev"):
        make_ensemble(["one", "pair"], members[0].storage, tmp_path / "both", 8)
    dev.write_text(content, encoding="utf-8")


def test_rows_of_equal_columns_are_plain(tmp_path: Path) -> None:
    """As for a single model."""
    (tmp_path / "a.tsv").write_text("label\tbody\n1\t가\n", encoding="utf-8")
    assert read_rows([_BODY, _BODY], tmp_path / "a.tsv", targets=True).rows == [
        {"id": "1", "source": "가", "target": "1"}
    ]


def test_members_read_their_own_columns(tmp_path: Path) -> None:
    """Of the same lines; a line that one of them skips is skipped by all."""
    (tmp_path / "a.tsv").write_text("label\thead\tbody\n1\t가\t\n0\t나\t다\n1\t라\t마\n", encoding="utf-8")
    skipping = [settings("head", skip=True), settings("head", "body", skip=True)]
    split = read_rows(skipping, tmp_path / "a.tsv", targets=True)
    assert [row["source"] for row in own_rows(split.rows, 0)] == ["나", "라"]
    assert [(row["source"], row["pair"]) for row in own_rows(split.rows, 1)] == [("나", "다"), ("라", "마")]
    assert [row.line for row in split.refused] == [2]
    (tmp_path / "b.tsv").write_text("label\thead\tbody\n1\t가\t\n0\t\t나\n", encoding="utf-8")
    with pytest.raises(UserError, match="no row can be read by all members"):
        read_rows([settings("head", skip=True), settings("body", skip=True)], tmp_path / "b.tsv", targets=True)


def test_members_agree_on_targets(tmp_path: Path) -> None:
    """A score against two truths would mean nothing."""
    (tmp_path / "a.tsv").write_text("label\tother\thead\tbody\n1\t1\t가\t나\n0\t1\t다\t라\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 3: the members read the targets '0', '1'"):
        read_rows([_HEAD, settings("body", target="other")], tmp_path / "a.tsv", targets=True)


def test_a_line_has_the_columns_of_the_pair() -> None:
    """A member of one text reads that of its own column."""
    row = row_of_line([_BODY, _PAIR, _HEAD], "가\t나", 1)
    assert [own_rows([row], number) for number in range(3)][1:] == [
        [{"source": "가", "pair": "나"}],
        [{"source": "가"}],
    ]
    assert own_rows([row], 0)[0]["source"] == "나"
    assert row_of_line([_PAIR, _PAIR], "가\t나", 1) == {"source": "가", "pair": "나"}
    assert row_of_line([_BODY], "가\t나", 1) == {"source": "가\t나"}
    with pytest.raises(UserError, match="line 7 of the input is not a pair"):
        row_of_line([_BODY, _PAIR], "가", 7)


@pytest.mark.parametrize("members", [[_BODY, _HEAD], [_PAIR, settings("title")], [_PAIR, settings("body", "head2")]])
def test_a_line_without_a_column_of_a_member_is_refused(members: list[ModelSettings]) -> None:
    """Nothing tells which text a member should read."""
    with pytest.raises(UserError, match="the members read the columns"):
        row_of_line(members, "가\t나", 1)
