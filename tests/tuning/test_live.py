"""What a person sees of a search: numbers, estimates, events as lines, and a table that fits its terminal."""

import io
import math
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tuning.live import (
    LineView,
    Progress,
    SilentView,
    TableView,
    TrialRow,
    clock_text,
    open_view,
    progress_table,
    score_text,
    select_rows,
    short_number,
)

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
PARAMETERS = {"learning_rate": 3.2e-4, "weight_decay": 0.1131, "num_beams": 4}


def a_row(number: int = 3, status: str = "running", **changes: Any) -> TrialRow:
    """A trial without a report yet, but for the changes."""
    values: dict[str, Any] = {"epoch": None, "max_epochs": 6, "value": None, "best": None, "parameters": PARAMETERS}
    return TrialRow(number, status, **{**values, **changes})


def a_progress(rows: Sequence[TrialRow], **changes: Any) -> Progress:
    """A search on two slots, 42 seconds old, but for the changes."""
    values: dict[str, Any] = {
        "study": "대화요약",
        "metric": "rouge_sum (kiwi)",
        "mode": "max",
        "total_trials": 40,
        "slots": 2,
        "elapsed_seconds": 42.0,
        "time_budget_seconds": None,
        "workers_note": "2 slots × 1 CPU",
    }
    return Progress(rows=rows, **{**values, **changes})


def rows_with(**statuses: int) -> list[TrialRow]:
    """So many rows of each status, numbered from 0."""
    names = [status for status, count in statuses.items() for _ in range(count)]
    return [a_row(number, status) for number, status in enumerate(names)]


def lines_for(*snapshots: Progress) -> list[str]:
    """What a LineView writes for these snapshots, without its opening line."""
    stream = io.StringIO()
    view = LineView(stream)
    for snapshot in snapshots:
        view.show(snapshot)
    return stream.getvalue().splitlines()[1:]


def drawn(progress: Progress, width: int, height: int = 30) -> str:
    """The table as plain text."""
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    console.print(progress_table(progress, width, height))
    return console.export_text()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.2e-4, "3.2e-04"),
        (0.1131, "0.113"),
        (4, "4"),
        (4.0, "4"),
        (0.0, "0"),
        (999.9, "1000"),
        (256000, "256000"),
        (2.5e6, "2.5e+06"),
        (math.nan, "nan"),
        (True, "true"),
        (None, "–"),
        ("cls\nmean", "cls mean"),
        ("a_very_long_choice_name", "a_very_long_choic…"),
    ],
)
def test_parameters_are_short(value: object, text: str) -> None:
    """A parameter takes few characters whatever its type and size."""
    assert short_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.81234, "0.8123"), (0, "0.0000"), (0.00042, "4.20e-04"), (1234.56, "1234.56"), (math.nan, "nan"), (None, "–")],
)
def test_scores_keep_the_digits_that_tell_trials_apart(value: float | None, text: str) -> None:
    """Four decimals in the usual range, significant digits outside it."""
    assert score_text(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (42.9, "0:42"), (760, "12:40"), (3723, "1:02:03")])
def test_clock_reads_like_a_stop_watch(seconds: float, text: str) -> None:
    """Hours appear only when there are any."""
    assert clock_text(seconds) == text


def test_no_estimate_before_a_trial_has_ended() -> None:
    """Without an ended trial nobody knows what one costs."""
    assert a_progress(rows_with(running=2)).estimated_seconds_left is None


def test_estimate_is_slot_seconds_per_trial_times_trials_left_over_slots() -> None:
    """A running trial counts as half done on both sides."""
    # 100 s on 2 slots = 200 slot-seconds for 3 ended and 2 half trials = 4 trials' worth, so 50 each.
    # 10 - 3 - 2 × ½ = 6 trials' worth is left: 6 × 50 / 2 slots = 150 s.
    rows = rows_with(completed=1, pruned=1, failed=1, running=2)
    assert a_progress(rows, elapsed_seconds=100, total_trials=10).estimated_seconds_left == pytest.approx(150)


