"""The views of a running search: events as lines, a table that restores the terminal, or nothing."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as replace_steps
from rich.cells import cell_len
from rich.console import Console

from foundation.errors import UserError
from tests.tuning.display.snapshots import a_progress, a_row, rows_with
from trainables.training.reports import StepProgress
from tuning.display.lines import LineView
from tuning.display.live import SilentView, TableView, logged, open_view, wrapped_rows
from tuning.display.progress import Progress
from tuning.display.time_left import TimeLeft

HIDE_CURSOR, SHOW_CURSOR, ERASE_LINE = "\x1b[?25l", "\x1b[?25h", "\x1b[2K"


def strip(text: str) -> str:
    """The text without the codes of a terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def lines_for(*snapshots: Progress) -> list[str]:
    """What a LineView writes for these snapshots, without its opening line."""
    stream = io.StringIO()
    view = LineView(stream)
    for snapshot in snapshots:
        view.show(snapshot)
    return stream.getvalue().splitlines()[1:]


def test_the_lines_of_a_trial() -> None:
    """One line for the start with parameters, one for each new epoch and one for the end, each with the time."""
    epochs = [a_row(epoch=epoch, value=value, best=value) for epoch, value in [(1, 0.7), (2, 0.81234)]]
    end = replace(epochs[-1], status="pruned")
    snapshots = [[], [a_row(status="waiting")], [a_row()], [epochs[0]], [epochs[0]], [epochs[1]], [end], [end]]
    lines = lines_for(*(a_progress(rows, elapsed_seconds=10.0 * index) for index, rows in enumerate(snapshots)))
    assert lines == [
        "[ 0:20] trial 3  started  learning_rate 3.2e-04  weight_decay 0.113  num_beams 4",
        "[ 0:30] trial 3  epoch 1/6  rouge_sum 0.7000  best 0.7000",
        "[ 0:50] trial 3  epoch 2/6  rouge_sum 0.8123  best 0.8123",
        "[ 1:00] trial 3  pruned at epoch 2  rouge_sum 0.8123",
    ]


def test_a_trial_that_starts_and_ends_between_two_snapshots() -> None:
    """Both events are written; the end of a completed trial has its best score."""
    done = a_row(0, "completed", epoch=6, value=0.79, best=0.8, parameters={"seed": 1}, is_default=True)
    assert lines_for(a_progress([]), a_progress([done])) == [
        "[ 0:42] trial 0  started  seed 1  (recipe default)",
        "[ 0:42] trial 0  completed at epoch 6  rouge_sum 0.7900  best 0.8000",
    ]


def test_a_failure_has_its_reason_in_one_line() -> None:
    """Line breaks and terminal codes of a trace are removed."""
    failed = a_row(status="failed", note="CUDA out of memory\n  \x1b[31mat batch 16")
    assert lines_for(a_progress([]), a_progress([failed]))[-1].endswith("failed  CUDA out of memory [31mat batch 16")


def test_a_resumed_trial_does_not_repeat_epochs_of_the_earlier_session() -> None:
    """The line says where it resumes; a repeated epoch is skipped, and the next one is written."""
    snapshots = [a_row(epoch=epoch, value=0.5, best=0.6, parameters={}, resumed=True) for epoch in (2, 1, 2, 3)]
    assert lines_for(*(a_progress([row]) for row in snapshots)) == [
        "[ 0:42] trial 3  resumed at epoch 2/6  rouge_sum 0.5000  best 0.6000",
        "[ 0:42] trial 3  epoch 3/6  rouge_sum 0.5000  best 0.6000",
    ]


def test_an_unfinished_trial_of_an_earlier_session_is_not_started_again() -> None:
    """The first snapshot of a session has it before its record counts the session."""
    rows = [a_row(epoch=2, value=0.5, best=0.6, parameters={}, resumed=resumed) for resumed in (False, True)]
    assert lines_for(*(a_progress([row]) for row in rows)) == [
        "[ 0:42] trial 3  resumed at epoch 2/6  rouge_sum 0.5000  best 0.6000",
    ]


