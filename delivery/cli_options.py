"""The options that several commands share, with their help texts. Imports nothing heavy: `--help` reads this."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from typer.core import TyperCommand

from corpora.encodings import decoded_lines
from foundation.errors import UserError
from foundation.standard_output import output, reserve_output
from search_spaces.choices import ExportFormat
from tuning.studies.storage import Storage, storage_at

if TYPE_CHECKING:
    from delivery.inference.options import ModelOptions

_DATA, _SEARCH, _MACHINES = "Data and model", "Search", "Machines"


def _data(text: str, *names: str, **options: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=_DATA, **options)


def _search(text: str, *names: str, **options: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=_SEARCH, **options)


def _moved(what: str, name: str) -> Any:
    return _data(f"New place of {what}, if it was moved; its content must be the same.", name)


def _machines(text: str, *names: str, **options: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=_MACHINES, **options)


class Command(TyperCommand):
    """A command whose standard output carries only what was asked for."""

    def invoke(self, ctx: Any) -> Any:
        with reserve_output():
            return super().invoke(ctx)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"kotune {version('kotune')}")
        raise typer.Exit


def _not_empty(option: typer.CallbackParam, value: str | None) -> str | None:
    """Refuses the empty text that an unset variable of a shell leaves: it would mean the default."""
    if value is not None and not value.strip():
        todo = f"set the variable that it was made of, or remove --{option.name}"
        raise UserError(f"--{option.name} is empty", "a value", todo)
    return value


Version = Annotated[bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)]
Space = Annotated[str, typer.Argument(help="Name of a search space (see `spaces`), or a YAML file.")]
StudyArgument = Annotated[str, typer.Argument(help="Name of the study.")]
OptionalStudy = Annotated[str | None, typer.Argument(help="Name of a study. Default: list all.")]
Exported = Annotated[
    Path,
    typer.Argument(
        help="A folder that `export`, `tune`, `train` or `ensemble` wrote; with --task any model folder or hub id."
    ),
]

Train = Annotated[str | None, _data("Training rows: CSV, TSV, JSON, JSONL or Parquet.")]
Dev = Annotated[str | None, _data("Rows that choose the best model. Default: cut from --train.")]
Test = Annotated[str | None, _data("Rows that are scored once, at the end.")]
Model = Annotated[str | None, _data("Hub id, folder, or scratch:tiny|small|base.")]
Tokenizer = Annotated[str | None, _data("Hub id or folder. Default: the model's.")]
Rows = Annotated[int | None, _data("Use this many rows of each split, for a debug run.", min=1)]
ResumeFrom = Annotated[Path | None, _data("Continue from this checkpoint of an interrupted trial.")]

Trials = Annotated[int | None, _search("Number of configurations to try.")]
TimeBudget = Annotated[str | None, _search("Time limit: 90s, 30m, 4h, 1h30m.")]
MaxFailures = Annotated[int | None, _search("Stop if this many first trials all fail.")]
Seed = Annotated[int | None, _search("Seed of sampler, split and models.")]
Sets = Annotated[list[str] | None, _search("KEY=VALUE: fix a parameter or a setting.", "--set")]
Ranges = Annotated[list[str] | None, _search("NAME=log:LOW:HIGH, float:…, int:LOW:HIGH[:STEP], choice:A,B.", "--range")]
Config = Annotated[Path | None, _search("YAML file laid over the space; a baseline's config.yaml is translated.")]
OptunaStorage = Annotated[str | None, _search("postgresql://USER@HOST/DB. Default: a file in the study.")]

Slots = Annotated[str | None, _machines("Number of parallel trials; MIN:MAX asks the cluster for machines.")]
WorkersPerTrial = Annotated[int | None, _machines("More than 1: data-parallel trials.")]
GpusPerWorker = Annotated[float | None, _machines("0 … 1. Default: 1 if there are GPUs.")]
CpusPerWorker = Annotated[float | None, _machines("Default: 1.")]

StudyName = Annotated[str | None, typer.Option(help="Name of the study. Default: space and time.")]
StorageName = Annotated[str, typer.Option(help="Folder of all studies: a path, s3://BUCKET/… or gs://BUCKET/….")]
Address = Annotated[
    str | None,
    typer.Option(help="Ray cluster: auto, or HOST:PORT. Default: start Ray on this machine.", callback=_not_empty),
]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object, and the progress on stderr.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything and print the resolved study; start nothing.")
]
Trust = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run code from the model's own repository; read it first.")
]
BatchSize = Annotated[int, typer.Option(min=1, help="Rows per batch.")]

MoreTrials = Annotated[int | None, typer.Option("--trials", help="Raise the number of trials to this.")]
MovedTrain = Annotated[str | None, _moved("the training file", "--train")]
MovedDev = Annotated[str | None, _moved("the dev file", "--dev")]
MovedTest = Annotated[str | None, _moved("the test file", "--test")]
MovedModel = Annotated[str | None, _moved("the folder of the model", "--model")]
MovedTokenizer = Annotated[str | None, _moved("the folder of the tokenizer", "--tokenizer")]
MovedEncoder = Annotated[str | None, _moved("the folder of RDASS's encoder", "--rdass-encoder")]
SessionTimeBudget = Annotated[
    str | None, typer.Option("--time-budget", help="Time limit of this session: 90s, 30m, 4h, 1h30m.")
]
JsonObject = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NextBest = Annotated[
    bool,
    typer.Option(
        "--next-best", help="If the model of the best trial is lost, export that of the next best one and say so."
    ),
]
Format = Annotated[ExportFormat, typer.Option("--format", help="Number format of the weights.")]
ExportFolder = Annotated[Path | None, typer.Option("--out", help="New folder. Default: best_model in the study.")]

Input = Annotated[
    str,
    typer.Argument(help="A table like the training rows, with or without targets; - reads lines of standard input."),
]
OutputCsv = Annotated[
    Path | None, typer.Option("--out", help="CSV, TSV or JSONL file. Default: CSV on standard output.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue the --out of an interrupted command: same input, model and options.")
]
MaxCharacters = Annotated[int, typer.Option(min=1, help="Longest text; a row with a longer one cannot be used.")]
TopK = Annotated[int, typer.Option(min=1, help="Number of most probable classes to write.")]
Probabilities = Annotated[bool, typer.Option("--probabilities", help="Also write the probabilities of the classes.")]
Decimals = Annotated[int | None, typer.Option(min=0, help="Decimals of a predicted number. Default: as in the study.")]
Header = Annotated[
    str | None, typer.Option(help="Column names of the CSV: id,target. Default: those of the training file.")
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes for a file, one GPU each. Default: all GPUs.")]
ModelSets = Annotated[
    list[str] | None,
    typer.Option("--set", help="KEY=VALUE of decoding (num_beams=4) or of the file (columns.source=NAME)."),
]
TaskName = Annotated[
    str | None,
    _data("Task of a model that kotune did not export: summarisation, classification or regression.", "--task"),
]

ScoredFile = Annotated[Path, typer.Option("--data", help="A file with targets.")]
ScoredRows = Annotated[int | None, typer.Option("--rows", min=1, help="Draw this many rows. Default: all.")]
OutputRows = Annotated[
    Path | None, typer.Option("--out", help="CSV, TSV or JSONL file: the prediction and the scores of each row.")
]
Picture = Annotated[Path | None, typer.Option(help="PNG file for the confusion matrix.")]
Members = Annotated[list[str], typer.Argument(help="Studies by name, or exported folders.")]
NewFolder = Annotated[Path, typer.Option("--out", help="New folder.")]
SpaceOrFolder = Annotated[
    str, typer.Argument(help="A search space by name or file, or the folder of an exported model.")
]
FreezeLayers = Annotated[int | None, typer.Option(min=0, help="Number of frozen layers. Default: the space's value.")]
Shapes = Annotated[bool, typer.Option("--shapes", help="Show the shape of every weight.")]


def data_options(*values: Any) -> dict[str, Any]:
    """Returns the options on data and model by their keys in a space; None keeps the space's value."""
    *data, trust = values
    names = ("data.train", "data.dev", "data.test", "model", "tokenizer", "seed", "trust_remote_code")
    return dict(zip(names, [*data, trust or None], strict=True))


