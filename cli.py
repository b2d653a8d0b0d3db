"""The commands of kotune. Heavy libraries are imported inside the command that needs them.

python cli.py tune kobart
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from foundation.statuses import SessionEnd

try:
    import typer
except ModuleNotFoundError:
    sys.exit("kotune: its libraries are not here: make venv, once; then, in every shell, . .venv/bin/activate")

from foundation.durable import StorageLost, is_storage_error
from foundation.errors import COMMAND, UserError
from foundation.secrets import redact, redacted
from tuning.interruption import EXIT_CODE, immediate_interrupts
from tuning.studies.storage import Storage, readable_storage, storage_at

app = typer.Typer(
    help="Finds hyperparameters for Korean language models, on one core or a cluster of GPUs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

_DATA, _SEARCH, _MACHINES = "Data and model", "Search", "Machines"

Space = Annotated[str, typer.Argument(help="A search space by name (see `spaces`), or a YAML file.")]
Train = Annotated[str | None, typer.Option(help="CSV, TSV or JSONL.", rich_help_panel=_DATA)]
Dev = Annotated[str | None, typer.Option(help="Chooses the best; cut from --train if absent.", rich_help_panel=_DATA)]
Test = Annotated[str | None, typer.Option(help="Scored once, at the end.", rich_help_panel=_DATA)]
Model = Annotated[str | None, typer.Option(help="Hub id, folder, or scratch:tiny|small|base.", rich_help_panel=_DATA)]
Words = Annotated[str | None, typer.Option(help="Hub id or folder; default: the model's.", rich_help_panel=_DATA)]
Seed = Annotated[int | None, typer.Option(help="Of sampler, split and models.", rich_help_panel=_SEARCH)]
Sets = Annotated[
    list[str] | None, typer.Option("--set", help="KEY=VALUE: fix a parameter or a setting.", rich_help_panel=_SEARCH)
]
Config = Annotated[
    Path | None,
    typer.Option(help="YAML laid over the space; a baseline's config.yaml is translated.", rich_help_panel=_SEARCH),
]
StudyName = Annotated[str | None, typer.Option(help="Name of the study; default: space and time.")]
StorageName = Annotated[str, typer.Option(help="What holds all studies: a folder, s3://BUCKET/…, gs://BUCKET/….")]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object; progress goes to stderr.")]
Address = Annotated[str | None, typer.Option(help="Ray cluster: auto, or HOST:PORT. Without it, Ray starts here.")]
Batch = Annotated[int, typer.Option(min=1, help="Rows per batch.")]
Trust = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run code of the model's own repository; read it first.")
]
Exported = Annotated[Path, typer.Argument(help="A folder that `export`, `tune`, `train` or `ensemble` wrote.")]


@app.command()
def tune(
    space: Space,
    train: Train = None,
    dev: Dev = None,
    test: Test = None,
    model: Model = None,
    tokenizer: Words = None,
    trust_remote_code: Trust = False,
    trials: Annotated[int | None, typer.Option(help="How many configurations to try.", rich_help_panel=_SEARCH)] = None,
    time_budget: Annotated[str | None, typer.Option(help="90s, 30m, 4h, 1h30m.", rich_help_panel=_SEARCH)] = None,
    max_failures: Annotated[
        int | None, typer.Option(help="Give up when the first so many trials all failed.", rich_help_panel=_SEARCH)
    ] = None,
    seed: Seed = None,
    set_: Sets = None,
    range_: Annotated[
        list[str] | None,
        typer.Option(
            "--range", help="NAME=log:LOW:HIGH, float:…, int:LOW:HIGH[:STEP], choice:A,B.", rich_help_panel=_SEARCH
        ),
    ] = None,
    config: Config = None,
    study: StudyName = None,
    storage: StorageName = "runs",
    address: Address = None,
    optuna_storage: Annotated[
        str | None,
        typer.Option(help="postgresql://USER@HOST/DB; default: a file.", rich_help_panel=_SEARCH),
    ] = None,
    slots: Annotated[
        str | None,
        typer.Option(help="Trials side by side; MIN:MAX asks for machines.", rich_help_panel=_MACHINES),
    ] = None,
    workers_per_trial: Annotated[
        int | None, typer.Option(help="More than 1: data-parallel trials.", rich_help_panel=_MACHINES)
    ] = None,
    gpus_per_worker: Annotated[
        float | None, typer.Option(help="0 … 1; default: 1 where there are GPUs.", rich_help_panel=_MACHINES)
    ] = None,
    cpus_per_worker: Annotated[float | None, typer.Option(help="Default: 1.", rich_help_panel=_MACHINES)] = None,
    json_: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, print the resolved study, start nothing.")
    ] = False,
) -> None:
    """Search a space; export the best model."""
    options = {
        **_data_options(train, dev, test, model, tokenizer, seed, trust_remote_code),
        "budget.trials": trials, "budget.time": time_budget, "budget.max_failures": max_failures, "slots.count": slots,
        "slots.workers_per_trial": workers_per_trial, "slots.gpus_per_worker": gpus_per_worker,
        "slots.cpus_per_worker": cpus_per_worker, "optuna_storage": optuna_storage,
    }  # fmt: skip
    from delivery.sessions import session, tune_request

    out = sys.stderr if json_ or dry_run else sys.stdout
    resolved = tune_request.resolve_space(
        space, options, set_ or [], range_ or [], config, lambda line: print(line, file=out)
    )
    order = tune_request.TuneRequest(
        resolved, _dated(resolved.name) if study is None else study, storage_at(storage), address
    )
    if dry_run:
        typer.echo(redact(session.dry_run(order, out)))
        return
    _finish(session.start(order, out), json_)


@app.command()
def train(
    space: Space,
    train: Train = None,
    dev: Dev = None,
    test: Test = None,
    model: Model = None,
    tokenizer: Words = None,
    trust_remote_code: Trust = False,
    rows: Annotated[
        int | None, typer.Option(min=1, help="So many rows of each split only: a debug run.", rich_help_panel=_DATA)
    ] = None,
    resume_from: Annotated[Path | None, typer.Option(help="Go on from this checkpoint.", rich_help_panel=_DATA)] = None,
    seed: Seed = None,
    set_: Sets = None,
    config: Config = None,
    study: StudyName = None,
    storage: StorageName = "runs",
    json_: Json = False,
) -> None:
    """Train one configuration without a search: the space's defaults, changed by --set."""
    from delivery.sessions import training, tune_request

    out = sys.stderr if json_ else sys.stdout
    options = _data_options(train, dev, test, model, tokenizer, seed, trust_remote_code)
    sets = ["scheduler.name=none", *(set_ or [])]  # nobody stops a trial that is alone, however short it is
    resolved = tune_request.resolve_space(space, options, sets, [], config, lambda line: print(line, file=out))
    order = tune_request.TuneRequest(
        training.one_configuration(resolved, rows),
        _dated(f"{resolved.name}-train") if study is None else study,
        _folder(storage, "train"),
        None,
    )
    _finish(training.train(order, resume_from, out, rows), json_)


