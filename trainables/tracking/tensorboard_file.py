"""What a trial logs, as an event file of TensorBoard, made from the lines of its `metrics.jsonl`."""

from __future__ import annotations

import contextlib
import json
import math
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from foundation.buckets import in_bucket, join, write
from foundation.secrets import redacted
from search_spaces.choices import Direction
from trainables.tracking.run_settings import TensorBoardSettings, run_names

#: How the name of an event file begins; and its name in a bucket, where each write replaces it.
_PREFIX = "events.out.tfevents."
_NAME_IN_BUCKET = f"{_PREFIX}kotune"


class TensorBoardFile:
    """Writes each line of a trial's `metrics.jsonl` once to an event file in the trial's folder.

    Each attempt of the trial starts a new file with all lines so far and removes the earlier one, so that no step is
    there twice, whatever reads it. The name is another one, because TensorBoard keeps the files that it reads open.

    Args:
        folder: a local folder.
        address: the trial's own folder; if it is in a bucket, the file is copied there.
    """

    def __init__(self, folder: Path, address: str, settings: TensorBoardSettings) -> None:
        self._folder, self._address, self._settings = folder, address, settings
        self._path = folder
        self._writer: Any = None
        self._lines: dict[tuple[int, str], bytes] = {}  # those in the file
        self._best: float | None = None
        self._time = 0.0  # of the newest line, in Unix seconds

    def write(self, lines: Mapping[tuple[int, str], bytes], *, ended: bool) -> None:
        """Adds the lines that are new. If a line was replaced, or the file is gone, a new file gets all of them.

        Args:
            lines: (step, kind) -> line.
            ended: whether the trial has trained until its end, or until the scheduler stopped it.

        Raises:
            OSError: the storage fails; the next call starts a new file.
        """
        is_replaced = any(lines.get(key) != line for key, line in self._lines.items())
        try:
            if self._writer is None or is_replaced or not self._path.exists():
                self._start()
            for key, line in lines.items():
                if key not in self._lines:
                    self._add(json.loads(line))
                    self._lines[key] = line
            if ended:
                self._write_event(summary=self._hparams()[2])
            self._writer.flush()
            if in_bucket(self._address):
                write(join(self._address, _NAME_IN_BUCKET), self._path.read_bytes())
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with contextlib.suppress(OSError):
                writer.close()

    def _start(self) -> None:
        from tensorboardX.record_writer import RecordWriter

        self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path = self._folder / f"{_PREFIX}{uuid.uuid4().hex}"
        self._writer, self._lines, self._best, self._time = RecordWriter(str(self._path)), {}, None, time.time()
        for other in self._folder.glob(f"{_PREFIX}*"):
            if other != self._path:
                other.unlink(missing_ok=True)
        self._write_event(file_version="brain.Event:2")
        for summary in self._hparams()[:2]:
            self._write_event(summary=summary)

    def _add(self, row: Mapping[str, Any]) -> None:
        from tensorboardX.summary import scalar

        self._time = row.get("time", self._time)
        for name, value in self._values(row):
            self._write_event(step=row["step"], summary=scalar(name, value))

    def _values(self, row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        """Yields the numbers of a row by their names in W&B, and the best value of the objective so far."""
        logged = {name: value for name, value in row.items() if name not in ("step", "time")}
        for name, value in run_names(logged).items():
            if value is None or isinstance(value, int | float):
                yield name, math.nan if value is None else value
        value = row.get(f"eval_{self._settings.metric}")
        if value is not None:
            better = max if self._settings.mode == Direction.MAX else min
            self._best = value if self._best is None else better(self._best, value)
            yield f"best/{self._settings.metric}", self._best

    def _hparams(self) -> tuple[Any, Any, Any]:
        """Returns the summaries of the page HPARAMS: its columns, the values of the trial, and the end of the trial."""
        from tensorboardX.summary import hparams

        experiment, _, end = hparams(_plain(self._settings.columns), {f"best/{self._settings.metric}": 0.0})
        return experiment, hparams(_plain(self._settings.config), {})[1], end

    def _write_event(self, **content: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self._writer.write(Event(wall_time=self._time, **content).SerializeToString())


def _plain(config: Mapping[str, Any]) -> dict[str, bool | float | str]:
    """Returns the values without secrets, lists and mappings as JSON, and without those that are null."""
    return {
        name: value if isinstance(value, bool | int | float | str) else json.dumps(value, ensure_ascii=False)
        for name, value in redacted(config).items()
        if value is not None
    }
