"""One model folder in one search space: probe, training, export, and answers to different texts."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.folder_runs.data import FILES
from corpora.splits import read_split
from delivery.inference.predictor import Predictor, predict_all
from delivery.inference.scoring import evaluate
from delivery.sessions.session import start
from delivery.sessions.space_options import one_configuration, resolve_space
from delivery.sessions.study_request import StudyRequest, check
from foundation.errors import UserError, UserErrors, first_line
from search_spaces.schema import Space
from tuning import preparation
from tuning.probe import ProbeResult, probe
from tuning.studies.storage import storage_at

#: Relative differences that may be rounding.
NOISE = {torch.float32: 1e-6, torch.float64: 1e-9}

_COLUMNS = {
    "t5": ("columns.source=dialogue", "columns.target=summary"),
    "kcbert": ("columns.source=document", "columns.target=label"),
}
_COMMON = (
    "num_train_epochs=1",
    "per_device_train_batch_size=8",
    "learning_rate=2e-3",
    "max_source_length=64",
    "wandb.mode=disabled",
    "scheduler.name=none",
)
_WRITING = ("max_target_length=24", "max_new_tokens=12", "rouge_tokenizer=whitespace", "num_beams=1", "min_length=0")

#: Errors of a library that explain nothing to a user.
_BARE = re.compile(r"\b(Type|Attribute|Index|Key|Assertion|Runtime|Name|NotImplemented)Error: ")


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Args:
        ending: trained, refused or fault.
        text: what a line shows after the ending.
        loading, probe: seconds in a fresh process; None if the probe refused the model or was not reached.
    """

    model: str
    space: str
    ending: str
    text: str
    loading: float | None = None
    probe: float | None = None

    def line(self) -> str:
        seconds = "" if self.probe is None else f"  [probe {self.probe:.2f} s after {self.loading:.2f} s]"
        return f"{self.model:16} {self.space:7} {self.ending:8} {self.text}{seconds}"


@dataclass(frozen=True)
class Run:
    """One model in one search space.

    Args:
        folder: the data files of the space, which `cut` wrote.
    """

    model: str
    space: str
    folder: Path
    probe_only: bool = False

    def resolved(self) -> Space:
        files = {f"data.{split}": str(self._file(split)) for split in ("train", "dev")}
        sets = [*_COMMON, *_COLUMNS.get(self.space, ()), *(_WRITING if self.space in ("kobart", "t5") else ())]
        space = resolve_space(self.space, {**files, "model": self.model}, sets, [], None)
        return one_configuration(space, None)

    def _file(self, split: str) -> Path:
        return self.folder / f"{split}{Path(FILES[self.space]).suffix}"

    def result(self) -> Result:
        """Returns how the run ends. Whatever it raises is a fault."""
        measured = None
        try:
            with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stderr(io.StringIO()):
                measured = self._probe(Path(scratch))
                torch.set_num_threads(1)  # faster for small models; the probe has the threads of a user's command
                ending, text = self._run(Path(scratch))
        except UserError as error:
            problem = weakness(error)
            ending, text = ("fault", f"{problem}: {error}") if problem else ("refused", first_line(error))
        except Exception as error:  # noqa: BLE001  whatever it is, the run shows a fault
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}, line {place.lineno}"
            ending, text = "fault", f"{type(error).__name__}: {first_line(error)} ({where})"
        name, text = Path(self.model).name, text.replace(f"{Path(self.model).parent}/", "")
        seconds = [measured.loading, measured.seconds] if measured else []
        loading, probed = (None if one is None else round(one, 3) for one in seconds or [None, None])
        return Result(name, self.space, ending, " ".join(text.split()), loading, probed)

    def _probe(self, scratch: Path) -> ProbeResult | None:
        """Returns what the probe measures in this fresh process; None if it refuses the model, as `start` will."""
        space = self.resolved()
        splits = preparation.read(space)
        with contextlib.suppress(UserError):
            return probe(space, preparation.learn(space, splits), splits, scratch / "probe")
        return None

    def _run(self, scratch: Path) -> tuple[str, str]:
        """Trains, exports and predicts; returns the ending and its text."""
        space = self.resolved()
        request = StudyRequest(space, "study", storage_at(scratch / "runs"))
        if self.probe_only:
            check(request, scratch, download=True)
            return "trained", "not trained, only probed"
        outcome = start(request, io.StringIO())
        best = outcome.summary.best
        if best is None:
            return "fault", f"the trial failed: {first_line(Exception(outcome.summary.failures[0].reason))}"
        exported = scratch / "runs" / "study" / "best_model"
        scores: Any = evaluate(exported, self._file("dev"), 16)
        metric = outcome.summary.metric
        if abs(scores[metric] - best.value) > 1e-4:
            return "fault", f"{metric} {best.value:.6f} in the trial, {scores[metric]:.6f} with the exported folder"
        model = Predictor(exported, "cpu")
        rows = read_split(str(self._file("texts")), model.settings.layout, targets=False).rows
        different = count_different([answer(model, row) for row in rows])
        written = len({str(prediction) for prediction in predict_all(model, rows, 1)})
        text = f"{different} of {len(rows)} answers differ ({written} as written), {metric} {best.value:.3f}"
        return ("trained" if different >= 0.9 * len(rows) else "fault"), text


def weakness(error: UserError) -> str:
    """Returns what a message lacks; empty if it has all three parts and is not the bare error of a library."""
    for problem in error.problems if isinstance(error, UserErrors) else [error]:
        if bare := _BARE.search(problem.problem):
            return f"refused by a bare {bare.group().strip(': ')}"
        if not problem.allowed or not problem.todo:
            return f"refused without saying {'what to do' if problem.allowed else 'what is allowed'}"
    return ""


def count_different(answers: Sequence[torch.Tensor]) -> int:
    """Returns how many answers differ from all answers before them by more than `NOISE` of their size."""
    unique: list[torch.Tensor] = []
    for one in answers:
        if all((one - other).abs().max() > NOISE[one.dtype] * one.abs().max() for other in unique):
            unique.append(one)
    return len(unique)


@torch.inference_mode()
def answer(model: Predictor, row: Any) -> torch.Tensor:
    """Returns the logits of the classes, of the number, or of the first token that is generated: [logits]."""
    columns = model.task.encode([row], model.tokenizer, model.settings.limits)
    tokens = {name: columns[name][0] for name in model.task.columns if name in columns}
    batch = model.task.collate([tokens], model.model)
    if not model.task.is_generative:
        logits: torch.Tensor = model.model.double()(**batch)["logits"][0]
        return logits
    asked = {"max_new_tokens": 1, "min_new_tokens": 0, "output_logits": True, "return_dict_in_generate": True}
    first: torch.Tensor = model.model.generate(**batch, **asked).logits[0][0]
    return first
