"""Splits: reading the files, splitting dev off train, and remarks."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from corpora import splits as corpora_splits
from corpora.splits import Layout, SplitFile, Splits, dev_problems, read_split
from foundation.errors import UserError
from search_spaces.choices import SPLIT_VERSION

COLUMNS = {"id": "fname", "source": "dialogue", "target": "summary"}
LAYOUT = Layout(COLUMNS)

#: As for new studies, where a test does not give a version.
read_splits = partial(corpora_splits.read_splits, split_version=SPLIT_VERSION)


def write(path: Path, targets: Sequence[str], ids: Sequence[str] | None = None) -> str:
    """A file with one row per target, and a column of ids if there are any."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(["fname"] if ids else []), "dialogue", "summary"])
        for number, target in enumerate(targets):
            writer.writerow([*([ids[number]] if ids else []), f"{path.stem} 대화 {number}", target])
    return str(path)


def many(number: int) -> list[str]:
    """Targets, each of them in two rows."""
    return [f"요약 {row // 2}" for row in range(number)]


def targets(splits: Splits, name: str) -> set[str]:
    """Targets of one split."""
    return {row["target"] for row in getattr(splits, name).rows}


def test_files_are_read_as_they_are(tmp_path: Path) -> None:
    """Rows in file order, keyed by role; without remarks and without a test split."""
    train = write(tmp_path / "train.csv", ["가", "나"], ["t1", "t2"])
    dev = write(tmp_path / "dev.csv", ["다"], ["d1"])
    splits = read_splits(train, dev, None, LAYOUT, seed=0, split_by=("target",))
    assert splits.train.rows == [
        {"id": "t1", "source": "train 대화 0", "target": "가"},
        {"id": "t2", "source": "train 대화 1", "target": "나"},
    ]
    assert splits.dev.rows == [{"id": "d1", "source": "dev 대화 0", "target": "다"}]
    assert splits.test is None
    assert splits.remarks == []


def test_labels_are_renamed(tmp_path: Path) -> None:
    """A label without a new name is refused, with its count; it is ignored in prediction, which needs no targets."""
    train = write(tmp_path / "train.csv", ["0", "1"] * 10)
    layout = replace(LAYOUT, labels={"0": "부정", "1": "긍정"})
    splits = read_splits(train, None, None, layout, seed=0, split_by=("source",))
    assert targets(splits, "train") == targets(splits, "dev") == {"부정", "긍정"}
    odd = write(tmp_path / "odd.csv", ["0", "2", "2"])
    with pytest.raises(UserError, match=r"data\.labels does not contain '2' \(2 times\)"):
        read_split(odd, layout)
    assert read_split(odd, layout, targets=False).rows[1]["source"] == "odd 대화 1"


def test_a_rare_class_stays_in_train(tmp_path: Path) -> None:
    """For every seed, with the rows that share a text with it."""
    train = write(tmp_path / "train.csv", [*["긍정", "부정"] * 20, "기타"])
    for seed in range(20):
        splits = read_splits(train, None, None, LAYOUT, seed=seed, split_by=("source",), classes=True, dev_share=0.3)
        assert "기타" in targets(splits, "train")
        assert len(splits.train.rows) + len(splits.dev.rows) == 41


def test_rare_classes_may_leave_no_dev_split(tmp_path: Path) -> None:
    """If every row is the only one of its class."""
    train = write(tmp_path / "train.csv", [f"class {number}" for number in range(19)])
    with pytest.raises(UserError, match="dev split of 19 training rows: every candidate row is the only example"):
        read_splits(train, None, None, LAYOUT, seed=0, split_by=("source",), classes=True)


def test_a_dev_split_far_from_its_share_is_refused(tmp_path: Path) -> None:
    """With one target in half of the rows and another in the rest, dev would be one of the halves."""
    train = write(tmp_path / "train.csv", ["네", "아니요"] * 20)
    with pytest.raises(UserError, match="20 of 40 training rows would become dev") as caught:
        read_splits(train, None, None, LAYOUT, seed=0, split_by=("source", "target"))
    assert "correct_labels" in caught.value.todo


def test_a_description_names_file_rows_and_hash(tmp_path: Path) -> None:
    """For every split."""
    files = {name: write(tmp_path / f"{name}.csv", [name] * rows) for name, rows in {"train": 3, "dev": 2}.items()}
    described = read_splits(files["train"], files["dev"], None, LAYOUT, seed=0, split_by=("target",)).described()
    assert described == {
        name: SplitFile(files[name], rows, sha256(Path(files[name]).read_bytes()).hexdigest())
        for name, rows in {"train": 3, "dev": 2}.items()
    }


