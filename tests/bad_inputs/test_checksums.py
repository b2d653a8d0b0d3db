"""Exported folders and studies with a bit that changed: every command that reads them names the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_inputs.cases import Bad, Damage
from tests.bad_inputs.damages import gone

_DATA = {"in.tsv": "긍정\t배송이 빨라요\n부정\t별로예요\n"}
_COMMANDS = {
    "predict": "predict models/sealed in.tsv --out out.csv",
    "evaluate": "evaluate models/sealed --data in.tsv",
    "ensemble": "ensemble models/sealed models/sealed --out new",
    "models": "models models/sealed",
}
_FILES = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "networks.py")


def flipped(name: str) -> Damage:
    """One bit in the middle of a file is another one."""

    def damage(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return damage


def _exported(verb: str, name: str, damage: Damage) -> Bad:
    says = (f"models/sealed/{name} is missing, or has changed since the export",)
    return Bad(_COMMANDS[verb], says, _DATA, ("models/sealed",), damage)


def _study(command: str, name: str, *says: str) -> Bad:
    return Bad(command, says, {}, ("runs/mine",), flipped(f"runs/mine/{name}"))


_POINT = "trials/mine-0000/checkpoints/step-00000003"
_BASE = "base_model/bpe-200"

#: What is wrong -> the input.
CASES = {
    **{
        f"{verb}: a bit of {name}": _exported(verb, name, flipped(f"models/sealed/{name}"))
        for verb in _COMMANDS
        for name in _FILES
    },
    **{
        f"{verb}: no {name}": _exported(verb, name, gone(f"sealed/{name}"))
        for verb in _COMMANDS
        for name in ("tokenizer_config.json", "networks.py")
    },
    "export: a bit of the best model": _study(
        "export mine", f"{_POINT}/model.safetensors", "the model of trial mine-0000", "is damaged", "--next-best"
    ),
    "export: a bit of its configuration": _study("export mine", f"{_POINT}/config.json", "is damaged", "config.json"),
    "export: a bit of the manifest": _study("export mine", f"{_POINT}/manifest.json", "mine-0000", "is lost"),
    **{
        f"{command.split()[0]}: a bit of the base model, {name}": _study(
            command, f"{_BASE}/{name}", "has changed since the study was prepared", "resume"
        )
        for command in ("export mine", "resume mine")
        for name in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json")
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_changed_file_is_refused(name: str, refused: Callable[[Bad], str]) -> None:
    """The message names the file, and what writes it again."""
    refused(CASES[name])