def test_estimate_never_exceeds_the_time_budget() -> None:
    """The search stops when its budget is used up: of 120 s, 20 s are left after 100 s, and none after 130 s."""
    rows = rows_with(completed=3, running=2)
    budgeted = a_progress(rows, elapsed_seconds=100, total_trials=10, time_budget_seconds=120)
    assert budgeted.estimated_seconds_left == pytest.approx(20)
    assert replace(budgeted, elapsed_seconds=130).estimated_seconds_left == 0


def test_the_last_trial_is_not_shared_among_idle_slots() -> None:
    """Four slots do not finish one trial four times as fast."""
    # 100 s × 4 slots / 3.5 trials' worth × half a trial left / 1 slot at work = 57.14 s.
    rows = rows_with(completed=3, running=1)
    last = a_progress(rows, elapsed_seconds=100, total_trials=4, slots=4)
    assert last.estimated_seconds_left == pytest.approx(57.142857)


def test_nothing_is_left_when_all_trials_have_ended() -> None:
    """A finished search has no time left, and the headline does not speak of it."""
    finished = a_progress(rows_with(completed=2), total_trials=2)
    assert finished.estimated_seconds_left == 0
    assert "left" not in drawn(finished, 160)


@pytest.mark.parametrize(("mode", "number"), [("max", 2), ("min", 0)])
def test_best_row_follows_the_mode(mode: str, number: int) -> None:
    """NaN and failed trials are never best, and of equals the earlier wins."""
    bests = [("completed", 0.2), ("completed", math.nan), ("pruned", 0.7), ("running", 0.7), ("failed", 0.9)]
    rows = [a_row(index, status, best=best) for index, (status, best) in enumerate(bests)]
    rows.append(a_row(5, "failed", best=0.1))
    best = a_progress(rows, mode=mode).best_row
    assert best is not None
    assert best.number == number


def test_unknown_status_and_mode_are_refused() -> None:
    """A misspelt status would count nowhere, a misspelt mode would crown the worst trial."""
    with pytest.raises(ValueError, match="trial 3: status 'prunned' is none of waiting, running"):
        a_row(status="prunned")
    with pytest.raises(ValueError, match="neither 'min' nor 'max'"):
        a_progress([], mode="maximize")


def test_a_trial_told_as_lines() -> None:
    """Start with parameters, each new epoch once, the end once, each with the time."""
    epochs = [a_row(epoch=epoch, value=value, best=value) for epoch, value in [(1, 0.7), (2, 0.81234)]]
    end = replace(epochs[-1], status="pruned")
    snapshots = [[], [a_row(status="waiting")], [a_row()], [epochs[0]], [epochs[0]], [epochs[1]], [end], [end]]
    told = lines_for(*(a_progress(rows, elapsed_seconds=10.0 * index) for index, rows in enumerate(snapshots)))
    assert told == [
        "[ 0:20] trial 3  started  learning_rate 3.2e-04  weight_decay 0.113  num_beams 4",
        "[ 0:30] trial 3  epoch 1/6  rouge_sum 0.7000  best 0.7000",
        "[ 0:50] trial 3  epoch 2/6  rouge_sum 0.8123  best 0.8123",
        "[ 1:00] trial 3  pruned at epoch 2  rouge_sum 0.8123",
    ]


def test_a_trial_too_fast_to_be_seen_running_is_told_whole() -> None:
    """Between two snapshots a trial may start and end; both are said, and a completed one says its best."""
    done = a_row(0, "completed", epoch=6, value=0.79, best=0.8, parameters={"seed": 1}, is_default=True)
    assert lines_for(a_progress([]), a_progress([done])) == [
        "[ 0:42] trial 0  started  seed 1  (recipe default)",
        "[ 0:42] trial 0  completed at epoch 6  rouge_sum 0.7900  best 0.8000",
    ]


def test_a_failure_says_its_reason_in_one_line() -> None:
    """A trace with line breaks and terminal codes stays one line."""
    failed = a_row(status="failed", note="CUDA out of memory\n  \x1b[31mat batch 16")
    assert lines_for(a_progress([]), a_progress([failed]))[-1].endswith("failed  CUDA out of memory [31mat batch 16")