def test_a_relative_path_is_described_as_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study may be resumed from any working directory."""
    write(tmp_path / "train.csv", many(20))
    monkeypatch.chdir(tmp_path)
    splits = read_splits("train.csv", None, None, LAYOUT, seed=0, split_by=("target",))
    assert {split.path for split in splits.described().values()} == {str((tmp_path / "train.csv").resolve())}


def test_dev_is_a_tenth_of_train_without_a_shared_target(tmp_path: Path) -> None:
    """Of 100 rows in pairs 10 become dev and 90 stay, each row once, with a remark."""
    train = write(tmp_path / "train.csv", many(100), [str(row) for row in range(100)])
    splits = read_splits(train, None, None, LAYOUT, seed=0, split_by=("target",))
    assert (len(splits.train.rows), len(splits.dev.rows)) == (90, 10)
    assert sorted(int(row["id"]) for row in splits.train.rows + splits.dev.rows) == list(range(100))
    assert not targets(splits, "train") & targets(splits, "dev")
    assert splits.remarks == ["no --dev: 10 rows of train became dev; no targets are on both sides"]
    assert splits.dev.sha256 == splits.train.sha256


def test_the_dev_split_depends_on_the_seed(tmp_path: Path) -> None:
    """The same rows for the same seed, others for another seed."""
    train = write(tmp_path / "train.csv", many(100))
    first, again, other = (
        targets(read_splits(train, None, None, LAYOUT, seed=seed, split_by=("target",)), "dev") for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_targets_on_both_sides_get_a_remark(tmp_path: Path) -> None:
    """With the number of dev and test rows whose target is in train; the rows stay."""
    train = write(tmp_path / "train.csv", ["가 나", "다", "라"])
    dev = write(tmp_path / "dev.csv", ["가  나", "가 나", "마"])
    test = write(tmp_path / "test.csv", ["다", "다", "바"])
    splits = read_splits(train, dev, test, LAYOUT, seed=0, split_by=("target",))
    assert splits.remarks == ["2 of 3 dev targets are also in train", "2 of 3 test targets are also in train"]
    assert splits.test is not None
    assert len(splits.test.rows) == 3


def test_spacing_does_not_hide_a_leak(tmp_path: Path) -> None:
    """Texts that differ only in spacing never stand on both sides of a split, and are counted between files."""
    train = write(tmp_path / "train.csv", [text for n in range(20) for text in (f"요약 {n} 번", f"요약{n}번")])
    splits = read_splits(train, None, None, LAYOUT, seed=0, split_by=("target",))
    keys = [{text.replace(" ", "") for text in targets(splits, name)} for name in ("train", "dev")]
    assert not keys[0] & keys[1]
    dev = write(tmp_path / "dev.csv", ["요약 3번", "다른 글"])
    splits = read_splits(train, dev, None, LAYOUT, seed=0, split_by=("target",))
    assert splits.remarks == ["1 of 2 dev targets are also in train"]


def test_a_study_of_an_earlier_version_keeps_its_split(tmp_path: Path) -> None:
    """Its texts that differ in spacing may be on both sides; the remark says how many."""
    train = write(tmp_path / "train.csv", [text for n in range(20) for text in (f"요약 {n} 번", f"요약{n}번")])
    for seed in range(5):
        splits = read_splits(train, None, None, LAYOUT, seed=seed, split_by=("target",), split_version=1)
        assert splits.remarks[0] == "no --dev: 4 rows of train became dev"
        assert splits.remarks[1].endswith("of 4 dev targets are also in train")


def test_either_text_of_a_pair_is_a_leak(tmp_path: Path) -> None:
    """In either order, in the split and between files, with what is compared in the remark."""
    layout = Layout({"id": None, "source": "one", "pair": "other", "target": "label"})
    rows = [f"질문 {n},물음 {n},{n % 2}\n물음 {n},질문{n},{n % 2}" for n in range(20)]
    train, dev = tmp_path / "train.csv", tmp_path / "dev.csv"
    train.write_text("one,other,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    dev.write_text("one,other,label\n새 글,질문3,0\n물음 4,새 글,1\n새 글,새 말,1\n", encoding="utf-8")
    both = ("source", "pair")
    splits = read_splits(str(train), str(dev), None, layout, seed=0, split_by=both, classes=True)
    assert splits.remarks == ["2 of 3 dev rows have a text that is also in train"]
    for seed in range(5):
        splits = read_splits(str(train), None, None, layout, seed=seed, split_by=both, classes=True)
        sides = [{row["source"].split()[-1] for row in rows} for rows in (splits.train.rows, splits.dev.rows)]
        assert not sides[0] & sides[1]
        assert splits.remarks == ["no --dev: 4 rows of train became dev; no texts are on both sides"]


def test_rows_of_a_rare_class_take_their_whole_group_back(tmp_path: Path) -> None:
    """Also rows that share a text with them through a third row."""
    layout = Layout({"id": None, "source": "one", "pair": "other", "target": "label"})
    pairs = [f"질문 {n},물음 {n},{n % 2}" for n in range(40)]
    chain = ["가,나,기타", "나,다,0", "다,라,1"]
    (tmp_path / "train.csv").write_text("one,other,label\n" + "\n".join([*pairs, *chain]) + "\n", encoding="utf-8")
    for seed in range(10):
        splits = read_splits(
            str(tmp_path / "train.csv"), None, None, layout, seed=seed, split_by=("source", "pair"), classes=True
        )
        assert {"가", "나", "다"} <= {row["source"] for row in splits.train.rows}


def test_test_is_compared_with_the_remaining_training_rows(tmp_path: Path) -> None:
    """A target that moved to dev is not trained on."""
    train = write(tmp_path / "train.csv", many(20))  # 10 pairs; 2 rows are a tenth
    test = write(tmp_path / "test.csv", sorted(set(many(20))))
    splits = read_splits(train, None, test, LAYOUT, seed=0, split_by=("target",))
    assert splits.remarks[1] == "9 of 10 test targets are also in train"


def test_rows_without_ids_are_numbered(tmp_path: Path) -> None:
    """If no id column is set."""
    train, dev = write(tmp_path / "train.csv", ["가", "나", "다"]), write(tmp_path / "dev.csv", ["라"])
    splits = read_splits(train, dev, None, Layout({**COLUMNS, "id": None}), seed=0, split_by=("target",))
    assert [row["id"] for row in splits.train.rows] == ["1", "2", "3"]
    assert [row["id"] for row in splits.dev.rows] == ["1"]


def test_a_row_with_an_empty_id_is_numbered(tmp_path: Path) -> None:
    """Even if the file has an id column."""
    train, dev = write(tmp_path / "train.csv", ["가", "나"], ["a", ""]), write(tmp_path / "dev.csv", ["다"])
    splits = read_splits(train, dev, None, LAYOUT, seed=0, split_by=("target",))
    assert [row["id"] for row in splits.train.rows] == ["a", "2"]


def test_rows_are_numbered_in_the_same_way(tmp_path: Path) -> None:
    """Without an id column in the settings, or without that column in the file."""
    train, dev = write(tmp_path / "train.csv", ["가", "나"]), write(tmp_path / "dev.csv", ["다"])
    unnamed, absent = (
        [
            row["id"]
            for row in read_splits(
                train, dev, None, Layout({**COLUMNS, "id": name}), seed=0, split_by=("target",)
            ).train.rows
        ]
        for name in (None, "fname")
    )
    assert unnamed == absent


def test_a_missing_column_is_refused(tmp_path: Path) -> None:
    """In any of the files, by name; a missing file too."""
    train = write(tmp_path / "train.csv", ["가", "나"])
    (tmp_path / "test.csv").write_text("dialogue,summery\n가,나\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"test\.csv has no column 'summary'"):
        read_splits(train, None, str(tmp_path / "test.csv"), LAYOUT, seed=0, split_by=("target",))
    with pytest.raises(UserError, match="no such file"):
        read_splits(train, str(tmp_path / "dev.csv"), None, LAYOUT, seed=0, split_by=("target",))


def test_a_dev_split_that_cannot_tell_models_apart() -> None:
    """One row, or one target in all rows."""
    rows = [{"source": "가", "target": "0"}, {"source": "나", "target": "0"}]
    assert dev_problems([]) == []
    assert dev_problems(rows[:1]) == ["dev has 1 row, so that its scores say little; use --dev FILE with more rows"]
    assert dev_problems(rows) == ["all 2 dev rows have the target '0'; use --dev FILE with others too"]
    assert dev_problems([*rows, {"source": "다", "target": "1"}]) == []


def test_the_first_row_of_a_file_without_a_header_is_shown(tmp_path: Path) -> None:
    """Column names of another program would be learned as a pair of texts."""
    path = tmp_path / "train.tsv"
    path.write_text("원문\t번역\n" + "".join(f"문장 {number}\t{'번역 ' * 20}{number}\n" for number in range(40)))
    layout = Layout(columns={"source": "source", "target": "target"}, header=("source", "target"))
    told = "train has no header line; its first row: source '원문', target '번역'"
    assert told in read_splits(str(path), None, None, layout, seed=0, split_by=("source",)).remarks
