"""What a person sees while a search runs: a live table on a terminal, plain lines anywhere else, or nothing.

The search hands each view full snapshots (`Progress`); what to draw, and what is new since the last one, is decided
here. Try it with `open_view(sys.stdout).show(progress)`.
"""

from __future__ import annotations

import atexit
import math
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

ENDED = ("completed", "pruned", "failed")
STATUSES = ("waiting", "running", *ENDED)

_BEST_SHOWN = 5
_GAP = 2  # columns between two table columns
_LONGEST_CELL = 18
_LONGEST_NOTE = 40
_MOST_HEADER_LINES = 3
_REFRESHES_PER_SECOND = 2.0
_ROW_STYLES = {"waiting": "dim", "running": "", "completed": "", "pruned": "dim", "failed": "red"}


@dataclass(frozen=True)
class TrialRow:
    """One trial as it stands now.

    `value` is the newest score and `best` the trial's own best; both None before the first evaluation. `epoch` and
    `max_epochs` count epochs. `resumed` marks a trial that goes on from a checkpoint of an earlier sitting.
    Raises ValueError for a status that is not in `STATUSES`.
    """

    number: int
    status: str
    epoch: float | None
    max_epochs: float
    value: float | None
    best: float | None
    parameters: Mapping[str, Any]
    note: str = ""
    is_default: bool = False
    resumed: bool = False

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"trial {self.number}: status {self.status!r} is none of {', '.join(STATUSES)}")

    @property
    def has_ended(self) -> bool:
        """True once nothing more will come from this trial."""
        return self.status in ENDED

    @property
    def remark(self) -> str:
        """The note in one line, after what else is special about the trial."""
        special = [("recipe default", self.is_default), ("resumed", self.resumed)]
        return "; ".join([name for name, holds in special if holds] + [note for note in [one_line(self.note)] if note])


@dataclass(frozen=True)
class Progress:
    """One snapshot of a whole search.

    `metric` carries its tokenizer, e.g. "rouge_sum (kiwi)"; `mode` is "max" or "min" (else ValueError).
    `elapsed_seconds` is the time searched in all sittings, as `rows` holds the trials of all sittings.
    """

    study: str
    metric: str
    mode: str
    rows: Sequence[TrialRow]
    total_trials: int
    slots: int
    elapsed_seconds: float
    time_budget_seconds: float | None
    workers_note: str

    def __post_init__(self) -> None:
        if self.mode not in ("min", "max"):
            raise ValueError(f"study {self.study}: mode {self.mode!r} is neither 'min' nor 'max'")

    @property
    def counts(self) -> Mapping[str, int]:
        """How many rows have each status; a status without rows counts 0."""
        return Counter(row.status for row in self.rows)

    @property
    def done(self) -> int:
        """How many trials have ended, however they ended."""
        return sum(row.has_ended for row in self.rows)

    @property
    def ranked(self) -> list[TrialRow]:
        """Trials with a finite best value, best first; of equals the earlier. A failed trial leaves nothing to use."""
        sign = -1.0 if self.mode == "max" else 1.0
        scored = [
            (sign * row.best, row.number, row)
            for row in self.rows
            if row.status != "failed" and row.best is not None and math.isfinite(row.best)
        ]
        return [row for _, _, row in sorted(scored, key=lambda entry: entry[:2])]

    @property
    def best_row(self) -> TrialRow | None:
        """The trial with the best value so far, running ones included."""
        return next(iter(self.ranked), None)

    @property
    def default_row(self) -> TrialRow | None:
        """The recipe default, once it has a value."""
        return next((row for row in self.rows if row.is_default and row.best is not None), None)

    @property
    def estimated_seconds_left(self) -> float | None:
        """Seconds until the search ends; None until a trial has ended.

        Mean slot-seconds per trial × trials left / slots at work, and never more than the time budget leaves. A
        running trial counts as half done. It supposes that coming trials cost what past ones did: ASHA prunes more
        as it learns more, so the estimate tends to be too long early on.
        """
        ended, running = self.done, self.counts["running"]
        if not ended:
            return None
        left = max(self.total_trials - ended, running)
        if left <= 0:
            return 0.0
        slot_seconds = self.elapsed_seconds * max(1, min(self.slots, ended + running))
        per_trial = slot_seconds / (ended + running / 2)
        estimate = per_trial * (left - running / 2) / max(1, min(self.slots, left))
        if self.time_budget_seconds is None:
            return estimate
        return min(estimate, max(0.0, self.time_budget_seconds - self.elapsed_seconds))