def test_trials_of_an_earlier_session_are_counted_in_the_first_line() -> None:
    """Resuming a study with 300 ended trials writes one line, not 300."""
    stream = io.StringIO()
    LineView(stream).show(a_progress(rows_with(completed=100, pruned=199, failed=1), total_trials=320))
    assert stream.getvalue() == (
        "[ 0:42] study 대화요약  300/320 done  100 completed  199 pruned  1 failed  0 running"
        "  metric rouge_sum (kiwi) max  2 slots × 1 CPU\n"
    )


def test_a_failed_trial_that_runs_again_is_written_again() -> None:
    """The second attempt has its own start and end."""
    ended, again = a_row(status="failed"), a_row(parameters={})
    lines = lines_for(*(a_progress([row]) for row in (ended, again, again, ended, ended)))
    assert lines == ["[ 0:42] trial 3  started", "[ 0:42] trial 3  failed"]


def test_once_a_minute_a_line_says_how_far_the_running_trials_are() -> None:
    """With their speed and the time left; not before their first steps, and of many trials only the number."""
    steps = StepProgress(step=143, epoch=1.436, timed_steps=10, training_seconds=4.0)
    left = TimeLeft(1230.0)
    rows = [a_row(0, parameters={}), a_row(1, parameters={}, steps=steps)]
    later = [replace(rows[0], steps=replace_steps(steps, evaluated=0.4)), rows[1]]
    snapshots = [
        a_progress(each, elapsed_seconds=second, time_left=left, changed=[])
        for second, each in [(0, rows[:1]), (59, rows), (60, rows), (100, rows), (119, later), (121, later)]
    ]
    assert lines_for(*snapshots) == [
        "[ 1:00] trial 1 at epoch 1.43/6  2.5 steps/s  about 20:30 left",
        "[ 2:01] trial 0 at epoch 1.43/6, trial 1 at epoch 1.43/6  2.5 steps/s, 1 evaluating  about 20:30 left",
    ]
    many = [a_row(number, parameters={}, steps=steps) for number in range(20)]
    (line,) = lines_for(a_progress([]), a_progress(many, elapsed_seconds=200, changed=[]))
    assert "trial 7 at epoch 1.43/6, 12 more  50 steps/s" in line


def test_a_stream_that_cannot_encode_korean() -> None:
    """Each letter that it cannot encode becomes a question mark."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    LineView(stream).say("요약 done")
    assert raw.getvalue() == b"?? done\n"


def test_the_view_depends_on_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table needs a terminal that can redraw and show Korean; FORCE_COLOR does not make a log a terminal."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    ascii_stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert isinstance(open_view(io.StringIO()), LineView)
    assert isinstance(open_view(io.StringIO(), force_terminal=True), TableView)
    assert isinstance(open_view(ascii_stream, force_terminal=True), LineView)
    assert isinstance(open_view(io.StringIO(), quiet=True, force_terminal=True), SilentView)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(open_view(io.StringIO(), force_terminal=True), LineView)


def test_a_log_has_the_same_lines_as_a_pipe(tmp_path: Path) -> None:
    """Below the time of each session; a second session appends."""
    stream = io.StringIO()
    for number in (1, 2):
        with logged(LineView(stream), tmp_path / "log.txt") as view:
            view.say(f"session {number}")
            view.show(a_progress(rows_with(completed=number)))
            view.close()
    first, second = (tmp_path / "log.txt").read_text(encoding="utf-8").split("---- ")[1:]
    assert "".join(part.partition("\n")[2] for part in (first, second)) == stream.getvalue()
    assert "session 2" in second


class Gone(io.StringIO):
    """A pipe whose reader went after the first line."""

    def flush(self) -> None:
        if self.getvalue().count("\n") > 1:
            raise BrokenPipeError(32, "Broken pipe")


def test_a_closed_pipe_does_not_end_the_search(tmp_path: Path) -> None:
    """The remaining lines are in the log, with the reason."""
    with logged(LineView(Gone()), tmp_path / "log.txt") as view:
        for line in ("one", "two", "three"):
            view.say(line)
        view.show(a_progress(rows_with(completed=1)))
        view.close()
    _, *lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert lines[:4] == ["one", "the output cannot be written any more: [Errno 32] Broken pipe", "two", "three"]
    assert len(lines) > 4


def test_a_quiet_view_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither to the stream nor to the terminal."""
    stream = io.StringIO()
    with closing(open_view(stream, quiet=True)) as view:
        view.show(a_progress([a_row()]))
        view.say("hello")
    assert stream.getvalue() == ""
    assert capsys.readouterr() == ("", "")