def model_options(sets: list[str] | None, task: str | None, tokenizer: str | None, trust: bool) -> ModelOptions:
    """Returns the options of `predict` and `evaluate` on a model."""
    from delivery.inference.options import ModelOptions

    return ModelOptions(tuple(sets or ()), task, tokenizer, trust)


def moved(*paths: str | None) -> dict[str, str]:
    """Returns the new paths of files and folders that were moved, by the key of each."""
    names = ("train", "dev", "test", "model", "tokenizer", "rdass_encoder")
    return {name: path for name, path in zip(names, paths, strict=True) if path is not None}


def progress_stream(has_output: bool) -> TextIO:
    """Returns the stream for progress: standard error if standard output is for a program to read."""
    return sys.stderr if has_output else output()


def input_lines() -> Iterator[str]:
    """Yields the lines of standard input as they come, whatever the encoding of the locale is.

    Raises:
        UserError: There is no standard input, or it is neither UTF-8 nor CP949.
    """
    if sys.stdin is None:
        raise UserError("standard input is closed", "lines of text", "name a file as INPUT, or send lines with < FILE")
    return decoded_lines(sys.stdin.buffer, "standard input")


def header_names(header: str | None) -> list[str] | None:
    """Returns the two column names of `--header`.

    Raises:
        UserError: there are not two, or one is empty.
    """
    names = [name.strip() for name in header.split(",")] if header is not None else None
    if names is not None and (len(names) != 2 or not all(names)):
        raise UserError(f"--header {header!r}", "two names, of the ids and of the predictions", "--header id,target")
    return names


def launcher_note(variables: Sequence[str]) -> str:
    """Returns the line that says which variables of a launcher are not used."""
    shown = ", ".join(variables[:4]) + (f" and {len(variables) - 4} more" if len(variables) > 4 else "")
    return f"the launcher's variables {shown} are not used: kotune starts its own workers (--workers-per-trial)"


def local_storage(storage: str, command: str) -> Storage:
    """Returns the storage of a command that cannot work in a bucket.

    Raises:
        UserError: `storage` is an address.
    """
    place = storage_at(storage)
    if place.bucket:
        raise UserError(f"{command} --storage {storage}", "a folder of this machine", "leave --storage out")
    return place


def dated_name(name: str) -> str:
    """Returns the name of a study that the user gave none."""
    return f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