class View(Protocol):
    """Where the progress of a search is shown."""

    def show(self, progress: Progress) -> None:
        """Take the newest snapshot."""

    def say(self, text: str) -> None:
        """Tell one thing that is no trial's progress, e.g. a warning."""

    def close(self) -> None:
        """Leave the terminal as it was found; may be called twice."""


def open_view(stream: TextIO, *, quiet: bool = False, force_terminal: bool | None = None) -> View:
    """The view that suits the stream: a table on a terminal, lines elsewhere, nothing when quiet.

    `force_terminal` overrules what the stream says of itself. Close the view in a `finally`.
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
        """Drop the snapshot."""

    def say(self, text: str) -> None:
        """Drop the text."""

    def close(self) -> None:
        """Nothing was opened."""


class TableView:
    """A table that redraws itself in place, twice a second, from its own thread.

    `show` only swaps the snapshot, so that a search with many reports never waits for the terminal; between snapshots
    the clock goes on. `clock` returns seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._shown: tuple[Progress, float] | None = None
        self._live: Live | None = None
        self._closed = False

    def show(self, progress: Progress) -> None:
        """Draw this snapshot from the next refresh on; ignored after `close`."""
        self._shown = (progress, self._clock())
        if self._live is None and not self._closed:
            self._start()

    def say(self, text: str) -> None:
        """Print the text above the table."""
        self._console.print(Text(text), soft_wrap=True)

    def close(self) -> None:
        """Draw the last state once more, leave it there, and give the cursor back."""
        self._closed = True
        atexit.unregister(self.close)
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _start(self) -> None:
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=_REFRESHES_PER_SECOND,
            # What goes to a file or a pipe must stay there: `--json` writes its result to stdout.
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=sys.stderr.isatty(),
        )
        # An exception that nobody catches must not leave the shell without a cursor.
        atexit.register(self.close)
        self._live.start(refresh=True)

    def _render(self) -> RenderableType:
        if self._shown is None:
            return ""
        progress, since = self._shown
        current = replace(progress, elapsed_seconds=progress.elapsed_seconds + self._clock() - since)
        return progress_table(current, self._console.width, self._console.height)


