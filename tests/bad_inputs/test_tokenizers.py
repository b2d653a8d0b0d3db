"""Damaged tokenizers, of exported models and given with --tokenizer: the folder is named, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bad_inputs.cases import Bad, Damage
from tests.bad_inputs.damages import changed, cut, gone, written

_DATA = {"in.tsv": "긍정\t배송이 빨라요\n", "in.csv": "fname,dialogue,summary\na,가,나\n"}
_PREDICT = "predict models/classifier in.tsv --out out.csv"
_TUNE = "tune kobart --model scratch:tiny --train in.csv --dev in.csv --tokenizer models/writer"


def _tokenizer(command: str, damage: Damage, *says: str, parts: tuple[str, ...] = ("allowed:", "to do:")) -> Bad:
    model = "writer" if "writer" in command else "classifier"
    return Bad(command, (f"models/{model}", *says), _DATA, (f"models/{model}",), damage, parts)


#: What is wrong -> the file, how it is damaged, what is said of it.
_DAMAGED: dict[str, tuple[str, Callable[[str], Damage], str]] = {
    "no tokenizer.json": ("tokenizer.json", gone, "cannot be loaded"),
    "an empty tokenizer.json": ("tokenizer.json", lambda name: written(name, ""), "tokenizer.json, line 1"),
    "a cut tokenizer.json": ("tokenizer.json", lambda name: cut(name, 500), "tokenizer.json, line"),
    "invalid bytes in tokenizer.json": (
        "tokenizer.json",
        lambda name: written(name, b"\xff\xfe\xff"),
        "tokenizer.json",
    ),
    "a list for tokenizer.json": ("tokenizer.json", lambda name: written(name, "[]"), "tokenizer.json is []"),
    "no model": ("tokenizer.json", lambda name: changed(name, model=...), "tokenizer.json: model is missing"),
    "an unknown model": (
        "tokenizer.json",
        lambda name: changed(name, model={"type": "Magic"}),
        "tokenizer.json: model",
    ),
    "added tokens as text": ("tokenizer.json", lambda name: changed(name, added_tokens="a"), "added_tokens is 'a'"),
    "a cut tokenizer_config.json": (
        "tokenizer_config.json",
        lambda name: cut(name, 20),
        "tokenizer_config.json, line",
    ),
    "a list for tokenizer_config.json": (
        "tokenizer_config.json",
        lambda name: written(name, "[]"),
        "tokenizer_config.json is []",
    ),
    "a number as pad token": ("tokenizer_config.json", lambda name: changed(name, pad_token=7), "pad_token is 7"),
    "no pad token": ("tokenizer_config.json", lambda name: changed(name, pad_token=...), "has no pad token"),
}

#: What is wrong -> the input.
CASES = {
    f"{command.split()[0]}: {name}": _tokenizer(command, damage(f"{model}/{file}"), says)
    for command, model in ((_PREDICT, "classifier"), (_TUNE, "writer"))
    for name, (file, damage, says) in _DAMAGED.items()
}
CASES |= {
    "tune: no end token": _tokenizer(_TUNE, changed("writer/tokenizer_config.json", eos_token=...), "has no eos token"),
    "tune: nowhere": Bad(
        "tune kobart --model scratch:tiny --train in.csv --dev in.csv --tokenizer ./nowhere",
        ("tokenizer './nowhere' cannot be loaded",),
        _DATA,
    ),
    "tune: an empty name": Bad(
        "tune kobart --model scratch:tiny --train in.csv --dev in.csv --tokenizer ''", ("--tokenizer",)
    ),
    "tune: a file": Bad(
        "tune kobart --model scratch:tiny --train in.csv --dev in.csv --tokenizer in.csv",
        ("tokenizer 'in.csv' cannot be loaded",),
        _DATA,
    ),
    "tune: a name without end": Bad(
        f"tune kobart --model scratch:tiny --train in.csv --dev in.csv --tokenizer {'가' * 300}",
        ("cannot be loaded",),
        _DATA,
    ),
    "train: no tokenizer.json": _tokenizer(
        _TUNE.replace("tune", "train"), gone("writer/tokenizer.json"), "cannot be loaded"
    ),
    "evaluate: no tokenizer.json": _tokenizer(
        "evaluate models/classifier --data in.tsv", gone("classifier/tokenizer.json"), "cannot be loaded"
    ),
    "ensemble: no tokenizer.json": _tokenizer(
        "ensemble models/classifier models/classifier --out new", gone("classifier/tokenizer.json"), "cannot be loaded"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_tokenizer_is_refused(name: str, refused: Callable[[Bad], str]) -> None:
    """The message names the folder and what is wrong there."""
    refused(CASES[name])
