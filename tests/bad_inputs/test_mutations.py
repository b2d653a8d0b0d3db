"""Valid files changed at random: what reads them takes them, or raises `UserError`; never anything else."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpora.reading import read_table
from delivery.sessions.space_options import resolve_space
from foundation.errors import UserError
from search_spaces.parsing import parse_range_option, parse_set_option
from search_spaces.resolve import SHIPPED
from tuning.studies.material import Material
from tuning.studies.paths import Paths
from tuning.studies.records import TrialRecord, read_record, write_record
from tuning.studies.study import Study

#: The same examples in every run, and few enough for a second or two.
_BOUNDED = settings(
    derandomize=True, max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_SPACE = (SHIPPED / "rnn.yaml").read_bytes()
_RECORD = TrialRecord(0, "a-0000", {"learning_rate": 0.1}, {"learning_rate": 0.1}, 3.0, is_default=True)
_TABLE = 'fname,dialogue,summary\na,"가 ""나""\n다",라\nb,마,바\n'.encode()

#: What may stand where another value stood.
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=6,
)


def accepted_or_refused(read: Callable[[], object]) -> None:
    """Read something; a `UserError` is an answer, whatever else is raised is not."""
    with contextlib.suppress(UserError):
        read()


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """`whole` cut short, with bytes flipped, or with a piece in another place."""
    place, end = sorted(draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    kind = draw(st.sampled_from(["cut", "flip", "move", "twice"]))
    if kind == "cut":
        return whole[:place]
    if kind == "flip":
        return whole[:place] + draw(st.binary(min_size=1, max_size=4)) + whole[place + 1 :]
    piece = whole[place:end]
    return whole[:place] + piece + whole[place:] if kind == "twice" else whole[end:] + piece + whole[:place]


@st.composite
def changed(draw: st.DrawFn, whole: Any) -> Any:
    """`whole` with one value, at whatever depth, changed to anything, taken out, or put under another key."""
    if not isinstance(whole, dict | list) or not whole or draw(st.integers(0, 3)) == 0:
        return draw(_VALUES)
    if isinstance(whole, list):
        place = draw(st.integers(0, len(whole) - 1))
        return [*whole[:place], draw(changed(whole[place])), *whole[place + 1 :]]
    key = draw(st.sampled_from(sorted(whole)))
    rest = {name: value for name, value in whole.items() if name != key}
    kind = draw(st.sampled_from(["value", "gone", "renamed", "swapped"]))
    if kind == "gone":
        return rest
    if kind == "renamed":
        return {**rest, draw(st.text(max_size=8)): whole[key]}
    if kind == "swapped":
        return {**whole, key: whole[draw(st.sampled_from(sorted(whole)))]}
    return {**whole, key: draw(changed(whole[key]))}


@_BOUNDED
@given(text=damaged(_SPACE))
def test_a_damaged_space(text: bytes, tmp_path: Path) -> None:
    """Bytes of YAML."""
    (tmp_path / "space.yaml").write_bytes(text)
    accepted_or_refused(lambda: resolve_space(str(tmp_path / "space.yaml"), {}, [], [], None))


@_BOUNDED
@given(space=changed(yaml.safe_load(_SPACE)))
def test_a_changed_space(space: Any, tmp_path: Path) -> None:
    """Keys and values of YAML."""
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(space, allow_unicode=True), encoding="utf-8", errors="replace")
    accepted_or_refused(lambda: resolve_space(str(tmp_path / "space.yaml"), {}, [], [], None))


@_BOUNDED
@given(config=changed({"general": {"model_name": "a"}, "training": {"learning_rate": 0.1, "fp16": True}}))
def test_a_changed_config_of_others(config: Any, tmp_path: Path) -> None:
    """Keys and values of the baseline's file."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    accepted_or_refused(lambda: resolve_space("kobart", {}, [], [], tmp_path / "config.yaml"))


@_BOUNDED
@given(text=st.text(max_size=24) | st.from_regex(r"[a-z_]{0,9}=[a-z]{0,5}:?[-0-9.e:,]{0,12}", fullmatch=True))
def test_options(text: str) -> None:
    """Of --set and --range."""
    accepted_or_refused(lambda: parse_set_option(text))
    accepted_or_refused(lambda: parse_range_option(text))


@_BOUNDED
@given(text=damaged(_TABLE), suffix=st.sampled_from([".csv", ".tsv", ".jsonl"]))
def test_a_damaged_table(text: bytes, suffix: str, tmp_path: Path) -> None:
    """Bytes of a table."""
    path = tmp_path / f"train{suffix}"
    path.write_bytes(text)
    accepted_or_refused(lambda: read_table(path, {"source": "dialogue", "target": "summary"}, {"id": "fname"}))


@_BOUNDED
@given(row=changed({"fname": "a", "dialogue": "가", "summary": "나"}))
def test_a_changed_line_of_json(row: Any, tmp_path: Path) -> None:
    """Keys and values of JSON lines."""
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    accepted_or_refused(lambda: read_table(tmp_path / "train.jsonl", {"source": "dialogue"}, {"id": "fname"}))


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial's record, written as kotune writes it."""
    path = tmp_path_factory.mktemp("trials") / "a-0000" / "trial.json"
    path.parent.mkdir()
    write_record(path, _RECORD)
    entry = json.loads(path.read_text(encoding="utf-8"))
    result = {"order": 1, "epoch": 1.0, "step": 3, "metrics": {"accuracy": 0.5}, "seconds": 1.0, "last": False}
    path.write_text(json.dumps({**entry, "results": [result]}), encoding="utf-8")
    return path


@_BOUNDED
@given(data=st.data())
def test_a_damaged_record(data: st.DataObject, record: Path, tmp_path: Path) -> None:
    """Bytes, keys and values of `trial.json`."""
    whole = record.read_bytes()
    mended = changed(json.loads(whole)).map(lambda content: json.dumps(content).encode())
    path = tmp_path / "a-0000" / "trial.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.draw(damaged(whole) | mended))
    accepted_or_refused(lambda: read_record(path, "accuracy"))


@_BOUNDED
@given(data=st.data())
def test_a_damaged_study(data: st.DataObject, workshop: Path, tmp_path: Path) -> None:
    """Bytes of `study.yaml` and `data.json`."""
    root = tmp_path / "mine"
    root.mkdir(exist_ok=True)
    for name in ("study.yaml", "data.json"):
        whole = (workshop / "runs" / "mine" / name).read_bytes()
        (root / name).write_bytes(data.draw(damaged(whole)))
    accepted_or_refused(lambda: Study.load(tmp_path, "mine"))
    accepted_or_refused(lambda: Material.load(Paths(root)))
