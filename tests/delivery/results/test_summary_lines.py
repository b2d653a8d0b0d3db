"""The lines of a summary."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from corpora.splits import SplitFile
from delivery.results.scores import Score
from delivery.results.summary import TrialCounts
from delivery.results.summary_lines import compare_default, summary_lines
from foundation.statuses import TrialStatus
from tests.delivery.results.summaries import BEST, PRUNED_DEFAULT, a_summary

SUMMARY = a_summary(trials=TrialCounts(2, 1, 1, 0, 0), best=BEST, default=PRUNED_DEFAULT)


def test_a_pruned_default_is_compared_at_the_epoch_where_it_was_pruned() -> None:
    """A comparison of its first epoch with the best trial's third would be unfair."""
    assert compare_default(SUMMARY) == "rouge_sum 0.1100, pruned at epoch 1, where the best had 0.8300"


def test_a_completed_default_is_compared_by_its_best_value() -> None:
    """With the difference, signed."""
    default = replace(PRUNED_DEFAULT, status=TrialStatus.COMPLETED, epoch=3.0, best_by_then=1.05)
    assert compare_default(replace(SUMMARY, default=default)) == "rouge_sum 0.1100: best +0.9400"


def test_a_default_without_a_score_or_that_is_the_best() -> None:
    """Neither is compared."""
    assert compare_default(replace(SUMMARY, default=None)) == "no score"
    assert compare_default(replace(SUMMARY, default=replace(PRUNED_DEFAULT, trial=BEST.trial))) == "is the best"


def test_the_lines_of_a_finished_study() -> None:
    """Counts, best, parameters, default, test score, model and the next command; ROUGE also in its parts."""
    parts = {"rouge_1": 0.5, "rouge_2": 0.2, "rouge_l": 0.34, "rouge_sum": 1.04}
    test = Score(metrics=parts, rows=200, rouge_tokenizer="whitespace", seconds=1.0)
    summary = replace(SUMMARY, test=test, best_model="/runs/s/best_model")
    assert summary_lines(summary, {"learning_rate": 0.0071234, "num_beams": 2}, "kotune") == [
        "2 trials: 1 completed, 1 pruned, 0 failed · 1 s",
        "best     rouge_sum (whitespace) 1.0500 on dev: s-0001, epoch 3",
        "         learning_rate = 0.00712, num_beams = 2",
        "default  rouge_sum 0.1100, pruned at epoch 1, where the best had 0.8300",
        "test     rouge_sum (whitespace) 1.0400 on 200 rows, opened once",
        "         rouge_1 0.5000, rouge_2 0.2000, rouge_l 0.3400",
        "model    /runs/s/best_model",
        "next     kotune predict /runs/s/best_model INPUT.csv",
    ]


def test_the_next_command_runs_as_it_stands(tmp_path: Path) -> None:
    """It names the study's own test file, or its dev file, where these are on this machine."""
    files = {name: SplitFile(str(tmp_path / f"{name} 1.csv"), 3, "0") for name in ("train", "dev", "test")}
    summary = replace(SUMMARY, best_model="/m", data=files)
    assert summary_lines(summary, {}, "kotune")[-1] == "next     kotune predict /m INPUT.csv"
    for name in ("dev", "test"):
        Path(files[name].path).touch()
        assert summary_lines(summary, {}, "kotune")[-1] == f"next     kotune predict /m '{tmp_path}/{name} 1.csv'"


def test_the_next_command_can_be_pasted_whatever_its_folder_is_called() -> None:
    """A path with spaces is quoted for the shell."""
    lines = summary_lines(replace(SUMMARY, best_model="/my runs/s/best_model"), {}, "kotune")
    assert lines[-1] == "next     kotune predict '/my runs/s/best_model' INPUT.csv"
    lines = summary_lines(replace(SUMMARY, best_model="s3://a b/runs/s/best_model"), {}, "kotune")
    assert lines[-1] == "next     kotune export s --storage 's3://a b/runs' --out FOLDER"


def test_the_lines_of_a_training_have_no_parameters_and_no_default() -> None:
    """Nothing was searched."""
    lines = summary_lines(replace(SUMMARY, trials=TrialCounts(1, 1, 0, 0, 0)), {}, "kotune")
    assert lines == [
        "1 trial: 1 completed, 0 pruned, 0 failed · 1 s",
        "best     rouge_sum (whitespace) 1.0500 on dev: s-0001, epoch 3",
    ]


def test_notes_are_shown_beside_the_scores() -> None:
    """One line for each."""
    summary = replace(SUMMARY, notes=["a", "b"], warnings=["c"], best_model="/m")
    assert summary_lines(summary, {"num_beams": 2}, "kotune")[4:7] == ["note     a", "note     b", "warning  c"]


def test_a_metric_that_test_does_not_have_is_replaced_by_its_first() -> None:
    """The loss is an objective on dev, and is not computed on test."""
    test = Score(metrics={"accuracy": 0.5}, rows=10, rouge_tokenizer=None, seconds=1.0)
    lines = summary_lines(replace(SUMMARY, metric="loss", rouge_tokenizer=None, test=test), {}, "kotune")
    assert "test     accuracy 0.5000 on 10 rows, opened once" in lines


def test_a_model_in_a_bucket_is_exported_next() -> None:
    """`predict` needs a folder of this machine."""
    lines = summary_lines(replace(SUMMARY, best_model="s3://bucket/runs/s/best_model"), {}, "kotune")
    assert lines[-1] == "next     kotune export s --storage s3://bucket/runs --out FOLDER"


def test_a_study_without_a_model() -> None:
    """The lines end there; unfinished trials are counted only if there are any."""
    lines = summary_lines(a_summary(trials=TrialCounts(3, 0, 0, 1, 2)), {}, "kotune")
    assert lines == ["3 trials: 0 completed, 0 pruned, 1 failed, 2 unfinished · 1 s", "no trial gave a model"]