def _data_options(*given: Any) -> dict[str, Any]:
    *values, trust = given
    names = ("data.train", "data.dev", "data.test", "model", "tokenizer", "seed", "trust_remote_code")
    return dict(zip(names, [*values, trust or None], strict=True))  # None leaves what the space says


def _folder(storage: str, command: str) -> Storage:
    found = storage_at(storage)
    if found.bucket:
        raise UserError(f"{command} --storage {storage}", "a folder of this machine", "leave --storage out")
    return found


def _dated(name: str) -> str:
    return f"{name}-{datetime.now():%Y%m%d-%H%M%S}"


@app.command()
def resume(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    trials: Annotated[int | None, typer.Option(help="Raise the number of trials to this.")] = None,
    time_budget: Annotated[str | None, typer.Option(help="For this sitting: 90s, 30m, 4h, 1h30m.")] = None,
    storage: StorageName = "runs",
    address: Address = None,
    trust_remote_code: Trust = False,
    json_: Json = False,
) -> None:
    """Go on with a study that was interrupted or whose budget was spent."""
    from delivery.sessions import session

    out = sys.stderr if json_ else sys.stdout
    _finish(
        session.resume(study, storage_at(storage), trials, time_budget, address, out, trust=trust_remote_code), json_
    )


@app.command()
def status(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    storage: StorageName = "runs",
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show how a study stands, from any machine that sees its storage; disturbs nobody."""
    from delivery.sessions.status import standing, told

    with readable_storage(storage, light=True) as place:
        found = standing(study, place)
    typer.echo(json.dumps(redacted(found), ensure_ascii=False, indent=2) if json_ else "\n".join(told(found)))


@app.command()
def export(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    out: Annotated[Path | None, typer.Option(help="New folder; default: best_model in the study.")] = None,
    storage: StorageName = "runs",
    trust_remote_code: Trust = False,
) -> None:
    """Write the best model as a Hugging Face folder."""
    from delivery.sessions.finalize import export_study

    with readable_storage(storage) as place:
        typer.echo(export_study(study, place, out, trust=trust_remote_code))


@app.command()
def predict(
    model_dir: Exported,
    input: Annotated[
        str, typer.Argument(help="CSV, TSV or JSONL, no target needed; - (the default) for lines of standard input.")
    ] = "-",
    out: Annotated[Path | None, typer.Option(help="CSV file; default: standard output.")] = None,
    batch_size: Batch = 32,
    top_k: Annotated[int, typer.Option(min=1, help="So many of the most probable classes.")] = 1,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write the probabilities of the classes too.")
    ] = False,
    decimals: Annotated[
        int | None, typer.Option(min=0, help="Round a number to so many decimals; default: as the study says.")
    ] = None,
    header: Annotated[
        str | None, typer.Option(help="Names of the CSV's columns: id,target; default: those of the training file.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes for a file, each on a GPU of its own; default: all GPUs.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE of decoding: num_beams=4, max_new_tokens=80.")
    ] = None,
    trust_remote_code: Trust = False,
) -> None:
    """Write predictions for a file, or answer lines of standard input, in their order."""
    from delivery.inference.predict import predict_file, predict_lines
    from search_spaces.parsing import parse_set_option
    from trainables.tasks.prediction_format import PredictionFormat

    wanted, decoding = (
        PredictionFormat(top_k, probabilities, decimals),
        dict(parse_set_option(text) for text in set_ or []),
    )
    names = [name.strip() for name in header.split(",")] if header is not None else None
    if names is not None and (len(names) != 2 or not all(names)):
        raise UserError(f"--header {header!r}", "two names, of the ids and of the predictions", "--header id,target")
    if input == "-":
        of_files = {"--out": out, "--workers": workers, "--header": header}
        if options := ", ".join(name for name, value in of_files.items() if value is not None):
            given, todo = f"{options} with lines of standard input", "name the file as INPUT; lines go on with > FILE"
            raise UserError(given, f"{options} with a file", todo)
        predict_lines(model_dir, sys.stdin, sys.stdout, batch_size, wanted, decoding, trust=trust_remote_code)
        return
    how: dict[str, Any] = {"header": names, "decoding": decoding, "workers": workers, "trust": trust_remote_code}
    rows = predict_file(model_dir, Path(input), out, batch_size, wanted, **how)
    if out is not None:
        typer.echo(f"{rows} rows: {out}")


@app.command()
def evaluate(
    model_dir: Exported,
    data: Annotated[Path, typer.Option(help="A file with targets.")],
    batch_size: Batch = 32,
    picture: Annotated[Path | None, typer.Option(help="Draw the confusion matrix here (PNG).")] = None,
    trust_remote_code: Trust = False,
) -> None:
    """Score a model on a file, without training; prints one JSON object."""
    from delivery.inference.scoring import evaluate as run

    typer.echo(
        json.dumps(run(model_dir, data, batch_size, picture, trust=trust_remote_code), ensure_ascii=False, indent=2)
    )


@app.command()
def ensemble(
    members: Annotated[list[str], typer.Argument(help="Studies by name, or exported folders.")],
    out: Annotated[Path, typer.Option(help="New folder.")],
    storage: StorageName = "runs",
    batch_size: Batch = 256,
) -> None:
    """Put classifiers together: the mean of their probabilities, scored beside each of them."""
    from delivery.exports.ensemble import make_ensemble

    typer.echo(
        json.dumps(
            make_ensemble(members, _folder(storage, "ensemble").folder, out, batch_size), ensure_ascii=False, indent=2
        )
    )


@app.command()
def models(
    space: Annotated[str, typer.Argument(help="A search space by name or file, or the folder of an exported model.")],
    model: Model = None,
    set_: Sets = None,
    freeze_layers: Annotated[int | None, typer.Option(min=0, help="Default: as the space says.")] = None,
    shapes: Annotated[bool, typer.Option("--shapes", help="Show every weight's shape.")] = False,
) -> None:
    """Show a model: parameters by layer, what is frozen, sizes. Loads no weights."""
    from delivery.model_summary import print_layers, summarize_exported, summarize_model
    from delivery.sessions import tune_request
    from search_spaces.resolve import list_spaces

    if space not in list_spaces() and os.path.isdir(space):
        if model is not None or set_:
            option = "--set" if set_ else "--model"
            given = f"{option} beside the folder {space}, whose model is as it is"
            raise UserError(given, f"{option} beside a search space", f"leave {option} out, or name a search space")
        print_layers(*summarize_exported(Path(space), freeze_layers), shapes=shapes)
        return
    options = _data_options(None, None, None, model, None, None, False)
    resolved = tune_request.resolve_space(space, options, set_ or [], [], None, sample=False)
    print_layers(*summarize_model(resolved, freeze_layers), shapes=shapes)


@app.command()
def spaces() -> None:
    """Show what can be searched."""
    from rich.console import Console
    from rich.table import Column, Table

    from search_spaces.parsing import parse_range
    from search_spaces.resolve import list_spaces, load_space

    typed = ("space", "model")  # a name that is cut or broken could not be typed
    columns = ("space", "task", "model", "metric", "searched")
    table = Table(*(Column(name, overflow="fold", no_wrap=name in typed) for name in columns))
    for name in list_spaces():
        raw, where = load_space(name)
        searched = [f"{key}: {parse_range(key, spec, where).describe()}" for key, spec in raw["search"].items()]
        table.add_row(name, raw["task"], raw["model"], raw["metric"], "\n".join(searched))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # a file or a pipe has no width of its own
    console.print(table)


def _finish(summary: dict[str, Any], as_json: bool) -> None:
    end = summary.pop("end")
    if as_json:
        typer.echo(json.dumps(redacted(summary), ensure_ascii=False, indent=2))
    if end is SessionEnd.INTERRUPTED:
        raise typer.Exit(EXIT_CODE)
    if summary["best"] is None or end is SessionEnd.STORAGE_LOST:
        raise typer.Exit(1)


def main() -> None:
    """Run a command; a user's mistake is one message on stderr and exit code 2."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        with immediate_interrupts():
            app()
    except UserError as error:
        typer.echo(f"kotune: {error}", err=True)
        sys.exit(2)
    except (StorageLost, OSError) as error:
        if isinstance(error, OSError) and not is_storage_error(error):
            raise
        todo = f"make room or bring the storage back; {COMMAND} resume STUDY goes on with a study"
        typer.echo(f"kotune: {UserError(str(error), '', todo)}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