def test_a_resumed_trial_does_not_repeat_epochs_of_the_earlier_sitting() -> None:
    """It says where it goes on; an epoch trained again is silent, the next one is told."""
    snapshots = [a_row(epoch=epoch, value=0.5, best=0.6, parameters={}, resumed=True) for epoch in (2, 1, 2, 3)]
    assert lines_for(*(a_progress([row]) for row in snapshots)) == [
        "[ 0:42] trial 3  resumed at epoch 2/6  rouge_sum 0.5000  best 0.6000",
        "[ 0:42] trial 3  epoch 3/6  rouge_sum 0.5000  best 0.6000",
    ]


def test_trials_of_an_earlier_sitting_are_counted_in_the_opening_line() -> None:
    """Resuming a study with 300 ended trials writes one line, not 300."""
    stream = io.StringIO()
    LineView(stream).show(a_progress(rows_with(completed=100, pruned=199, failed=1), total_trials=320))
    assert stream.getvalue() == (
        "[ 0:42] study 대화요약  300/320 done  100 completed  199 pruned  1 failed  0 running"
        "  metric rouge_sum (kiwi) max  2 slots × 1 CPU\n"
    )


def test_a_failed_trial_that_runs_again_is_told_again() -> None:
    """A second attempt has a start and an end of its own."""
    ended, again = a_row(status="failed"), a_row(parameters={})
    told = lines_for(*(a_progress([row]) for row in (ended, again, again, ended, ended)))
    assert told == ["[ 0:42] trial 3  started", "[ 0:42] trial 3  failed"]


