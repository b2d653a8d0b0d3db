"""Sessions of a study with a searcher and Optuna, and without Ray: for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from search_spaces.draft import from_dict
from search_spaces.schema import Space
from tests.trainables.slots.scenes import WORKER, a_job, a_report
from trainables.slots.messages import (
    Evaluated,
    Message,
    from_tune_config,
    to_tune_result,
)
from trainables.slots.settings import Shape, SlotSettings
from tuning.algorithms.optuna_searcher import OptunaSearcher
from tuning.algorithms.optuna_storage import open_study
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

SPACE = from_dict(
    {
        "mode": "min",
        "metric": "loss",
        "budget": {"trials": 8},
        "sampler": {"startup_trials": 2},
        "search": {"learning_rate": {"log": [1e-5, 1e-2], "default": 1e-3}, "num_beams": {"int": [1, 8], "default": 1}},
    },
    "test",
)


SETTINGS = SlotSettings(Shape(1, 1.0, 0.0), folder="", hang=1.0)


class Session:
    """One session of a study: the calls that Tune makes to a searcher."""

    def __init__(self, storage: Path, space: Space = SPACE, room: Callable[[int, int], int] | None = None) -> None:
        new = not (storage / "mine").exists()
        self.study = Study.create(space, storage, "mine") if new else Study.load(storage, "mine")
        self.optuna = open_study(self.study.paths.optuna, space)
        self.lines: list[str] = []
        self.searcher = OptunaSearcher(
            self.study, self.optuna, lambda record: a_job(trial_id=record.trial_id), SETTINGS, self.lines.append, room
        )

    def begin(self, name: str) -> TrialRecord:
        config = self.searcher.suggest(name)
        assert isinstance(config, dict)
        return self.study.records[from_tune_config(config).job.trial_id]

    def report(self, name: str, epoch: float, loss: float, **more: Any) -> None:
        self.searcher.on_trial_result(name, result(epoch, loss, **more))

    def complete(self, name: str, event: Any) -> None:
        """The trial ends with this event."""
        self.searcher.on_trial_complete(name, to_tune_result(Message(event)))

    def whole(self, name: str) -> TrialRecord:
        """Runs a trial to its end."""
        record = self.begin(name)
        self.report(name, 1.0, record.config["learning_rate"])
        self.searcher.on_trial_complete(name, result(2.0, record.config["learning_rate"], last=True))
        return record

    def states(self) -> list[TrialState]:
        return [trial.state for trial in self.optuna.get_trials(deepcopy=False)]


def result(epoch: float, loss: float, last: bool = False, slot: str = "", groups: int = 0) -> dict[str, Any]:
    """An evaluation, as Tune passes it on."""
    event = Evaluated(a_report(epoch, last, loss), objective=loss)
    return to_tune_result(Message(event, groups=groups, worker=WORKER, slot=slot))