class LineView:
    """One plain line per event, for files, pipes and CI logs; no event is told twice.

    Trials that had ended before the first snapshot belong to an earlier sitting: the opening line counts them.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._opened = False
        self._before: dict[int, TrialRow] = {}
        self._said_epoch: dict[int, float] = {}

    def show(self, progress: Progress) -> None:
        """Write what is new since the last snapshot."""
        if not self._opened:
            self._open(progress)
        stamp = f"[{clock_text(progress.elapsed_seconds):>5}] "
        for row in progress.rows:
            for event in self._events(row, progress.metric.split(" (")[0]):
                self._write(f"{stamp}trial {row.number}  {event}")
        self._stream.flush()

    def say(self, text: str) -> None:
        """Write the text as it is."""
        self._write(text)
        self._stream.flush()

    def close(self) -> None:
        """Leave the stream open; it is the caller's."""
        self._stream.flush()

    def _open(self, progress: Progress) -> None:
        self._opened = True
        self._before = {row.number: row for row in progress.rows if row.has_ended}
        facts = [f"study {progress.study}", *_count_facts(progress), f"metric {progress.metric} {progress.mode}"]
        facts += _best_facts(progress) + [fact for fact in [one_line(progress.workers_note)] if fact]
        self._write(f"[{clock_text(progress.elapsed_seconds):>5}] {'  '.join(facts)}")

    def _events(self, row: TrialRow, metric: str) -> Iterator[str]:
        before = self._before.get(row.number)
        had_ended = before is not None and before.has_ended
        if row.status == "waiting" or (had_ended and row.has_ended):
            return
        self._before[row.number] = row
        if before is None or had_ended:
            yield _start_line(row, metric)
            if row.resumed and row.epoch is not None:
                self._said_epoch[row.number] = row.epoch
        if row.has_ended:
            yield _end_line(row, metric)
        # A trial that goes on from a checkpoint repeats epochs, with the same values; those have been told.
        elif row.epoch is not None and row.value is not None and row.epoch > self._said_epoch.get(row.number, -1.0):
            self._said_epoch[row.number] = row.epoch
            yield f"epoch {epoch_text(row)}  {_scores(row, metric)}"

    def _write(self, line: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")


def _start_line(row: TrialRow, metric: str) -> str:
    reached = f"resumed at epoch {epoch_text(row)}" if row.epoch is not None else "resumed"
    facts = [reached if row.resumed else "started"]
    if row.resumed and row.value is not None:
        facts.append(_scores(row, metric))
    facts += [f"{name} {short_number(value)}" for name, value in row.parameters.items()]
    return "  ".join([*facts, "(recipe default)"] if row.is_default else facts)


def _end_line(row: TrialRow, metric: str) -> str:
    facts = [f"{row.status} at epoch {short_epoch(row.epoch)}" if row.epoch is not None else row.status]
    if row.value is not None:
        facts.append(f"{metric} {score_text(row.value)}")
    if row.status == "completed" and row.best is not None:
        facts.append(f"best {score_text(row.best)}")
    return "  ".join([*facts, one_line(row.note)] if row.note.strip() else facts)


def _scores(row: TrialRow, metric: str) -> str:
    return f"{metric} {score_text(row.value)}  best {score_text(row.best)}"


def short_number(value: object) -> str:
    """A parameter in few characters: 3.2e-04, 0.113, 4, true, and a long text cut with an ellipsis."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _short_float(value)
    text = one_line(str(value))
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def _short_float(value: float) -> str:
    size = abs(value)
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if size < 1e-3 or size >= 1e5:
        return f"{value:.1e}"
    # From 100 on, three significant digits would turn 999.9 into 1e+03.
    return f"{value:.0f}" if size >= 100 else f"{value:.3g}"


def score_text(value: float | None) -> str:
    """A metric's value with four decimals; a very small or large one with as many digits as tell something."""
    if value is None:
        return "–"
    if 0 < abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:.4f}" if abs(value) < 100 else f"{value:.6g}"


def short_epoch(epoch: float | None) -> str:
    """An epoch with at most two decimals: 2, 0.25; 0 before the first report."""
    return f"{round(epoch or 0.0, 2):g}"


def epoch_text(row: TrialRow) -> str:
    """How far a trial is: 2/5."""
    return "–" if row.status == "waiting" else f"{short_epoch(row.epoch)}/{short_epoch(row.max_epochs)}"


def clock_text(seconds: float) -> str:
    """A duration as on a stop watch: 0:42, 12:40, 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def one_line(text: str) -> str:
    """The text without line breaks or control characters, either of which would tear the table."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def select_rows(progress: Progress, room: int) -> list[TrialRow]:
    """The rows worth `room` lines, by trial number.

    First the best trial, then the running ones, the rest of the best five, the newest ended ones (by number), and
    those that wait.
    """
    by_number = sorted(progress.rows, key=lambda row: row.number)
    best = progress.ranked[:_BEST_SHOWN]
    running = [row for row in by_number if row.status == "running"]
    ended = [row for row in reversed(by_number) if row.has_ended]
    waiting = [row for row in by_number if row.status == "waiting"]
    wanted = {row.number: row for row in [*best[:1], *running, *best[1:], *ended, *waiting]}
    return sorted(list(wanted.values())[: max(1, room)], key=lambda row: row.number)


