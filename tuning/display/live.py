"""Views of a running search: a live table on a terminal, plain lines elsewhere, or nothing.

The search gives each view full snapshots (`Progress`); the view decides what is new since the last one. Try it with
`open_view(sys.stdout).show(progress)`.
"""

from __future__ import annotations

import atexit
import io
import math
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, TextIO

from rich.console import Console, RenderableType
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType, Segment
from rich.text import Text

from foundation.durable import is_storage_error
from foundation.errors import UserError
from foundation.safe_paths import open_regular
from tuning.display.lines import LineView
from tuning.display.progress import Progress
from tuning.display.table import progress_table

_REFRESHES_PER_SECOND = 2.0

#: The beginning of a log's line that starts a session; the time follows.
LOG_MARK = "---- "


class View(Protocol):
    """Shows the progress of a search."""

    def show(self, progress: Progress) -> None:
        """Shows a new snapshot."""

    def say(self, text: str) -> None:
        """Shows a message that is not about a trial's progress, such as a warning."""

    def close(self) -> None:
        """Restores the terminal; may be called twice."""


def open_view(stream: TextIO, *, quiet: bool = False, force_terminal: bool | None = None) -> View:
    """Returns the view for a stream: a table on a terminal, lines elsewhere. Close it in a `finally`.

    Args:
        quiet: Show nothing.
        force_terminal: Whether the stream is a terminal; default: what it reports.
    """
    if quiet:
        return SilentView()
    is_terminal = stream.isatty() if force_terminal is None else force_terminal
    if not is_terminal:
        return LineView(stream)
    console = Console(file=stream, force_terminal=True, force_jupyter=False, highlight=False, markup=False, emoji=False)
    # A dumb terminal cannot move its cursor, and one without Unicode would raise at the first Korean letter.
    can_redraw = not console.is_dumb_terminal and console.encoding.startswith("utf")
    return TableView(console) if can_redraw else LineView(stream)


class SilentView:
    """Shows nothing."""

    def show(self, progress: Progress) -> None:
        """Ignores the snapshot."""

    def say(self, text: str) -> None:
        """Ignores the text."""

    def close(self) -> None:
        """Does nothing."""


class TableView:
    """A table that is redrawn in place, twice a second, in its own thread.

    `show` only stores the snapshot, so that a search with many reports never waits for the terminal. The elapsed time
    advances between snapshots.

    Args:
        clock: Returns seconds.
    """

    def __init__(
        self,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        refreshes_per_second: float = _REFRESHES_PER_SECOND,
    ) -> None:
        self.console, self._refreshes_per_second = console, refreshes_per_second
        self._clock = clock
        self._shown: tuple[Progress, float] | None = None
        self._live: Live | None = None
        self._frame: tuple[int, Sequence[int]] = (console.width, ())  # its terminal's width, and that of its lines
        self._closed = False

    def show(self, progress: Progress) -> None:
        """Draws this snapshot at the next refresh; ignored after `close`."""
        self._shown = (progress, self._clock())
        if self._live is None and not self._closed:
            self._start()

    def say(self, text: str) -> None:
        """Prints the text above the table."""
        self.console.print(Text(text), soft_wrap=True)

    def refresh(self) -> None:
        """Draws the snapshot now."""
        if self._live is not None:
            self._live.refresh()

    def close(self) -> None:
        """Draws the last state, leaves it on the screen, and shows the cursor."""
        self._closed = True
        atexit.unregister(self.close)
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _start(self) -> None:
        self._live = Live(
            console=self.console,
            get_renderable=self._render,
            refresh_per_second=self._refreshes_per_second,
            # A stream that is a file or a pipe is not redirected: `--json` writes its result to stdout.
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=sys.stderr.isatty(),
        )
        # An uncaught exception must not leave the shell without a cursor.
        atexit.register(self.close)
        self._live.start(refresh=True)

    def _render(self) -> RenderableType:
        if self._shown is None:
            return ""
        progress, since = self._shown
        current = replace(progress, elapsed_seconds=progress.elapsed_seconds + self._clock() - since)
        self._erase_wrapped()
        table = progress_table(current, self.console.width, self.console.height)
        lines = self.console.render_lines(table, pad=False)
        self._frame = self.console.width, [Segment.get_line_length(line) for line in lines]
        return table

    def _erase_wrapped(self) -> None:
        """Erases the rows that the last frame has gained because the terminal has become narrower.

        A terminal wraps the lines on its screen again when it is resized. rich erases as many rows as the frame had
        lines, so that the upper part of it would remain on the screen.
        """
        width, lengths = self._frame
        if self.console.width < width:
            gained = wrapped_rows(lengths, self.console.width) - len(lengths)
            erase_and_go_up = ((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1))
            self.console.control(Control(ControlType.CARRIAGE_RETURN, *erase_and_go_up * gained))


def wrapped_rows(lengths: Sequence[int], width: int) -> int:
    """Returns how many rows of a terminal lines of these lengths take."""
    return sum(max(1, math.ceil(length / width)) for length in lengths)


class _LoggedView:
    """Passes events to a view and to a log; if one cannot be written, the search continues with the other."""

    def __init__(self, view: View, log: LineView) -> None:
        self._view, self._log = view, log

    def show(self, progress: Progress) -> None:
        self._forward(lambda view: view.show(progress))
        with suppress(OSError):
            self._log.show(progress)

    def say(self, text: str) -> None:
        self._forward(lambda view: view.say(text))
        with suppress(OSError):
            self._log.say(text)

    def close(self) -> None:
        self._forward(lambda view: view.close())
        with suppress(OSError):
            self._log.close()

    def _forward(self, call: Callable[[View], None]) -> None:
        try:
            call(self._view)
        except OSError as error:  # the reader of the pipe has ended, or the disk is full
            self._view = SilentView()
            with suppress(OSError):
                self._log.say(f"the output cannot be written any more: {error}")


@contextmanager
def logged(view: View, path: Path) -> Iterator[View]:
    """Yields a view that also appends its events as lines to the file `path`, after a line with the time.

    Raises:
        UserError: A folder, a FIFO or the like is in the place of the file.
    """
    try:
        file = io.TextIOWrapper(open_regular(path, "ab"), encoding="utf-8")
    except OSError as error:
        if is_storage_error(error):
            raise
        problem = f"{path} cannot be written: {error.strerror}"
        raise UserError(problem, "a file, or none: it is written anew", f"remove {shlex.quote(str(path))}") from error
    log = LineView(file)
    try:
        with suppress(OSError):
            log.say(f"{LOG_MARK}{datetime.now().astimezone().isoformat(' ', 'seconds')}")
        yield _LoggedView(view, log)
    finally:
        with suppress(OSError):
            file.close()
