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

import typer

from search_spaces.errors import UserError

app = typer.Typer(
    help="Finds hyperparameters for Korean language models, on one core or a cluster of GPUs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Storage = Annotated[Path, typer.Option(help="Folder that holds all studies.")]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object; progress goes to stderr.")]
Address = Annotated[str | None, typer.Option(help="Ray cluster: auto, or HOST:PORT. Without it, Ray starts here.")]

_DATA, _SEARCH, _MACHINES = "Data and model", "Search", "Machines"


@app.command()
def tune(
    space: Annotated[str, typer.Argument(help="A search space by name (see `spaces`), or a YAML file.")],
    train: Annotated[str | None, typer.Option(help="CSV, TSV or JSONL.", rich_help_panel=_DATA)] = None,
    dev: Annotated[
        str | None, typer.Option(help="Chooses the best; cut from --train if absent.", rich_help_panel=_DATA)
    ] = None,
    test: Annotated[str | None, typer.Option(help="Scored once, at the end.", rich_help_panel=_DATA)] = None,
    model: Annotated[
        str | None, typer.Option(help="Hub id, folder, or scratch:tiny|small|base.", rich_help_panel=_DATA)
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="Hub id or folder; default: the model's.", rich_help_panel=_DATA)
    ] = None,
    trials: Annotated[int | None, typer.Option(help="How many configurations to try.", rich_help_panel=_SEARCH)] = None,
    time_budget: Annotated[str | None, typer.Option(help="90s, 30m, 4h, 1h30m.", rich_help_panel=_SEARCH)] = None,
    seed: Annotated[int | None, typer.Option(help="Of sampler, split and models.", rich_help_panel=_SEARCH)] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE: fix a parameter or a setting.", rich_help_panel=_SEARCH),
    ] = None,
    range_: Annotated[
        list[str] | None,
        typer.Option(
            "--range", help="NAME=log:LOW:HIGH, float:…, int:LOW:HIGH[:STEP], choice:A,B.", rich_help_panel=_SEARCH
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML laid over the search space.", rich_help_panel=_SEARCH)
    ] = None,
    study: Annotated[str | None, typer.Option(help="Name of the study; default: space and time.")] = None,
    storage: Storage = Path("runs"),
    address: Address = None,
    slots: Annotated[
        int | None, typer.Option(help="Trials side by side; default: as many as fit.", rich_help_panel=_MACHINES)
    ] = None,
    workers_per_trial: Annotated[
        int | None, typer.Option(help="More than 1: data-parallel trials.", rich_help_panel=_MACHINES)
    ] = None,
    gpus_per_worker: Annotated[
        float | None, typer.Option(help="0 … 1; default: 1 where there are GPUs.", rich_help_panel=_MACHINES)
    ] = None,
    cpus_per_worker: Annotated[float | None, typer.Option(help="Default: 1.", rich_help_panel=_MACHINES)] = None,
    json_: Json = False,
    dry_run: Annotated[bool, typer.Option(help="Check everything, print the resolved study, start nothing.")] = False,
) -> None:
    """Search a space; export the best model."""
    options = {
        "data.train": train, "data.dev": dev, "data.test": test, "model": model, "tokenizer": tokenizer, "seed": seed,
        "budget.trials": trials, "budget.time": time_budget, "slots.count": slots,
        "slots.workers_per_trial": workers_per_trial, "slots.gpus_per_worker": gpus_per_worker,
        "slots.cpus_per_worker": cpus_per_worker,
    }  # fmt: skip
    from delivery import checking, session

    out = sys.stderr if json_ or dry_run else sys.stdout
    resolved = checking.resolve_space(space, options, set_ or [], range_ or [], config)
    name = study or f"{resolved.name}-{datetime.now():%Y%m%d-%H%M%S}"
    order = checking.Order(resolved, name, storage, address)
    if dry_run:
        typer.echo(session.dry_run(order, out))
        return
    _finish(session.start(order, out), json_)


@app.command()
def resume(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    trials: Annotated[int | None, typer.Option(help="Raise the number of trials to this.")] = None,
    time_budget: Annotated[str | None, typer.Option(help="For this sitting: 90s, 30m, 4h, 1h30m.")] = None,
    storage: Storage = Path("runs"),
    address: Address = None,
    json_: Json = False,
) -> None:
    """Go on with a study that was interrupted or whose budget was spent."""
    from delivery import session

    out = sys.stderr if json_ else sys.stdout
    _finish(session.resume(study, storage, trials, time_budget, address, out), json_)


@app.command()
def export(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    out: Annotated[Path | None, typer.Option(help="New folder; default: best_model in the study.")] = None,
    storage: Storage = Path("runs"),
) -> None:
    """Write the best model as a Hugging Face folder."""
    from delivery import session

    typer.echo(session.export_study(study, storage, out))


@app.command()
def predict(
    model_dir: Annotated[Path, typer.Argument(help="A folder that `export` or `tune` wrote.")],
    input: Annotated[Path, typer.Argument(help="CSV, TSV or JSONL with the same columns; no target needed.")],
    out: Annotated[Path | None, typer.Option(help="CSV file; default: standard output.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows per batch.")] = 32,
) -> None:
    """Write predictions for a file, in its order."""
    from delivery.predict import predict as run

    rows = run(model_dir, input, out, batch_size)
    if out is not None:
        typer.echo(f"{rows} rows: {out}")


@app.command()
def spaces() -> None:
    """Show what can be searched."""
    from rich.console import Console
    from rich.table import Table

    from search_spaces.parsing import parse_range
    from search_spaces.resolve import list_spaces, load_space

    table = Table("space", "task", "model", "metric", "searched")
    for name in list_spaces():
        raw, where = load_space(name)
        searched = [f"{key}: {parse_range(key, spec, where).describe()}" for key, spec in raw["search"].items()]
        table.add_row(name, raw["task"], raw["model"], raw["metric"], "\n".join(searched))
    Console().print(table)


def _finish(summary: dict[str, Any], as_json: bool) -> None:
    end = summary.pop("end")
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False, indent=2))
    if end == "interrupted":
        raise typer.Exit(130)
    if summary["best"] is None:
        raise typer.Exit(1)


def main() -> None:
    """Run a command; a user's mistake is one message on stderr and exit code 2."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except UserError as error:
        typer.echo(f"kotune: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
