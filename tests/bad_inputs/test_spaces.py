"""Malformed search spaces: the file, the line or key is named, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_inputs.cases import Bad

_HEAD = "task: classification\nmodel: scratch:tiny\narchitecture: rnn\nsample: reviews\n"


def _space(text: str | bytes, *says: str, parts: tuple[str, ...] = ("allowed:", "to do:")) -> Bad:
    return Bad("tune space.yaml", ("space.yaml", *says), {"space.yaml": text}, parts=parts)


def _searched(spec: str, *says: str) -> Bad:
    return _space(f"{_HEAD}search:\n  learning_rate: {spec}\n", "learning_rate", *says)


def _a_folder(folder: Path) -> None:
    (folder / "space.yaml").mkdir()


def _a_circle(folder: Path) -> None:
    (folder / "space.yaml").symlink_to("space.yaml")


#: A list of lists of lists …: 10 to the 9th texts, if somebody wrote them out.
_LAUGHS = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n" + "".join(
    f"a{depth}: &a{depth} [{', '.join([f'*a{depth - 1}'] * 10)}]\n" for depth in range(1, 9)
)

#: A mapping that merges ten times one that merges ten times …
_MERGES = "m0: &m0 {k: 1, l: 2, m: 3}\n" + "".join(
    f"m{depth}: &m{depth} {{<<: [{', '.join([f'*m{depth - 1}'] * 10)}]}}\n" for depth in range(1, 9)
)

#: What is wrong -> the input.
CASES = {
    # no YAML, or none of ours
    "empty": _space("", "is not a mapping"),
    "only comments": _space("# nothing\n", "is not a mapping"),
    "a list": _space("- task\n- model\n", "is not a mapping"),
    "one text": _space("classification\n", "is not a mapping"),
    "a number": _space("42\n", "is not a mapping"),
    "two documents": _space(_HEAD + "---\ntask: regression\n", "line 5"),
    "tabs": _space(_HEAD + "fixed:\n\tlearning_rate: 0.1\n", "line 6"),
    "an open bracket": _space(_HEAD + "columns: {source: text\n", "line"),
    "an open quotation mark": _space(_HEAD + 'metric: "accuracy\n', "line"),
    "indented askew": _space(_HEAD + "fixed:\n    learning_rate: 0.1\n  weight_decay: 0\n", "line 7"),
    "a colon too many": _space(_HEAD + "metric: accuracy: macro_f1\n", "line 5"),
    "a key twice": _space(_HEAD + "seed: 1\nseed: 2\n", "line 6", "duplicate key 'seed'"),
    "a parameter twice": _space(_HEAD + "fixed:\n  optim: adafactor\n  optim: adamw_torch\n", "line 7", "'optim'"),
    "a tag of Python": _space(_HEAD + "seed: !!python/object/apply:os.getcwd []\n", "line 5"),
    "a tag of nobody": _space(_HEAD + "seed: !seed 1\n", "line 5"),
    "an unknown anchor": _space(_HEAD + "seed: *nobody\n", "line 5"),
    "an anchor in itself": _space("a: &a [*a]\n", "its aliases"),
    "a thousand laughs": _space(_HEAD + _LAUGHS, "its aliases (*NAME) expand to more than 20,000 values"),
    "laughs for a value": _space(_HEAD + _LAUGHS + "fixed: {optim: *a8}\n", "its aliases"),
    "nested without end": _space("a: " + "[" * 1500 + "]" * 1500 + "\n", "more than 64 levels"),
    "a bomb of merge keys": _space(_HEAD + _MERGES, "merge keys (<<) expand to more than 20,000 values"),
    "a merge of nothing": _space(_HEAD + "fixed:\n  <<: 3\n", "line"),
    "a list for a key": _space(_HEAD + "? [a, b]\n: 1\n", "line 5"),
    "a mapping for a key": _space(_HEAD + "? {a: 1}\n: 1\n", "line 5"),
    "a number for a key": _space(_HEAD + "3: 1\n", "unknown key '3'"),
    "no for a key": _space(_HEAD + "no: 1\n", "unknown key 'no'"),
    "null for a key": _space(_HEAD + "~: 1\n", "unknown key '~'"),
    "invalid UTF-8": _space(_HEAD.encode() + b"metric: \xff\xfe\n", "space.yaml"),
    "CP949": _space(_HEAD.encode() + "name: 한국어\n".encode("cp949"), "space.yaml"),
    "UTF-16 without a BOM": _space(_HEAD.encode("utf-16-le"), "space.yaml"),
    "NUL": _space(_HEAD + "name: a\0b\n", "space.yaml"),
    "half a surrogate pair": Bad("tune space.yaml", ("--study '\\ud800",), {"space.yaml": _HEAD + 'name: "\\ud800"\n'}),
    "a path for a name": Bad("tune space.yaml", ("--study '../up",), {"space.yaml": _HEAD + "name: ../up\n"}),
    "a tag on what it does not fit": _space(_HEAD + "correct_labels: !!bool maybe\n", "the value cannot be read"),
    "a time that is none of a tag": _space(_HEAD + "seed: !!timestamp soon\n", "line 5", "the value cannot be read"),
    "no digits for a tag": _space(_HEAD + "seed: !!int ''\n", "the value cannot be read"),
    "an archive": _space(b"PK\x03\x04" + bytes(range(256)), "space.yaml"),
    "cut in the middle": _space((_HEAD + "columns: {source: text, target: label}\n")[:-12], "line"),
    "a folder": Bad("tune space.yaml", ("there is no search space 'space.yaml'",), damage=_a_folder),
    "a link to itself": Bad("tune space.yaml", ("there is no search space 'space.yaml'",), damage=_a_circle),
    "nowhere": Bad("tune nowhere.yaml", ("there is no search space 'nowhere.yaml'",)),
    "almost a name": Bad("tune kobat", ("there is no search space 'kobat'", "did you mean 'kobart'?")),
    "a name in capitals": Bad("tune KcBERT", ("there is no search space 'KcBERT'", "did you mean 'kcbert'?")),
    # keys
    "an unknown key": _space(_HEAD + "metrics: accuracy\n", "unknown key 'metrics'", "did you mean 'metric'?"),
    "an unknown key in a section": _space(
        _HEAD + "budget: {trails: 3}\n", "unknown key 'budget.trails'", "did you mean 'budget.trials'?"
    ),
    "a parameter at the margin": _space(
        _HEAD + "learning_rate: 0.1\n", "unknown key 'learning_rate'", "write it under fixed: or search:"
    ),
    "a key among the parameters": _space(
        _HEAD + "fixed: {metric: accuracy}\n", "unknown parameter 'metric'", "top level"
    ),
    "an unknown parameter": _space(
        _HEAD + "fixed: {lerning_rate: 0.1}\n", "unknown parameter 'lerning_rate'", "did you mean 'learning_rate'?"
    ),
    "a parameter both fixed and searched": _space(
        _HEAD + "fixed: {learning_rate: 0.1}\nsearch: {learning_rate: {log: [1.0e-5, 1.0e-3]}}\n",
        "fixed.learning_rate",
        "search.learning_rate",
    ),
    "one parameter under two names": _space(
        _HEAD + "fixed: {label_smoothing: 0.1, label_smoothing_factor: 0.2}\n", "label_smoothing"
    ),
    "an unknown sample": _space(_HEAD.replace("reviews", "reviewz"), "sample", parts=("allowed:", "to do:")),
    # values
    "a text for a section": _space(_HEAD + "budget: 20\n", "budget is 20"),
    "a list for a section": _space(_HEAD + "scheduler: [asha]\n", "scheduler is ['asha']"),
    "a text for the parameters": _space(_HEAD + "fixed: all\n", "fixed is 'all'"),
    "a list for the ranges": _space(_HEAD + "search: [learning_rate]\n", "search is ['learning_rate']"),
    "a text for the embedded part": _space(_HEAD + "embedded: tiny\n", "embedded"),
    "an unknown key in the embedded part": _space(
        _HEAD + "embedded: {modell: scratch:tiny}\n", "embedded", "unknown key 'modell'"
    ),
    "a number for a name": _space(_HEAD.replace("rnn", "3"), "architecture is 3"),
    "a text for a number": _space(_HEAD + "seed: many\n", "seed is 'many'"),
    "a number too small": _space(_HEAD + "budget: {trials: 0}\n", "budget.trials is 0"),
    "a number without end": _space(_HEAD + "seed: .inf\n", "seed is inf"),
    "no number": _space(_HEAD + "eval_every: .nan\n", "eval_every is nan"),
    "a number of thousands of digits": _space(_HEAD + f"seed: {'9' * 5000}\n", "line 5", "cannot be read as int"),
    "true for a number": _space(_HEAD + "seed: true\n", "seed is True"),
    "a text for a flag": _space(_HEAD + "correct_labels: perhaps\n", "correct_labels is 'perhaps'"),
    "an unknown word": _space(_HEAD + "scheduler: {name: ash}\n", "scheduler.name is 'ash'", "did you mean 'asha'?"),
    "a time that is none": _space(_HEAD + "budget: {time: 3 days}\n", "budget.time is '3 days'"),
    "no time": _space(_HEAD + "budget: {time: 0}\n", "budget.time is 0"),
    "an empty column": _space(_HEAD + "columns: {source: ''}\n", "columns.source is ''"),
    "a number for a column": _space(_HEAD + "columns: {source: 3}\n", "columns.source is 3"),
    "numbers for a header": _space(_HEAD + "columns: {header: [1, 2]}\n", "columns.header is [1, 2]"),
    "labels in a list": _space(_HEAD + "data: {labels: [a, b]}\n", "data.labels is ['a', 'b']"),
    "a label that is no text": _space(_HEAD + "data: {labels: {0: [a]}}\n", "data.labels is {'0': ['a']}"),
    "a date": _space(_HEAD + "name: 2026-01-02\nseed: 2026-01-02\n", "seed is '2026-01-02'"),
    "a set": _space(_HEAD + "fixed: {optim: !!set {a}}\n", "fixed.optim"),
    "bytes": _space(_HEAD + "fixed: {optim: !!binary aGE=}\n", "fixed.optim"),
    "infinity for a parameter": _space(_HEAD + "fixed: {learning_rate: .inf}\n", "fixed.learning_rate is inf"),
    "a list for a parameter": _space(_HEAD + "fixed: {learning_rate: [0.1, 0.2]}\n", "learning_rate"),
    "null for a number of epochs": _space(_HEAD + "fixed: {num_train_epochs: null}\n", "num_train_epochs"),
    "NUL in a path": Bad(
        "tune space.yaml", ("'a\\x00b.tsv' cannot be read",), {"space.yaml": _HEAD + 'data: {train: "a\\0b.tsv"}\n'}
    ),
    "an unknown task": _space(_HEAD.replace("classification", "clasification"), "task 'clasification' is unknown"),
    "a metric of another task": _space(_HEAD + "metric: rouge_sum\n", "metric is 'rouge_sum'"),
    # ranges
    "a range that is a number": _searched("0.1", "is 0.1"),
    "a range that is a list": _searched("[1.0e-5, 1.0e-3]", "is [1e-05, 0.001]"),
    "an empty range": _searched("{}", "no kind of range"),
    "two kinds of range": _searched("{log: [1.0e-5, 1.0e-3], float: [0, 1]}", "several kinds: log, float"),
    "an unknown kind": _searched("{uniform: [0, 1]}", "unknown key 'uniform'"),
    "an unknown key of a range": _searched(
        "{float: [0, 1], defualt: 0}", "unknown key 'defualt'", "did you mean 'default'?"
    ),
    "a step of a float range": _searched("{float: [0, 1], step: 0.1}", "unknown key 'step'"),
    "bounds in a text": _searched("{float: 0-1}", "float is '0-1'"),
    "bounds upside down": _searched("{log: [1.0e-3, 1.0e-5]}", "above the upper bound"),
    "bounds of words": _searched("{float: [low, high]}", "'low' is not a finite number"),
    "bounds without end": _searched("{float: [0, .inf]}", "inf is not a finite number"),
    "bounds of NaN": _searched("{float: [.nan, 1]}", "nan is not a finite number"),
    "one bound": _searched("{float: [1]}", "1 bounds instead of 2"),
    "a bound of null": _searched("{float: [null, 1]}", "None is not a finite number"),
    "a log range from nothing": _searched("{log: [0, 1]}", "cannot start at 0"),
    "a default outside": _searched("{float: [0, 1], default: 2}", "default 2 is not in the range"),
    "a default of words": _searched("{float: [0, 1], default: half}", "default 'half' is not in the range"),
    "a choice of lists": _searched("{choice: [[1], [2]]}", "choice"),
    "a choice twice": _searched("{choice: [0.1, 0.1]}", "duplicate option"),
    "a choice of nothing": _searched("{choice: []}", "choice"),
    "a condition of text": _searched("{float: [0, 1], when: always}", "the condition `when` is 'always'"),
    "a condition on nobody": _searched("{float: [0, 1], when: {optim: adafactor}}", "'optim' is not searched"),
    "a condition on itself": _searched("{float: [0, 1], when: {learning_rate: 0.5}}", "form a circle"),
    "a circle of conditions": _space(
        _HEAD
        + "search:\n  weight_decay: {float: [0, 1], when: {warmup_ratio: 0.1}}\n"
        + "  warmup_ratio: {float: [0, 1], when: {weight_decay: 0.1}}\n",
        "weight_decay",
        "form a circle",
    ),
    "a condition that never holds": _space(
        _HEAD
        + "search:\n  optim: {choice: [adamw_torch, adafactor]}\n  weight_decay: {float: [0, 1], when: {optim: sgd}}\n",
        "search.weight_decay.when",
        "optim is never 'sgd'",
    ),
    "a condition on a mapping": _searched(
        "{float: [0, 1], when: {optim: {a: 1}}}", "in the condition `when`, optim is"
    ),
    # other commands that read spaces
    "train: a broken file": Bad("train space.yaml", ("space.yaml, line 2",), {"space.yaml": "a: [\n"}),
    "models: a broken file": Bad("models space.yaml", ("space.yaml, line 2",), {"space.yaml": "a: [\n"}),
    "models: no model": Bad(
        "models space.yaml", ("space.yaml", "unknown key 'modell'"), {"space.yaml": "modell: scratch:tiny\n"}
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_malformed_space_is_refused(name: str, refused: Callable[[Bad], str]) -> None:
    """The message names the file, and the line or the key."""
    refused(CASES[name])
