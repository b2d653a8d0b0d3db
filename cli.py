"""The commands of kotune. Heavy libraries are imported inside the command that needs them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

from foundation.statuses import SessionEnd

if sys.platform == "win32":  # its locks and process groups differ, and the imports below would fail
    sys.exit("kotune: runs on Linux and macOS; on Windows use WSL: https://learn.microsoft.com/windows/wsl/install")

try:
    import typer
except ModuleNotFoundError:
    sys.exit("kotune: its libraries are not installed: make venv, once; then, in every shell, . .venv/bin/activate")

from delivery import cli_options as options
from foundation.durable import StorageLost, is_storage_error
from foundation.errors import COMMAND, UserError
from foundation.launchers import drop_launcher_variables
from foundation.secrets import redact, redacted
from foundation.standard_output import output, print_json
from search_spaces.choices import ExportFormat
from tuning.interruption import EXIT_CODE, immediate_interrupts
from tuning.studies.storage import readable_storage, storage_at

if TYPE_CHECKING:
    from delivery.sessions.session import Outcome
    from delivery.sessions.study_request import StudyRequest

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def common(version: options.Version = False) -> None:
    """Finds hyperparameters for Korean language models, on one core or a cluster of GPUs."""


@app.command(cls=options.Command)
def tune(
    space: options.Space,
    train: options.Train = None,
    dev: options.Dev = None,
    test: options.Test = None,
    model: options.Model = None,
    tokenizer: options.Tokenizer = None,
    trust_remote_code: options.Trust = False,
    trials: options.Trials = None,
    time_budget: options.TimeBudget = None,
    max_failures: options.MaxFailures = None,
    seed: options.Seed = None,
    set_: options.Sets = None,
    range_: options.Ranges = None,
    config: options.Config = None,
    study: options.StudyName = None,
    storage: options.StorageName = "runs",
    address: options.Address = None,
    optuna_storage: options.OptunaStorage = None,
    slots: options.Slots = None,
    workers_per_trial: options.WorkersPerTrial = None,
    gpus_per_worker: options.GpusPerWorker = None,
    cpus_per_worker: options.CpusPerWorker = None,
    json_: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Search a space; export the best model."""
    from delivery.sessions.space_options import resolve_space
    from delivery.sessions.study_request import StudyRequest

    out = options.progress_stream(json_ or dry_run)
    values = {
        **options.data_options(train, dev, test, model, tokenizer, seed, trust_remote_code),
        "budget.trials": trials, "budget.time": time_budget, "budget.max_failures": max_failures, "slots.count": slots,
        "slots.workers_per_trial": workers_per_trial, "slots.gpus_per_worker": gpus_per_worker,
        "slots.cpus_per_worker": cpus_per_worker, "optuna_storage": optuna_storage,
    }  # fmt: skip
    resolved = resolve_space(space, values, set_ or [], range_ or [], config, lambda line: print(line, file=out))
    name = options.dated_name(resolved.name) if study is None else study
    _start(StudyRequest(resolved, name, storage_at(storage), address), out, json_, dry_run)


