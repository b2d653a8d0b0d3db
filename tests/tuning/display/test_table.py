"""The table of a search fits its terminal."""

import io

import pytest
from rich.console import Console

from tests.tuning.display.snapshots import PARAMETERS, a_progress, a_row, rows_with
from trainables.training.reports import StepProgress
from tuning.display.progress import Progress
from tuning.display.table import progress_table
from tuning.display.time_left import TimeLeft


def drawn(progress: Progress, width: int, height: int = 30) -> str:
    """The table as plain text."""
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    console.print(progress_table(progress, width, height))
    return console.export_text()


def test_the_headline_of_a_finished_search_has_no_time_left() -> None:
    """It needs no estimate. One that has just begun says what it waits for."""
    finished = a_progress(rows_with(completed=2), total_trials=2, time_left=TimeLeft(0))
    assert "left" not in drawn(finished, 160)
    assert "time left not known yet" in drawn(a_progress(rows_with(running=2)), 160)


@pytest.mark.parametrize("width", [60, 110, 200])
def test_three_hundred_trials_fit_twenty_lines(width: int) -> None:
    """The screen is full but does not scroll, and the number of hidden trials is shown."""
    rows = [a_row(number, "pruned", epoch=1, value=0.5, best=0.5) for number in range(298)]
    rows += [a_row(298, note="slow"), a_row(299)]
    lines = drawn(a_progress(rows, total_trials=300), width, height=20).splitlines()
    shown = [line for line in lines if line.split()[1:2] in (["pruned"], ["running"]) and line.split()[0].isdigit()]
    assert len(lines) == 19
    assert sum("running" in line for line in shown) == 2
    assert f"… and {300 - len(shown)} more: {300 - len(shown)} pruned" in lines


@pytest.mark.parametrize("width", [60, 80, 160])
def test_the_table_is_complete_at_every_width(width: int) -> None:
    """Headline, columns and values are shown, and no line is wider than the terminal."""
    steps = StepProgress(step=243, epoch=2.43, timed_steps=10, training_seconds=4.0)
    rows = [
        a_row(0, "completed", epoch=6, value=0.79, best=0.8, is_default=True),
        a_row(1, "completed", epoch=6, value=0.85, best=0.8512),
        a_row(2, "failed", note="out of memory"),
        a_row(3, epoch=2, value=0.6, best=0.6, steps=steps),
    ]
    text = drawn(a_progress(rows, time_budget_seconds=3600, time_left=TimeLeft(1230)), width)
    expected = ["대화요약", "3/40 done", "2 completed", "0 pruned", "1 failed", "1 running", "2 slots × 1 CPU"]
    expected += ["best rouge_sum (kiwi) 0.8512 (trial 1)", "recipe default 0.8000 (+0.0512)", "2.43/6", "3.2e-04"]
    expected += [
        "elapsed 0:42 of at most 1:00:00",
        "about 20:30 left",
        "2.5 steps/s",
        *(["0.7900"] if width >= 80 else []),
    ]
    assert [part for part in expected if part not in text] == []
    assert max(Console().measure(line).maximum for line in text.splitlines()) <= width


def test_a_long_tokenizer_does_not_hide_the_best_trial() -> None:
    """It follows as a fact of its own where the line would be cut before the number of the trial."""
    metric = "rouge_sum (kiwi-morphemes (kiwipiepy 0.24.1, model 0.24.0))"
    progress = a_progress([a_row(1, epoch=2, value=0.6, best=0.6)], metric=metric)
    # "best METRIC 0.6000 (trial 1)" has 5 + 59 + 17 = 81 characters.
    assert f"best {metric} 0.6000 (trial 1)" in drawn(progress, 81)
    narrow = drawn(progress, 80).splitlines()
    assert "best rouge_sum 0.6000 (trial 1)" in narrow
    assert "counted by kiwi-morphemes (kiwipiepy 0.24.1, model 0.24.0)" in narrow


def test_headers_are_folded_before_columns_are_omitted() -> None:
    """One line on a wide terminal, broken at underscores on a narrower one; omitted columns are named below."""
    progress = a_progress([a_row(note="went on after a restart")])
    wide, middle, narrow = (drawn(progress, width) for width in (160, 85, 60))
    assert "learning_rate  weight_decay  num_beams  note" in wide
    assert "learning_rate" not in middle
    assert "went on after a rest…" in middle
    assert "needs a wider terminal" not in middle
    assert "needs a wider terminal: rouge_sum, note" in narrow


def test_headers_are_folded_only_as_far_as_needed() -> None:
    """The first ones stay in one line."""
    progress = a_progress([a_row(note="went on after a restart")])
    assert "learning_rate" in drawn(progress, 100)
    narrow = drawn(progress, 92)
    assert "rouge_sum" in narrow.split("no rouge_sum (kiwi) yet")[1]
    assert "learning_rate" not in narrow


def test_the_time_of_earlier_sessions_is_shown() -> None:
    """It is part of the elapsed time of a resumed study."""
    assert "elapsed 0:42, 0:30 of it in earlier sessions" in drawn(a_progress([a_row()], earlier_seconds=30.0), 160)
    assert "earlier" not in drawn(a_progress([a_row()]), 160)


def test_steps_hide_no_searched_parameter() -> None:
    """The search of kobart at 80 columns: note and headers give way."""
    names = {"learning_rate": 3.2e-4, "warmup_ratio": 0.1131, "num_beams": 4}
    steps = StepProgress(step=1243, epoch=2.4367, timed_steps=10, training_seconds=4.0)
    rows = [a_row(number, "running", epoch=2, value=0.6, best=0.6, parameters=names, steps=steps) for number in (0, 10)]
    text = drawn(a_progress(rows), 80)
    assert "2.43/6" in text
    assert "needs a wider terminal" not in text
    assert all(part in text for part in ("3.2e-04", "0.113", "rate", "ratio", "beams"))


@pytest.mark.parametrize("width", [60, 72, 80, 120, 200])
def test_searched_parameters_are_the_last_to_be_omitted(width: int) -> None:
    """Note and newest score go first, and long texts are cut; the reason of a failure is then below the table."""
    parameters = {**PARAMETERS, "optim": "adamw_torch_fused"}
    reason = "out of memory at batch 64"
    progress = a_progress([a_row(status="failed", note=reason, parameters=parameters)])
    text = drawn(progress, width)
    header, omitted = text.split("────")[0], text.partition("needs a wider terminal: ")[2].splitlines()
    # trial 5, status 6, epoch 5, best 4, four parameters of 9, 7, 5 and 9, seven gaps of 2: 64.
    assert ("optim" in header) == (width >= 64)
    assert ("sum" in header.split("no rouge_sum")[1]) == (width >= 80)
    assert omitted[:1] == {60: ["rouge_sum, optim, note"], 72: ["rouge_sum, note"], 80: ["note"]}.get(width, [])
    assert (f"trial 3 failed: {reason}" in text) == bool(omitted)
    assert reason in text


def test_a_parameter_that_a_trial_lacks_is_a_dash() -> None:
    """Conditional parameters have a column once any trial has them."""
    text = drawn(a_progress([a_row(0, parameters={}), a_row(1, parameters={"num_beams": 4})]), 160)
    assert "num_beams" in text
    assert text.splitlines()[-2].endswith("–")


def test_an_empty_search_can_be_drawn() -> None:
    """Before the first trial there is a headline and no row."""
    assert "no rouge_sum (kiwi) yet" in drawn(a_progress([]), 60)
