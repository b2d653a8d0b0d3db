"""What the files of a deployment say: their configurations, and every command in them and in their comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]

#: Read by `ray up`.
RAY_UP = ("cluster.yaml", "deploy/gcp.yaml", "deploy/local.yaml")
#: Those of them whose machines come and go.
CLOUDS = ("cluster.yaml", "deploy/gcp.yaml")
KUBERAY = "deploy/kuberay.yaml"
DOCKERFILE = "deploy/Dockerfile"
SLURM = "deploy/slurm.sh"
SHELLS = ("deploy/aws_account.sh", SLURM)
PAGE = "docs/cluster.md"
#: All that is shipped for clusters.
FILES = (*RAY_UP, KUBERAY, DOCKERFILE, *SHELLS)

#: Words with which a shell begins what is a command all the same.
_KEYWORDS = {"if", "then", "else", "elif", "do", "while", "until", "!", "{", "}", "fi", "done", "local"}


def text_of(name: str) -> str:
    """The file as it is written."""
    return (ROOT / name).read_text(encoding="utf-8")


def config_of(name: str) -> dict[str, Any]:
    """The YAML in the file."""
    config: dict[str, Any] = yaml.safe_load(text_of(name))
    return config


def strings_in(value: Any) -> Iterator[str]:
    """Every text in what YAML carries, names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from strings_in(name)
            yield from strings_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_in(inner)


def commands_in(name: str) -> list[list[str]]:
    """Every command that the file runs or shows, as words; commands inside the words of others too."""
    text = text_of(name)
    if name.endswith(".md"):
        return simple_commands("\n".join(re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)))
    shown = simple_commands(_in_comments(text))
    if name.endswith(".sh"):
        return shown + simple_commands(text)
    if name.endswith(".yaml"):
        return shown + [words for run in _run_by(config_of(name)) for words in simple_commands(run)]
    return shown + simple_commands("\n".join(re.findall(r"^RUN (.*)", text, re.MULTILINE)))


def _in_comments(text: str) -> str:
    """What stands three blanks or more behind a comment's sign; prose stands one blank behind it."""
    return "\n".join(re.findall(r"^ *#   +(\S.*)", text, re.MULTILINE))


def _run_by(config: Mapping[str, Any]) -> list[str]:
    """What `ray up` or KubeRay runs."""
    listed = [run for key, value in config.items() if key.endswith("_commands") for run in value]
    return [*listed, config["spec"]["entrypoint"]] if "spec" in config else listed


def simple_commands(text: str) -> list[list[str]]:
    """The commands of a shell text, one after the other, as words without quotes and without assignments before them.

    Variables stay as they are written. What follows: commands behind `--`, in `$(…)`, and in quoted words that name
    kotune or Ray.
    """
    found: list[list[str]] = []
    inner: list[str] = []
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "#":
            at = _end(text, at, "\n")
        elif text.startswith("\\\n", at):
            at += 2
        elif text[at] in " \t":
            at += 1
        elif redirection := re.compile(r"\d?(?:>>|>&|<<<|>|<)\s*").match(text, at):
            _, at = _word(text, redirection.end(), inner)
        elif text[at] in ";&|()\n":
            found.append(words)
            words = []
            at += 1
        else:
            word, at = _word(text, at, inner)
            words.append(word)
    found.append(words)
    bare = [without for words in found if (without := _without_prefix(words))]
    bare += [words[words.index("--") + 1 :] for words in bare if "--" in words[:-1]]
    inner += [word for words in bare for word in words if re.search(r"\s", word) and re.search(r"cli\.py|\bray ", word)]
    return bare + [words for text in inner for words in simple_commands(text)]


def _word(text: str, at: int, inner: list[str]) -> tuple[str, int]:
    """The word that begins here, and where it ends; what is in `$(…)` is added to `inner`."""
    word = ""
    while at < len(text) and text[at] not in " \t\n;&|()<>":
        if text[at] == "\\":
            word += text[at + 1 : at + 2].strip("\n")
            at += 2
        elif text[at] == "'":
            end = _end(text, at + 1, "'")
            word += text[at + 1 : end]
            at = end + 1
        elif text[at] == '"':
            part, at = _quoted(text, at + 1, inner)
            word += part
        elif text.startswith("$(", at):
            end = _closed(text, at)
            inner += [] if text.startswith("$((", at) else [text[at + 2 : end - 1]]
            word += text[at:end]
            at = end
        else:
            word += text[at]
            at += 1
    return word, at


def _quoted(text: str, at: int, inner: list[str]) -> tuple[str, int]:
    """What is in double quotes from here on, and where the next word may go on."""
    part = ""
    while at < len(text) and text[at] != '"':
        if text.startswith("$(", at):
            end = _closed(text, at)
            inner += [] if text.startswith("$((", at) else [text[at + 2 : end - 1]]
            part += text[at:end]
            at = end
        else:
            at += text[at] == "\\"
            part += text[at : at + 1].strip("\n")
            at += 1
    return part, at + 1


def _closed(text: str, at: int) -> int:
    """Behind the bracket that closes the first one from here on."""
    depth = 0
    for end in range(at, len(text)):
        depth += (text[end] == "(") - (text[end] == ")")
        if text[end] == ")" and not depth:
            return end + 1
    return len(text)


def _end(text: str, at: int, sign: str) -> int:
    found = text.find(sign, at)
    return len(text) if found < 0 else found


def _without_prefix(words: list[str]) -> list[str]:
    """Without keywords and assignments in front; an assignment alone is no command."""
    while words and (words[0] in _KEYWORDS or re.match(r"\w+=", words[0])):
        words = words[1:]
    return words