@app.command(cls=options.Command)
def train(
    space: options.Space,
    train: options.Train = None,
    dev: options.Dev = None,
    test: options.Test = None,
    model: options.Model = None,
    tokenizer: options.Tokenizer = None,
    trust_remote_code: options.Trust = False,
    rows: options.Rows = None,
    resume_from: options.ResumeFrom = None,
    seed: options.Seed = None,
    set_: options.Sets = None,
    config: options.Config = None,
    study: options.StudyName = None,
    storage: options.StorageName = "runs",
    json_: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Train one configuration without a search: the space's defaults, changed by --set."""
    from delivery.sessions.space_options import one_configuration, resolve_space
    from delivery.sessions.study_request import StudyRequest

    out = options.progress_stream(json_ or dry_run)
    values = options.data_options(train, dev, test, model, tokenizer, seed, trust_remote_code)
    sets = ["scheduler.name=none", *(set_ or [])]  # the epochs may be fewer than a scheduler's grace period
    resolved = resolve_space(space, values, sets, [], config, lambda line: print(line, file=out))
    name = options.dated_name(f"{resolved.name}-train") if study is None else study
    one, place = one_configuration(resolved, rows), options.local_storage(storage, "train")
    _start(StudyRequest(one, name, place, resume_from=resume_from), out, json_, dry_run)


@app.command(cls=options.Command)
def resume(
    study: options.StudyArgument,
    trials: options.MoreTrials = None,
    time_budget: options.SessionTimeBudget = None,
    storage: options.StorageName = "runs",
    address: options.Address = None,
    trust_remote_code: options.Trust = False,
    train: options.MovedTrain = None,
    dev: options.MovedDev = None,
    test: options.MovedTest = None,
    model: options.MovedModel = None,
    tokenizer: options.MovedTokenizer = None,
    rdass_encoder: options.MovedEncoder = None,
    json_: options.Json = False,
) -> None:
    """Continue a study that was interrupted, or whose budget was spent."""
    from delivery.sessions import session

    moved = options.moved(train, dev, test, model, tokenizer, rdass_encoder)
    outcome = session.resume(
        study, storage_at(storage), options.progress_stream(json_),
        trials=trials, time_budget=time_budget, address=address, trust=trust_remote_code, moved=moved,
    )  # fmt: skip
    _finish(outcome, json_)


@app.command(cls=options.Command)
def status(
    study: options.OptionalStudy = None,
    storage: options.StorageName = "runs",
    json_: options.JsonObject = False,
) -> None:
    """Show the status of a study, or list all studies, from any machine that sees the storage. Changes nothing."""
    from delivery.sessions.study_list import describe

    with readable_storage(storage, light=True) as place:
        content, lines = describe(study, place)
    print_json(redacted(content)) if json_ else typer.echo("\n".join(lines), output())


@app.command(cls=options.Command)
def export(
    study: options.StudyArgument,
    out: options.ExportFolder = None,
    format_: options.Format = ExportFormat.FLOAT32,
    storage: options.StorageName = "runs",
    next_best: options.NextBest = False,
    trust_remote_code: options.Trust = False,
) -> None:
    """Write the best model as a Hugging Face folder."""
    from delivery.sessions.finalize import export_study

    with readable_storage(storage) as place:
        folder = export_study(study, place, out, trust=trust_remote_code, format_=format_, next_best=next_best)
        typer.echo(folder, output())


@app.command(cls=options.Command)
def predict(
    model_dir: options.Exported,
    input: options.Input = "-",
    out: options.OutputCsv = None,
    batch_size: options.BatchSize = 32,
    top_k: options.TopK = 1,
    probabilities: options.Probabilities = False,
    decimals: options.Decimals = None,
    header: options.Header = None,
    workers: options.Workers = None,
    resume: options.Resume = False,
    max_characters: options.MaxCharacters = 1_000_000,
    set_: options.ModelSets = None,
    task: options.TaskName = None,
    tokenizer: options.Tokenizer = None,
    trust_remote_code: options.Trust = False,
) -> None:
    """Write predictions for a file, or for lines of standard input, in their order."""
    from delivery.inference.predict import predict as run
    from trainables.tasks.prediction_format import PredictionFormat

    count = run(
        model_dir, input, out, batch_size, PredictionFormat(top_k, probabilities, decimals),
        header=options.header_names(header), options=options.model_options(set_, task, tokenizer, trust_remote_code),
        workers=workers, resume=resume, longest=max_characters, lines=options.input_lines,
    )  # fmt: skip
    if out is not None:
        typer.echo(f"{count} rows: {out}", output())


@app.command(cls=options.Command)
def evaluate(
    model_dir: options.Exported,
    data: options.ScoredFile,
    batch_size: options.BatchSize = 32,
    rows: options.ScoredRows = None,
    workers: options.Workers = None,
    set_: options.ModelSets = None,
    out: options.OutputRows = None,
    picture: options.Picture = None,
    task: options.TaskName = None,
    tokenizer: options.Tokenizer = None,
    trust_remote_code: options.Trust = False,
) -> None:
    """Score a model on a file, without training; prints one JSON object."""
    from delivery.inference.scoring import evaluate as run

    changes = options.model_options(set_, task, tokenizer, trust_remote_code)
    print_json(run(model_dir, data, batch_size, picture, out=out, rows=rows, workers=workers, options=changes))


@app.command(cls=options.Command)
def ensemble(
    members: options.Members,
    out: options.NewFolder,
    storage: options.StorageName = "runs",
    batch_size: options.BatchSize = 256,
) -> None:
    """Combine classifiers: the mean of their probabilities, scored beside each of them."""
    from delivery.exports.ensemble import make_ensemble

    print_json(make_ensemble(members, options.local_storage(storage, "ensemble").folder, out, batch_size))


@app.command(cls=options.Command)
def models(
    space: options.SpaceOrFolder,
    model: options.Model = None,
    set_: options.Sets = None,
    freeze_layers: options.FreezeLayers = None,
    shapes: options.Shapes = False,
) -> None:
    """Show a model: parameters by layer, frozen layers, sizes. Loads no weights."""
    from delivery.model_summary import print_layers, summarize

    print_layers(*summarize(space, model, set_ or [], freeze_layers), shapes=shapes)


@app.command(cls=options.Command)
def spaces() -> None:
    """Show the search spaces that come with kotune."""
    from delivery.space_table import print_spaces

    print_spaces()


def _start(request: StudyRequest, out: TextIO, as_json: bool, dry_run: bool) -> None:
    from delivery.sessions import session

    if dry_run:
        typer.echo(redact(session.dry_run(request, out)), output())
        return
    _finish(session.start(request, out), as_json)


def _finish(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        print_json(redacted(outcome.summary.to_json()))
    if outcome.end is SessionEnd.INTERRUPTED:
        raise typer.Exit(EXIT_CODE)
    if outcome.summary.best_model is None or outcome.end is SessionEnd.STORAGE_LOST:
        raise typer.Exit(1)


def main() -> None:
    """Runs a command; a user's mistake is one message on stderr and exit code 2."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if dropped := drop_launcher_variables(os.environ):
        typer.echo(f"kotune: {options.launcher_note(dropped)}", err=True)
    try:
        with immediate_interrupts():
            app()
    except UserError as error:
        typer.echo(f"kotune: {error}", err=True)
        sys.exit(2)
    except Exception as error:  # safetensors and torch have exceptions of their own for a full disk
        if not isinstance(error, StorageLost) and not is_storage_error(error):
            raise
        todo = f"make room or bring the storage back; {COMMAND} resume STUDY continues a study"
        typer.echo(f"kotune: {UserError(str(error), 'storage with room that can be written', todo)}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