def a_terminal() -> tuple[io.StringIO, Console]:
    """What is written to a terminal of 100 by 30, and the console that writes it."""
    stream = io.StringIO()
    return stream, Console(file=stream, force_terminal=True, width=100, height=30, highlight=False)


def test_closing_leaves_one_table_and_shows_the_cursor() -> None:
    """The last state is drawn with the current time; a second close and later snapshots do nothing."""
    stream, console = a_terminal()
    seconds = iter([0.0, *[30.0] * 100])
    view = TableView(console, clock=lambda: next(seconds))
    view.show(a_progress([a_row()]))
    assert HIDE_CURSOR in stream.getvalue()
    before = len(stream.getvalue())
    view.close()
    final = stream.getvalue()[before:]
    view.close()
    view.show(a_progress([a_row(4)]))
    assert stream.getvalue()[before:] == final
    assert final.count("대화요약") == 1
    assert "elapsed 1:12" in final  # 42 s in the snapshot and 30 s since
    assert final.rstrip().endswith(SHOW_CURSOR)


def test_a_narrower_terminal_leaves_no_part_of_the_last_frame() -> None:
    """As many rows are erased as the wrapped frame takes; a wider one needs nothing."""
    assert wrapped_rows([0, 50, 51, 100, 101], 50) == 1 + 1 + 2 + 2 + 3
    stream, console = a_terminal()
    with closing(TableView(console, refreshes_per_second=1e-3)) as view:
        view.show(a_progress([a_row(parameters={"n" * 40: 1})]))
        frame = stream.getvalue().split(HIDE_CURSOR)[1].splitlines()
        rows = wrapped_rows([cell_len(strip(line)) for line in frame], 50)
        before = len(stream.getvalue())
        console.width = 50
        view.refresh()
        erased = stream.getvalue()[before:].split("대화요약")[0]
        console.width, before = 200, len(stream.getvalue())
        view.refresh()
        lines = stream.getvalue()[before:].split("대화요약")[0].count(ERASE_LINE)
    assert rows > len(frame)
    assert erased.count(ERASE_LINE) == rows
    assert lines < rows


def test_brackets_in_a_message_are_not_markup() -> None:
    """Rich would remove them."""
    stream, console = a_terminal()
    with closing(TableView(console)) as view:
        view.show(a_progress([a_row()]))
        view.say("[red]W&B[/red] is slow")
    assert "[red]W&B[/red] is slow" in stream.getvalue()


def test_an_uncaught_exception_shows_the_cursor() -> None:
    """Also if the program did not close its view."""
    program = """if True:
        import sys
        from tuning.display.live import open_view
        from tuning.display.progress import Progress
        view = open_view(sys.stdout, force_terminal=True)
        view.show(Progress("s", "m", "max", [], 1, 1, 0.0, None, ""))
        raise RuntimeError("torn down")
    """
    root = Path(__file__).parents[3]
    environment = {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    ended = subprocess.run([sys.executable, "-c", program], cwd=root, env=environment, capture_output=True, text=True)
    assert "torn down" in ended.stderr
    assert HIDE_CURSOR in ended.stdout
    assert ended.stdout.rstrip().endswith(SHOW_CURSOR)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_something_else_in_the_place_of_the_log_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A FIFO would be waited for."""
    make(tmp_path / "log.txt")
    with pytest.raises(UserError, match=r"log\.txt cannot be written"), logged(SilentView(), tmp_path / "log.txt"):
        pass
