"""Weights & Biases, at arm's length: a trial hands over what it logs and never waits for the network.

Each trial's run is opened, fed and finished by a thread of its own. A server that cannot be reached turns the run
into an offline one (written to the study folder, and said in `tracking.json`); nothing else changes.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import queue
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock
from transformers import TrainerCallback

from foundation.buckets import in_bucket, join, scratch, upload, write
from foundation.errors import first_line
from foundation.secrets import redact, redacted
from trainables.tracking.run_settings import RunSettings

_PROBE_SECONDS = 5.0
_LOCK_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Tracker:
    """One trial's run. `log` and `close` return at once; `wait` is for the end of a process.

    A trial that goes on from a checkpoint tells some steps again; what was logged before it was cut off is not logged
    twice, so that the step axis never goes back.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._here = scratch("wandb", settings.record) if in_bucket(settings.folder) else Path(settings.folder)
        told = self._here if in_bucket(settings.folder) else Path(settings.record).parent
        self._logged = Logged(told / "logged.json")
        self._queue: queue.SimpleQueue[tuple[dict[str, Any], int] | dict[str, Any]] = queue.SimpleQueue()
        self._answer: list[str] = []  # why the server cannot be reached, or "", once that is known
        self._decided = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"wandb-{settings.run_id}", daemon=True)
        self._thread.start()

    def log(self, values: Mapping[str, Any], step: int) -> None:
        """Values at an optimizer step."""
        if self._settings.mode != "disabled":
            self._queue.put((dict(values), step))

    def close(self, summary: Mapping[str, Any]) -> None:
        """Finish the run; `summary` holds its status (finished, pruned, failed, interrupted)."""
        self._queue.put(dict(summary))

    def wait(self, seconds: float) -> bool:
        """Whether the run was finished within `seconds`."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def hurry(self) -> None:
        """Wait no longer for a server that has given no answer yet: the run is then kept offline."""
        self._decided.set()

    def _work(self) -> None:
        run = self._open()
        if run is not None:
            self._logged.take()
        while True:
            entry = self._queue.get()
            if isinstance(entry, dict):
                break
            values, step = entry
            # Kept as logged only when it is: a process may be killed while its run is still being opened.
            if run is not None:
                with self._logged.alone():
                    if new := self._logged.new(values, step):
                        run.log(new, step=step)
                        self._logged.keep(new, step)
        if run is not None:
            run.summary.update(redacted(entry))
            run.finish(exit_code=1 if entry.get("status") == "failed" else 0)
            self._upload(Path(run.dir).parent)

    def _upload(self, files: Path) -> None:
        """Bring the run's files to the bucket; a run that is online lies with W&B, too."""
        if in_bucket(self._settings.folder):
            try:
                upload(files, join(self._settings.folder, "wandb", files.name))
            except OSError as error:
                _log.warning("W&B: the files of %s stay in %s: %s", self._settings.run_id, files, first_line(error))

    def _open(self) -> Any:
        wanted = self._settings
        if wanted.mode == "disabled":
            return None
        import wandb

        kept, run_id, reason = wanted.mode, wanted.run_id, ""
        if wanted.mode == "online":
            reason = self._unreachable(wandb.setup().settings.base_url)
            kept = "offline" if reason else "online"
        try:
            run = self._init(kept, run_id)
        except (wandb.errors.Error, OSError) as error:
            kept, reason = "offline", redact(first_line(error))
            # The server answers, yet opens no run. W&B still holds the id, so the offline run needs one of its own.
            run_id = f"{run_id}-offline"
            run = self._init(kept, run_id)
        if reason:
            _log.warning("W&B: trial %s is kept offline: %s", wanted.run_id, reason)
        entry = {"mode": kept, "id": run_id, "reason": reason, "folder": str(Path(run.dir).parent)}
        with contextlib.suppress(OSError):  # the study's last lines then say nothing of this run
            write(wanted.record, json.dumps(entry).encode())
        return run

    def _unreachable(self, url: str) -> str:
        def ask() -> None:
            self._answer.append(unreachable(url, min(self._settings.open_seconds, _PROBE_SECONDS)))
            self._decided.set()

        threading.Thread(target=ask, daemon=True).start()
        self._decided.wait()
        return self._answer[0] if self._answer else f"{url}: no answer before its slot closed"

    def _init(self, mode: Any, run_id: str) -> Any:
        import wandb

        given = self._settings
        return wandb.init(
            project=given.project,
            entity=given.entity,
            id=run_id,
            name=given.name,
            group=given.group,
            tags=list(given.tags),
            config=redacted(given.config),
            dir=str(self._here),
            mode=mode,
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                save_code=False,
                x_disable_meta=True,  # it would send the command line, whose URLs may hold passwords
                init_timeout=given.open_seconds,
                login_timeout=given.open_seconds,
                finish_timeout=given.finish_seconds,
            ),
        )


