"""The parser of commands: a command that it misses would not be checked."""

from __future__ import annotations

from tests.deploy.reading import commands_in, simple_commands


def test_commands_are_separated() -> None:
    """At semicolons, pipes, brackets and line ends; comments and redirections are skipped."""
    text = "a b; c | d && (e > f 2>&1)  # g\nh 'i; j' \\\n  k"
    assert simple_commands(text) == [["a", "b"], ["c"], ["d"], ["e"], ["h", "i; j", "k"]]


def test_keywords_and_assignments_are_not_the_command() -> None:
    """The command is the word after them."""
    text = 'if ! a; then X=1 b; fi\nY=$(c d)\nexport Z=1\nuntil e "$(f)"; do g; done'
    assert simple_commands(text) == [["a"], ["b"], ["export", "Z=1"], ["e", "$(f)"], ["g"], ["c", "d"], ["f"]]


def test_quoted_commands_are_parsed() -> None:
    """`ray exec` takes a command as one word, which may be quoted in several ways."""
    text = "ray exec c.yaml --tmux 'cd k && python cli.py tune x --slots 1:8'"
    assert simple_commands(text)[1:] == [["cd", "k"], ["python", "cli.py", "tune", "x", "--slots", "1:8"]]
    assert ["python", "x.py"] in simple_commands("kubectl exec pod -- python x.py")
    assert ["ray", "status"] in simple_commands("bash -c '\n  ray status' \"$x\"")


def test_commands_in_comments_are_parsed() -> None:
    """Three blanks mark a command; a continued line belongs to it."""
    shown = commands_in("cluster.yaml")
    assert ["ray", "up", "cluster.yaml", "--yes"] in shown
    assert ["ray", "up", "cluster.yaml", "--no-restart", "--yes"] in shown  # in an indented comment
    tunes = [words for words in shown if words[:3] == ["python", "cli.py", "tune"]]
    assert any(words[-2:] == ["--time-budget", "8h"] for words in tunes)  # on a continued line
    assert not any(words[0] == "The" for words in shown)


def test_executed_commands_are_parsed() -> None:
    """Not only those in comments."""
    assert any(words[:2] == ["make", "-C"] for words in commands_in("cluster.yaml"))
    entry = ["python", "/kotune/cli.py", "tune"]
    assert any(words[:3] == entry for words in commands_in("deploy/kuberay.yaml"))
    assert any(words[:2] == ["make", "venv"] for words in commands_in("deploy/Dockerfile"))
    assert ["python", "cli.py", "$@", "--address", "$address"] in commands_in("deploy/slurm.sh")