def progress_table(progress: Progress, width: int, height: int) -> RenderableType:
    """Headline, table and what was left out, within `width` columns and `height` lines where that can be done."""
    head = headline(progress, width)
    # Widths come from all rows, not the chosen ones, so that columns stay in place from one refresh to the next.
    columns, left_out = fit_columns(_columns(progress, has_notes=_has_notes(progress, height)), width)
    unseen = [_dim_line(f"needs a wider terminal: {', '.join(left_out)}")] if left_out else []
    header_lines = max(len(column.header) for column in columns)
    # One line for the rule under the header, one blank above it, one free at the bottom for the cursor.
    room = height - len(head) - header_lines - len(unseen) - 3
    if len(progress.rows) > room:
        room -= 1
    shown = select_rows(progress, room)
    hidden = Counter(row.status for row in progress.rows) - Counter(row.status for row in shown)
    more = [_dim_line(_more_text(hidden))] if hidden else []
    return Group(*head, Text(""), _table(progress, columns, shown), *more, *unseen)


def headline(progress: Progress, width: int) -> list[Text]:
    """What one wants to know at a glance: how far, how good, how long; in lines of at most `width` columns."""
    far = [Text(progress.study, style="bold"), *map(Text, _count_facts(progress))]
    good = [*map(Text, _best_facts(progress))] or [Text(f"no {progress.metric} yet")]
    if progress.best_row is not None:
        good[0].stylize("bold green")
    return [*pack(far, width), *pack(good, width), *pack([*map(Text, _time_facts(progress))], width)]


def _count_facts(progress: Progress) -> list[str]:
    counts = progress.counts
    return [f"{progress.done}/{progress.total_trials} done"] + [
        f"{counts[status]} {status}" for status in (*ENDED, "running")
    ]


def _best_facts(progress: Progress) -> list[str]:
    best, default = progress.best_row, progress.default_row
    if best is None or best.best is None:
        return []
    found = f"best {progress.metric} {score_text(best.best)}"
    if best.is_default:
        return [f"{found} (trial {best.number}, the recipe default)"]
    found = f"{found} (trial {best.number})"
    if default is None or default.best is None:
        return [found]
    sign = "+" if best.best >= default.best else "-"
    return [found, f"recipe default {score_text(default.best)} ({sign}{score_text(abs(best.best - default.best))})"]


def _time_facts(progress: Progress) -> list[str]:
    budget, left = progress.time_budget_seconds, progress.estimated_seconds_left
    limit = f" of at most {clock_text(budget)}" if budget is not None else ""
    ahead = "time left known after the first trial" if left is None else f"about {clock_text(left)} left"
    facts = [f"elapsed {clock_text(progress.elapsed_seconds)}{limit}", "" if left == 0 else ahead]
    return [fact for fact in [*facts, one_line(progress.workers_note)] if fact]


def pack(parts: Sequence[Text], width: int, separator: str = " · ") -> list[Text]:
    """Lines of at most `width` columns that break only between parts; a part too long for a line is cut."""
    lines: list[Text] = []
    for part in parts:
        if lines and lines[-1].cell_len + len(separator) + part.cell_len <= width:
            lines[-1].append(separator, style="dim").append_text(part)
        else:
            lines.append(Text(no_wrap=True, overflow="ellipsis").append_text(part))
    return lines


@dataclass(frozen=True)
class Column:
    """One table column: the lines of its header, its text for each trial number, its width in terminal columns."""

    name: str
    header: tuple[str, ...]
    cells: Mapping[int, str]
    is_left: bool = False
    is_parameter: bool = False
    max_width: int = _LONGEST_CELL * 2

    @property
    def width(self) -> int:
        """Columns needed so that nothing is cut, as far as `max_width` allows."""
        return min(self.max_width, max(cell_len(text) for text in (*self.header, *self.cells.values())))

    def folded(self) -> Column:
        """The same column, its header broken after `_`, `.` and spaces: as narrow as three lines allow."""
        parts = [part for part in re.split(r"(?<=[_.])|\s", self.name) if part]
        width = max(cell_len(text) for text in (*parts, *self.cells.values()))
        while len(header := _folded_header(parts, width)) > _MOST_HEADER_LINES:
            width += 1
        return replace(self, header=header)