def last_words(trackers: Sequence[Tracker], seconds: float) -> None:
    """Finish runs within `seconds`; those that wait for the server's first answer after half of it are kept offline."""
    begun = time.monotonic()
    for share in (seconds / 2, seconds):
        for tracker in trackers:
            if not tracker.wait(max(0.0, begun + share - time.monotonic())):
                tracker.hurry()


class Logged:
    """What of a trial was logged, up to the newest step: a file, since two attempts may live for a moment.

    The worker of a slot whose owner was killed trains on until it hears of it, beside the one that took its trial.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._me = file, uuid.uuid4().hex

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other attempt logs meanwhile, where the file system knows locks."""
        lock = FileLock(self._file.with_name(f"{self._file.name}.lock"))
        held = False
        with contextlib.suppress(OSError, NotImplementedError):
            lock.acquire(timeout=_LOCK_SECONDS)
            held = True
        try:
            yield
        finally:
            if held:
                lock.release()

    def take(self) -> None:
        """From here on only this attempt logs; what others did stays."""
        with self.alone():
            newest, names, _ = self._known()
            self._write(newest, names, self._me)

    def new(self, values: Mapping[str, Any], step: int) -> dict[str, Any]:
        """Those of `values` that nobody kept as logged; none where another attempt has taken over."""
        newest, names, by = self._known()
        if step < newest or by not in ("", self._me):
            return {}
        return {name: value for name, value in values.items() if step > newest or name not in names}

    def keep(self, names: Iterable[str], step: int) -> None:
        """These were logged at that step."""
        newest, known, by = self._known()
        self._write(step, {*names, *(known if step == newest else ())}, by)

    def _write(self, step: int, names: Iterable[str], by: str) -> None:
        with contextlib.suppress(OSError):  # never to stop a trial
            self._file.write_text(json.dumps({"step": step, "names": sorted(names), "by": by}), encoding="utf-8")

    def _known(self) -> tuple[int, set[str], str]:
        """The newest step, what was logged at it, and the attempt that logs."""
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
            return int(known["step"]), set(known["names"]), str(known.get("by", ""))
        except (OSError, ValueError, KeyError, TypeError):  # none yet, or cut off: then a step may stand there twice
            return -1, set(), ""


def unreachable(url: str, seconds: float) -> str:
    """Why the server at `url` gives no answer within `seconds`; empty when it gives any, if only to refuse.

    Asked before W&B is: a run that W&B failed to open online keeps its id from being opened offline.
    """
    try:
        with urllib.request.urlopen(url, timeout=seconds):
            return ""
    except urllib.error.HTTPError:
        return ""  # an answer
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        return redact(f"{url}: {reason or type(error).__name__}")


class TrackingCallback(TrainerCallback):
    """Sends what the trainer logs: learning rate, loss and gradient norm per logging step, evaluations."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        if state.is_world_process_zero and logs:
            self._tracker.log(_named(logs), state.global_step)


def _named(logs: Mapping[str, Any]) -> dict[str, Any]:
    """`eval_loss` → `eval/loss`, `loss` → `train/loss`, as transformers' own integration names them."""
    return {
        f"eval/{name.removeprefix('eval_')}"
        if name.startswith("eval_")
        else f"train/{name.removeprefix('train_')}": value
        for name, value in logs.items()
    }
