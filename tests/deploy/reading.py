"""Reads deployment files: their configurations, and the commands in them and in their comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]

#: Files for `ray up`.
RAY_UP = ("cluster.yaml", "deploy/gcp.yaml", "deploy/local.yaml")
#: Those with autoscaling.
CLOUDS = ("cluster.yaml", "deploy/gcp.yaml")
KUBERAY = "deploy/kuberay.yaml"
DOCKERFILE = "deploy/Dockerfile"
SLURM = "deploy/slurm.sh"
SHELLS = ("deploy/aws_account.sh", SLURM)
PAGE = "docs/cluster.md"
#: All deployment files.
FILES = (*RAY_UP, KUBERAY, DOCKERFILE, *SHELLS)

#: Shell keywords that can precede a command.
_KEYWORDS = {"if", "then", "else", "elif", "do", "while", "until", "!", "{", "}", "fi", "done", "local"}


def text_of(name: str) -> str:
    """Returns the text of the file."""
    return (ROOT / name).read_text(encoding="utf-8")


def config_of(name: str) -> dict[str, Any]:
    """Returns the YAML of the file."""
    config: dict[str, Any] = yaml.safe_load(text_of(name))
    return config


def strings_in(value: Any) -> Iterator[str]:
    """Yields all strings in a YAML value, including keys."""
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
    """Returns all commands that the file runs or shows, as words, including commands inside words of others."""
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
    """Returns comment text after three or more blanks; prose has one blank after the number sign."""
    return "\n".join(re.findall(r"^ *#   +(\S.*)", text, re.MULTILINE))


def _run_by(config: Mapping[str, Any]) -> list[str]:
    """Returns the commands that `ray up` or KubeRay runs."""
    listed = [run for key, value in config.items() if key.endswith("_commands") for run in value]
    return [*listed, config["spec"]["entrypoint"]] if "spec" in config else listed


def simple_commands(text: str) -> list[list[str]]:
    """Returns the commands of a shell text as words, without quotes and leading assignments.

    Variables are not expanded. Commands after `--`, in `$(…)`, and in quoted words that name kotune or Ray come last.
    """
    commands: list[list[str]] = []
    inner: list[str] = []
    words: list[str] = []
    position = 0
    while position < len(text):
        if text[position] == "#":
            position = _end(text, position, "\n")
        elif text.startswith("\\\n", position):
            position += 2
        elif text[position] in " \t":
            position += 1
        elif redirection := re.compile(r"\d?(?:>>|>&|<<<|>|<)\s*").match(text, position):
            _, position = _word(text, redirection.end(), inner)
        elif text[position] in ";&|()\n":
            commands.append(words)
            words = []
            position += 1
        else:
            word, position = _word(text, position, inner)
            words.append(word)
    commands.append(words)
    bare = [without for words in commands if (without := _without_prefix(words))]
    bare += [words[words.index("--") + 1 :] for words in bare if "--" in words[:-1]]
    inner += [word for words in bare for word in words if re.search(r"\s", word) and re.search(r"cli\.py|\bray ", word)]
    return bare + [words for text in inner for words in simple_commands(text)]


def _word(text: str, position: int, inner: list[str]) -> tuple[str, int]:
    """Returns the word at a position and its end; text in `$(…)` is appended to `inner`."""
    word = ""
    while position < len(text) and text[position] not in " \t\n;&|()<>":
        if text[position] == "\\":
            word += text[position + 1 : position + 2].strip("\n")
            position += 2
        elif text[position] == "'":
            end = _end(text, position + 1, "'")
            word += text[position + 1 : end]
            position = end + 1
        elif text[position] == '"':
            part, position = _quoted(text, position + 1, inner)
            word += part
        elif text.startswith("$(", position):
            end = _closed(text, position)
            inner += [] if text.startswith("$((", position) else [text[position + 2 : end - 1]]
            word += text[position:end]
            position = end
        else:
            word += text[position]
            position += 1
    return word, position


def _quoted(text: str, position: int, inner: list[str]) -> tuple[str, int]:
    """Returns the double-quoted text at a position, and the position after the quote."""
    part = ""
    while position < len(text) and text[position] != '"':
        if text.startswith("$(", position):
            end = _closed(text, position)
            inner += [] if text.startswith("$((", position) else [text[position + 2 : end - 1]]
            part += text[position:end]
            position = end
        else:
            position += text[position] == "\\"
            part += text[position : position + 1].strip("\n")
            position += 1
    return part, position + 1


def _closed(text: str, position: int) -> int:
    """Returns the position after the bracket that closes the first one."""
    depth = 0
    for end in range(position, len(text)):
        depth += (text[end] == "(") - (text[end] == ")")
        if text[end] == ")" and not depth:
            return end + 1
    return len(text)


def _end(text: str, position: int, sign: str) -> int:
    end = text.find(sign, position)
    return len(text) if end < 0 else end


def _without_prefix(words: list[str]) -> list[str]:
    """Removes leading keywords and assignments; an assignment alone is not a command."""
    while words and (words[0] in _KEYWORDS or re.match(r"\w+=", words[0])):
        words = words[1:]
    return words