def _folded_header(parts: Sequence[str], width: int) -> tuple[str, ...]:
    lines = [""]
    for part in parts:
        if lines[-1] and cell_len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return tuple(lines)


def _has_notes(progress: Progress, height: int) -> bool:
    return any(row.remark for row in select_rows(progress, height))


def _columns(progress: Progress, has_notes: bool) -> list[Column]:
    def column(name: str, text: Callable[[TrialRow], str], **options: Any) -> Column:
        return Column(name, (name,), {row.number: text(row) for row in progress.rows}, **options)

    names = dict.fromkeys(name for row in progress.rows for name in row.parameters)
    return [
        column("trial", lambda row: str(row.number)),
        column("status", lambda row: row.status, is_left=True),
        column("epoch", epoch_text),
        column(progress.metric, lambda row: score_text(row.value)),
        column("best", lambda row: score_text(row.best)),
        *(column(name, partial(_parameter_text, name), is_parameter=True) for name in names),
        *([column("note", lambda row: row.remark, is_left=True, max_width=_LONGEST_NOTE)] if has_notes else []),
    ]


def _parameter_text(name: str, row: TrialRow) -> str:
    return short_number(row.parameters.get(name))


def fit_columns(columns: Sequence[Column], width: int) -> tuple[list[Column], list[str]]:
    """The columns that fit, and the names of those that do not.

    Headers are folded before anything is left out; then parameters are taken in order, as long as the next one fits. A
    note gives way down to 20 columns, and on terminals under 80 columns gives its place to parameters.
    """
    if _total_width(columns) <= width:
        return list(columns), []
    folded = [column.folded() for column in columns]
    note = next((column for column in folded if column.name == "note" and not column.is_parameter), None)
    shrunk = replace(note, max_width=min(note.width, 20)) if note else None
    reserved = shrunk.width + _GAP if shrunk and width >= 80 else 0
    kept = [column for column in folded if column is not note and not column.is_parameter]
    left_out: list[str] = []
    for column in (column for column in folded if column.is_parameter):
        if _total_width([*kept, column]) + reserved <= width:
            kept.append(column)
        else:
            left_out.append(column.name)
    spare = width - _total_width(kept) - _GAP
    if note and spare >= min(note.width, 10):
        kept.append(replace(note, max_width=min(note.max_width, spare)))
    elif note:
        left_out.append(note.name)
    return kept, left_out


def _total_width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def _table(progress: Progress, columns: Sequence[Column], rows: Sequence[TrialRow]) -> Table:
    # The box draws one blank between columns, the padding the other.
    padding = (0, _GAP - 1, 0, 0)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=padding, header_style="bold")
    for column in columns:
        table.add_column(
            Text("\n".join(column.header)),
            justify="left" if column.is_left else "right",
            vertical="bottom",
            width=column.width,
            no_wrap=True,
            overflow="ellipsis",
        )
    best = progress.best_row
    for row in rows:
        style = "bold green" if best is not None and row.number == best.number else _ROW_STYLES[row.status]
        table.add_row(*(Text(column.cells[row.number]) for column in columns), style=style)
    return table


def _more_text(hidden: Mapping[str, int]) -> str:
    by_status = ", ".join(f"{hidden[status]} {status}" for status in (*ENDED, "running", "waiting") if hidden[status])
    return f"… and {sum(hidden.values())} more: {by_status}"


def _dim_line(text: str) -> Text:
    return Text(text, style="dim", no_wrap=True, overflow="ellipsis")