def test_a_stream_without_korean_does_not_stop_the_search() -> None:
    """What the stream cannot encode becomes a question mark."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    LineView(stream).say("요약 done")
    assert raw.getvalue() == b"?? done\n"


def test_of_many_trials_the_running_best_and_newest_are_chosen() -> None:
    """With room for 12 of 300: two running, the best five, the five newest ended."""
    rows = [a_row(number, "pruned", best=1 - number / 1000) for number in range(298)] + [a_row(298), a_row(299)]
    chosen = [row.number for row in select_rows(a_progress(rows), 12)]
    assert chosen == [0, 1, 2, 3, 4, 293, 294, 295, 296, 297, 298, 299]


def test_the_best_trial_stays_among_more_running_ones_than_there_is_room() -> None:
    """64 slots on a small terminal must not hide the best trial."""
    rows = [a_row(0, "completed", best=0.9), *(a_row(number) for number in range(1, 65))]
    assert [row.number for row in select_rows(a_progress(rows), 4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("width", [60, 110, 200])
def test_three_hundred_trials_fit_twenty_lines(width: int) -> None:
    """The screen is filled but not overrun, and says how many trials it leaves out."""
    rows = [a_row(number, "pruned", epoch=1, value=0.5, best=0.5) for number in range(298)]
    rows += [a_row(298, note="slow"), a_row(299)]
    lines = drawn(a_progress(rows, total_trials=300), width, height=20).splitlines()
    shown = [line for line in lines if line.split()[1:2] in (["pruned"], ["running"]) and line.split()[0].isdigit()]
    assert len(lines) == 19
    assert sum("running" in line for line in shown) == 2
    assert f"… and {300 - len(shown)} more: {300 - len(shown)} pruned" in lines


@pytest.mark.parametrize("width", [60, 80, 160])
def test_the_table_tells_what_matters_at_every_width(width: int) -> None:
    """Headline, columns and values are there, and no line is wider than the terminal."""
    rows = [
        a_row(0, "completed", epoch=6, value=0.79, best=0.8, is_default=True),
        a_row(1, "completed", epoch=6, value=0.85, best=0.8512),
        a_row(2, "failed", note="out of memory"),
        a_row(3, epoch=2, value=0.6, best=0.6),
    ]
    text = drawn(a_progress(rows, time_budget_seconds=3600), width)
    expected = ["대화요약", "3/40 done", "2 completed", "0 pruned", "1 failed", "1 running", "2 slots × 1 CPU"]
    expected += ["best rouge_sum (kiwi) 0.8512 (trial 1)", "recipe default 0.8000 (+0.0512)", "2/6", "3.2e-04"]
    expected += ["elapsed 0:42 of at most 1:00:00", "left", "0.7900"]
    assert [part for part in expected if part not in text] == []
    assert max(Console().measure(line).maximum for line in text.splitlines()) <= width


def test_headers_fold_before_columns_are_left_out() -> None:
    """One line each on a wide terminal, broken at underscores on a narrower one, named below on the narrowest."""
    progress = a_progress([a_row(note="went on after a restart")])
    wide, middle, narrow = (drawn(progress, width) for width in (160, 85, 60))
    assert "learning_rate  weight_decay  num_beams  note" in wide
    assert "learning_rate" not in middle
    assert "went on after a rest…" in middle
    assert "needs a wider terminal" not in middle
    assert "needs a wider terminal: num_beams, note" in narrow


def test_a_note_takes_the_place_of_the_last_parameter_from_80_columns_on() -> None:
    """Why a trial failed says more than one more parameter; under 80 columns the parameter stays, the note is cut."""
    progress = a_progress([a_row(status="failed", note="out of memory at batch 64")])
    assert "out of memory at ba" in drawn(progress, 80)
    assert "needs a wider terminal: num_beams\n" in drawn(progress, 80)
    assert "needs a wider terminal" not in drawn(progress, 79)
    assert "4  out of memory a…" in drawn(progress, 79)


def test_a_parameter_some_trials_lack_leaves_a_dash() -> None:
    """Conditional parameters appear once any trial has them."""
    text = drawn(a_progress([a_row(0, parameters={}), a_row(1, parameters={"num_beams": 4})]), 160)
    assert "num_beams" in text
    assert text.splitlines()[-2].endswith("–")


def test_an_empty_search_can_be_drawn() -> None:
    """Before the first trial there is a headline and no row."""
    assert "no rouge_sum (kiwi) yet" in drawn(a_progress([]), 60)


def test_the_view_suits_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table needs a terminal that can redraw and write Korean; FORCE_COLOR does not make a log a terminal."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    ascii_stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert isinstance(open_view(io.StringIO()), LineView)
    assert isinstance(open_view(io.StringIO(), force_terminal=True), TableView)
    assert isinstance(open_view(ascii_stream, force_terminal=True), LineView)
    assert isinstance(open_view(io.StringIO(), quiet=True, force_terminal=True), SilentView)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(open_view(io.StringIO(), force_terminal=True), LineView)


def test_silence_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing reaches the stream or the terminal."""
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


def test_closing_leaves_one_table_and_the_cursor() -> None:
    """The last state is drawn once more, with the clock as it is; a second close and late snapshots do nothing."""
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


def test_what_is_said_keeps_its_brackets() -> None:
    """Square brackets in a message are no markup."""
    stream, console = a_terminal()
    with closing(TableView(console)) as view:
        view.show(a_progress([a_row()]))
        view.say("[red]W&B[/red] is slow")
    assert "[red]W&B[/red] is slow" in stream.getvalue()


def test_an_uncaught_exception_gives_the_cursor_back() -> None:
    """A program that dies without closing its view still ends by showing the cursor."""
    program = """if True:
        import sys
        from tuning.live import Progress, open_view
        view = open_view(sys.stdout, force_terminal=True)
        view.show(Progress("s", "m", "max", [], 1, 1, 0.0, None, ""))
        raise RuntimeError("torn down")
    """
    root = Path(__file__).parents[2]
    environment = {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    ended = subprocess.run([sys.executable, "-c", program], cwd=root, env=environment, capture_output=True, text=True)
    assert "torn down" in ended.stderr
    assert HIDE_CURSOR in ended.stdout
    assert ended.stdout.rstrip().endswith(SHOW_CURSOR)
