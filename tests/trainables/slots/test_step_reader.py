"""The driver reads the steps of running trials without waiting. Without Ray."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import ray
import ray.exceptions

from trainables.slots.messages import TrialSteps
from trainables.slots.step_reader import StepReader
from trainables.training.reports import StepProgress

STEPS = StepProgress(step=10, epoch=0.5)


class FakeCluster:
    """Named mailboxes, which answer once they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *trials: str) -> None:
        self.names = {f"mailbox of slot-{trial}": trial for trial in trials}
        self.answers: dict[str, Any] = {}  # trial -> what its mailbox answers
        self.asked: list[str] = []
        monkeypatch.setattr(ray.util, "list_named_actors", lambda: [*self.names, "another actor"])
        monkeypatch.setattr(ray, "get_actor", self.get_actor)
        monkeypatch.setattr(ray, "wait", self.wait)
        monkeypatch.setattr(ray, "get", self.get)

    def get_actor(self, name: str) -> Any:
        def ask() -> str:
            self.asked.append(trial)
            return trial

        if (trial := self.names[name]) == "ended":
            raise ValueError(f"no actor {name}")
        return SimpleNamespace(steps=SimpleNamespace(remote=ask))

    def wait(self, references: list[str], num_returns: int, timeout: float) -> tuple[list[str], list[str]]:
        assert num_returns == len(references) > 0
        assert timeout == 0
        return [each for each in references if each in self.answers], []

    def get(self, trial: str) -> Any:
        answer = self.answers.pop(trial)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_mailbox_that_does_not_answer_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers of the others come at the next call; a mailbox without steps, or that has died, gives none."""
    cluster = FakeCluster(monkeypatch, "runs", "hangs", "starts", "dies", "ended")
    reader = StepReader()
    assert reader.read() == {}
    assert sorted(cluster.asked) == ["dies", "hangs", "runs", "starts"]
    cluster.answers = {"runs": TrialSteps("runs", STEPS), "starts": None, "dies": ray.exceptions.RayActorError()}
    del cluster.names["mailbox of slot-dies"]
    assert reader.read() == {"runs": STEPS}
    assert sorted(cluster.asked[4:]) == ["runs", "starts"]


def test_a_mailbox_that_has_ended_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its open question; without mailboxes nothing is waited for."""
    cluster = FakeCluster(monkeypatch, "runs")
    reader = StepReader()
    reader.read()
    cluster.names.clear()
    cluster.answers = {}
    assert reader.read() == {}
    cluster.answers = {"runs": TrialSteps("runs", STEPS)}
    assert reader.read() == {}
