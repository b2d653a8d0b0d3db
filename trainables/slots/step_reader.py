"""Reads the steps of all running trials from their mailboxes, for the driver's display."""

from __future__ import annotations

import contextlib
from typing import Any

import ray
import ray.exceptions

from trainables.slots.messages import TrialSteps
from trainables.slots.slot import MAILBOX_PREFIX
from trainables.training.reports import StepProgress


class StepReader:
    """Asks the mailboxes of this Ray job, and never waits for an answer.

    A mailbox is asked again when it has answered, so that a dead or slow one has one open question, and costs nothing.
    """

    def __init__(self) -> None:
        self._mailboxes: dict[str, Any] = {}  # by name
        self._asked: dict[str, Any] = {}  # answers that have not come

    def read(self) -> dict[str, StepProgress]:
        """Returns the answers that have come since the last call, by trial id, and asks for the next."""
        answers = self._answers()
        self._find_mailboxes()
        for name in self._mailboxes.keys() - self._asked.keys():
            self._asked[name] = self._mailboxes[name].steps.remote()
        return {answer.trial_id: answer.steps for answer in answers if answer is not None}

    def _answers(self) -> list[TrialSteps | None]:
        asked = {reference: name for name, reference in self._asked.items()}
        ready = ray.wait([*asked], num_returns=len(asked), timeout=0)[0] if asked else []
        answers = []
        for reference in ready:
            del self._asked[asked[reference]]
            with contextlib.suppress(ray.exceptions.RayError):  # the actor has ended meanwhile
                answers.append(ray.get(reference))
        return answers

    def _find_mailboxes(self) -> None:
        names = {name for name in ray.util.list_named_actors() if name.startswith(MAILBOX_PREFIX)}
        for name in self._mailboxes.keys() - names:
            del self._mailboxes[name]
            self._asked.pop(name, None)
        for name in names - self._mailboxes.keys():
            with contextlib.suppress(ValueError, ray.exceptions.RayError):  # it has ended meanwhile
                self._mailboxes[name] = ray.get_actor(name)
