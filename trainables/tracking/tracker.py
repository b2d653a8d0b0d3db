"""One trial's W&B run. A trial hands over what it logs and never waits for the network.

A thread per trial opens, feeds and finishes its run. If the server cannot be reached, the run is kept offline: its
files are in the study folder, and `tracking.json` gives the reason. Nothing else changes.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from foundation.bucket_copies import scratch
from foundation.buckets import in_bucket, join, upload, write_json
from foundation.checked_json import plain
from foundation.errors import first_line
from foundation.secrets import redact, redacted
from search_spaces.choices import WandbMode
from trainables.tracking import wandb_internals
from trainables.tracking.logged_steps import LoggedSteps
from trainables.tracking.run_settings import RunRecord, RunSettings, RunStatus, run_names

_PROBE_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Values:
    """Values at an optimizer step."""

    values: Mapping[str, Any]
    step: int


@dataclass(frozen=True)
class _End:
    """The end of a run, with its summary."""

    summary: Mapping[str, Any]


class Tracker:
    """One trial's run. `log` and `close` return at once; `wait` is for the end of a process.

    A trial that resumes from a checkpoint repeats some steps. What was already logged is not logged again, because the
    step axis of a run must never go back.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._is_remote = in_bucket(settings.folder)
        self._folder = scratch("wandb", settings.record) if self._is_remote else Path(settings.folder)
        beside = self._folder if self._is_remote else Path(settings.record).parent
        self._logged = LoggedSteps(beside / "logged.json")
        self._queue: queue.SimpleQueue[_Values | _End] = queue.SimpleQueue()
        self._probe: list[str] = []  # empty until the server is probed; then why it cannot be reached, or ""
        self._is_decided = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"wandb-{settings.run_id}", daemon=True)
        self._thread.start()

    def log(self, values: Mapping[str, Any], step: int) -> None:
        """Logs values at an optimizer step."""
        if self._settings.mode != WandbMode.DISABLED:
            self._queue.put(_Values(dict(values), step))

    def close(self, summary: Mapping[str, Any]) -> None:
        """Finishes the run; `summary` holds its `status`, a `RunStatus`."""
        self._queue.put(_End(dict(summary)))

    def wait(self, seconds: float) -> bool:
        """Returns whether the run was finished within `seconds`."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def stop_waiting_for_server(self) -> None:
        """Keeps the run offline if the server has not responded yet."""
        self._is_decided.set()

    def _work(self) -> None:
        run = self._open()
        if run is not None:
            self._logged.take_over()
        while isinstance(entry := self._queue.get(), _Values):
            if run is not None:
                self._log(run, entry)
        if run is not None:
            run.summary.update(redacted(entry.summary))
            run.finish(exit_code=1 if entry.summary.get("status") == RunStatus.FAILED else 0)
            self._upload(wandb_internals.run_folder(run))

    def _log(self, run: Any, entry: _Values) -> None:
        # Recorded as logged only after it is: a process may be killed while its run is still being opened.
        with self._logged.exclusive():
            if new := self._logged.new(entry.values, entry.step):
                run.log(new, step=entry.step)
                self._logged.add(new, entry.step)

    def _upload(self, folder: Path) -> None:
        """Uploads the files of the run to the bucket, also if W&B has them."""
        if self._is_remote:
            try:
                upload(folder, join(self._settings.folder, "wandb", folder.name))
            except OSError as error:
                _log.warning("W&B: the files of %s remain in %s: %s", self._settings.run_id, folder, first_line(error))

    def _open(self) -> Any:
        settings = self._settings
        if settings.mode == WandbMode.DISABLED:
            return None
        wandb = wandb_internals.import_wandb()
        mode, run_id, reason = settings.mode, settings.run_id, ""
        if mode == WandbMode.ONLINE:
            reason = self._why_unreachable(wandb_internals.server_url())
            mode = WandbMode.OFFLINE if reason else WandbMode.ONLINE
        try:
            run = self._init(mode, run_id)
        except (wandb.errors.Error, OSError) as error:
            mode, reason = WandbMode.OFFLINE, redact(first_line(error))
            # The server responds but opens no run. wandb still holds the id, so the offline run needs another one.
            run_id = f"{run_id}-offline"
            run = self._init(mode, run_id)
        if reason:
            _log.warning("W&B: trial %s is kept offline: %s", settings.run_id, reason)
        record = RunRecord(mode=mode, id=run_id, reason=reason, folder=str(wandb_internals.run_folder(run)))
        with contextlib.suppress(OSError):  # the study's last lines then do not mention this run
            write_json(settings.record, plain(record))
        return run

    def _why_unreachable(self, url: str) -> str:
        def probe() -> None:
            self._probe.append(why_unreachable(url, min(self._settings.open_seconds, _PROBE_SECONDS)))
            self._is_decided.set()

        threading.Thread(target=probe, daemon=True).start()
        self._is_decided.wait()
        return self._probe[0] if self._probe else f"{url}: no response before its slot closed"

    def _init(self, mode: WandbMode, run_id: str) -> Any:
        wandb = wandb_internals.import_wandb()
        settings = self._settings
        wandb_mode: Any = mode.value  # wandb declares a Literal
        return wandb.init(
            project=settings.project,
            entity=settings.entity,
            id=run_id,
            name=settings.name,
            group=settings.group,
            tags=list(settings.tags),
            config=redacted(settings.config),
            dir=str(self._folder),
            mode=wandb_mode,
            resume="allow",
            reinit="create_new",
            settings=wandb_internals.run_settings(
                open_seconds=settings.open_seconds, finish_seconds=settings.finish_seconds
            ),
        )


def finish_all(trackers: Sequence[Tracker], seconds: float) -> None:
    """Finishes runs within `seconds`. After half of it, runs that still wait for the server are kept offline."""
    started = time.monotonic()
    for limit in (seconds / 2, seconds):
        for tracker in trackers:
            if not tracker.wait(max(0.0, started + limit - time.monotonic())):
                tracker.stop_waiting_for_server()


def why_unreachable(url: str, seconds: float) -> str:
    """Returns why the server at `url` does not respond within `seconds`; empty if it responds, even with an error.

    Probed before wandb is used: a run that wandb failed to open online blocks its id from being opened offline.
    """
    try:
        with urllib.request.urlopen(url, timeout=seconds):
            return ""
    except urllib.error.HTTPError:
        return ""  # a response
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        return redact(f"{url}: {reason or type(error).__name__}")


class TrackingCallback(TrainerCallback):
    """Sends what the trainer logs: learning rate, loss and gradient norm per logging step, and evaluations."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        if state.is_world_process_zero and logs:
            self._tracker.log(run_names(logs), state.global_step)
