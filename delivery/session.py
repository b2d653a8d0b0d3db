"""One sitting at the keyboard: from options to a finished study, an exported model and its summary."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import yaml

from corpora.splits import Splits
from delivery.export import export
from delivery.final_test import score_on_test
from delivery.summary import read_lines, summarise
from search_spaces.errors import UserError
from search_spaces.ranges import Choice, Range
from search_spaces.resolve import load_space, resolve
from search_spaces.schema import Space, parse_duration
from search_spaces.values import load_yaml
from trainables import metrics
from trainables.models import check_model, load_tokenizer, scratch_size
from trainables.parameters import BECAME, known_parameters
from trainables.tasks import task_named
from tuning import preparation, retention, samplers
from tuning.live import View, open_view
from tuning.resources import Machine, Plan, local_machine, plan_slots
from tuning.study import Study, write_json

COMMAND = "python cli.py"


@dataclass(frozen=True)
class Order:
    """What `tune` was asked for."""

    space: Space
    name: str
    storage: Path
    address: str | None


def resolve_space(
    name: str, options: dict[str, Any], sets: Sequence[str], ranges: Sequence[str], config: Path | None
) -> Space:
    """The checked space; without any data file the embedded dialogues stand in.

    Raises:
        UserError: every mistake at once.
    """
    raw, where = load_space(name)
    laid_over = None
    if config is not None:
        if not config.is_file():
            raise UserError(f"--config {config}: there is no such file", "a YAML file", "check the path")
        laid_over = load_yaml(config.read_bytes(), str(config)) or {}
        if not isinstance(laid_over, dict):
            raise UserError(
                f"--config {config} is no mapping", "lines KEY: VALUE", "start with a line such as model: …"
            )
    sources = [source.get("data") for source in (raw, laid_over or {})]
    splits = ("train", "dev", "test")
    given = any(source.get(split) for source in sources if isinstance(source, dict) for split in splits)
    given = given or any(options[f"data.{split}"] for split in splits)
    given = given or any(text.startswith("data.") for text in sets)
    return resolve(
        raw,
        where,
        embedded=not given,
        config=laid_over,
        config_where=str(config),
        sets=sets,
        ranges=ranges,
        options=options,
        known_parameters=known_parameters(),
        aliases=BECAME,
        metrics=metrics.DIRECTIONS,
    )


def dry_run(order: Order, out: TextIO) -> str:
    """Check everything; answers the resolved study as YAML. Starts and writes nothing."""
    with tempfile.TemporaryDirectory() as folder:
        splits, plan = _check(order, Path(folder))
    lines = [
        f"# study {order.name} in {order.storage}: {order.space.budget['trials']} trials, {plan.described}",
        *(f"# {name}: {entry['rows']} rows, {entry['path']}" for name, entry in splits.described().items()),
        *(f"# {remark}" for remark in splits.remarks),
    ]
    text = yaml.safe_dump(order.space.to_dict(), allow_unicode=True, sort_keys=False)
    return "\n".join([*lines, text.rstrip()])


def start(order: Order, out: TextIO) -> dict[str, Any]:
    """Run a new study to its end; answers its summary.

    Raises:
        UserError: a mistake was found before anything was started or written.
    """
    view = open_view(out)
    with tempfile.TemporaryDirectory() as folder:
        splits, plan = _check(order, Path(folder))
    space = order.space
    study = Study.create(space, order.storage, order.name)
    if space.data["embedded"]:
        view.say("no --train given: searching on the embedded sample, Korean dialogues that kotune makes itself")
        study.space = preparation.with_samples(space, study.paths.sample)
        study.save_space()
        splits = preparation.read(study.space)
    view.say(f"study {order.name}: {plan.described}, {space.budget['trials']} trials, in {study.paths.root}")
    try:
        material = preparation.prepare(study, splits, view.say)
    except UserError:
        shutil.rmtree(study.paths.root)  # nothing was started: the name stays free
        raise
    return _search(study, material, plan, splits, order.address, view)


def resume(
    name: str, storage: Path, trials: int | None, time_budget: str | None, address: str | None, out: TextIO
) -> dict[str, Any]:
    """Go on with a study; answers its summary.

    Raises:
        UserError: there is no such study, or fewer trials are asked for than it has.
    """
    view = open_view(out)
    study = Study.load(storage, name)
    budget = study.space.budget.copy()
    if trials is not None:
        if trials < len(study.records):
            raise UserError(
                f"--trials {trials}: study {name!r} has {len(study.records)} trials already",
                f"{len(study.records)} or more",
                "leave --trials out to finish what is open",
            )
        budget["trials"] = trials
    budget["time"] = parse_duration(time_budget) if time_budget else budget["time"]
    study.space = replace(study.space, budget=budget)
    splits = preparation.read(study.space)
    plan = plan_slots(study.space, _machines(address))
    material = preparation.Material.load(study.paths)
    if material is not None and material.splits != splits.described():
        raise UserError(
            f"the data of study {name!r} is no longer what it was: {_changed(material.splits, splits.described())}",
            "the same files, so that trials compare",
            "put the old files back, or start a new study",
        )
    study.save_space()
    if material is None:  # it was interrupted before its first trial
        material = preparation.prepare(study, splits, view.say)
    view.say(f"study {name}: {len(study.records)} of {budget['trials']} trials so far, {plan.described}")
    return _search(study, material, plan, splits, address, view)


def _changed(before: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> str:
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return ", ".join(f"{name} ({now.get(name, before.get(name, {})).get('path')})" for name in names)


def export_study(name: str, storage: Path, out: Path | None) -> Path:
    """Export the best model so far; answers its folder."""
    study = Study.load(storage, name)
    material = preparation.Material.load(study.paths)
    if material is None:
        raise UserError(f"study {name!r} has no trials yet", "", f"{COMMAND} resume {name}")
    earlier = _earlier(study)
    summary = summarise(
        study,
        material,
        slots=earlier.get("slots", 0),
        worker_groups_started=earlier.get("worker_groups_started", 0),
        wall_seconds=earlier.get("wall_seconds", 0.0),
        test=_known_test(study, earlier),
    )
    return export(study, summary, out)


def _check(order: Order, scratch: Path) -> tuple[Splits, Plan]:
    space = order.space
    if not re.fullmatch(r"\w[\w.-]*", order.name):
        raise UserError(f"--study {order.name!r}", "letters, digits, and . _ - after the first", "choose another name")
    if (order.storage / order.name).exists():
        raise UserError(
            f"study {order.name!r} is in {order.storage} already",
            "a new name: a study is never overwritten",
            f"{COMMAND} resume {order.name}, or --study ANOTHER-NAME",
        )
    task_named(space.task)
    check_configs(space)
    if space.data["embedded"]:
        space = preparation.with_samples(space, scratch)
    elif not space.data["train"]:
        raise UserError("no training data", "--train FILE", "give --train, or no file at all for the embedded sample")
    splits = preparation.read(space)
    plan = plan_slots(space, _machines(order.address))
    # Last, since a hub id asks the network.
    named = [*space.fixed, *space.search]
    overrides = [name.removeprefix("model.") for name in named if name.startswith("model.")]
    check_model(space.model, overrides, _longest(space))
    if space.tokenizer or scratch_size(space.model) is None:
        load_tokenizer(space.tokenizer or space.model)
    return splits, plan


def _longest(space: Space) -> int:
    """The most tokens that a source, a target or a generated text may have."""
    lengths = [space.max_source_length, space.max_target_length]
    for name in ("max_new_tokens", "max_length"):
        found = space.search.get(name)
        values = [space.fixed.get(name)] if found is None else _ends(found)
        lengths += [int(value) for value in values if value is not None]
    return max(lengths)


def _ends(found: Range) -> Sequence[Any]:
    return found.options if isinstance(found, Choice) else (found.low, found.high)


def check_configs(space: Space) -> None:
    """Build the recipe default and, parameter by parameter, the ends of every range.

    Raises:
        UserError: a configuration that the search could propose cannot be trained.
    """
    from trainables.trial import check_config

    base = {**space.fixed, **samplers.defaults(space.search)}
    check_config(base)
    for name, found in space.search.items():
        for value in _ends(found):
            if name in base:
                check_config({**base, name: value})


def _machines(address: str | None) -> list[Machine]:
    if address is None:
        return [local_machine()]
    from tuning.search import connect

    return connect(address)


def _search(
    study: Study, material: preparation.Material, plan: Plan, splits: Splits, address: str | None, view: View
) -> dict[str, Any]:
    # Here, since importing it imports Ray, which reads its settings then.
    from tuning.search import Search, connect, disconnect, tracking_settings

    if address is None:
        connect(None)
    tracking = tracking_settings(study)
    earlier = _earlier(study)
    search = Search(study, material, plan, tracking, view, earlier.get("wall_seconds", 0.0))
    try:
        search.run()
    finally:
        view.close()
        disconnect()
    summary = summarise(
        study,
        material,
        slots=plan.slots,
        worker_groups_started=search.worker_groups_started + earlier.get("worker_groups_started", 0),
        wall_seconds=search.seconds + earlier.get("wall_seconds", 0.0),
        test=_known_test(study, earlier),
    )
    if summary["best"] is not None:
        folder = export(study, summary)
        if "test" in material.tables and summary["test"] is None and search.end != "interrupted":
            summary["test"] = _test(study, material, splits, folder, summary)
            export(study, summary)
    write_json(study.paths.summary, summary)
    for line in _last_lines(study, summary, tracking, search.end):
        view.say(line)
    return {**summary, "end": search.end}


def _earlier(study: Study) -> dict[str, Any]:
    """The summary of earlier sittings, or nothing."""
    path = study.paths.summary
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def _known_test(study: Study, earlier: dict[str, Any]) -> dict[str, Any] | None:
    """The test score of an earlier sitting, if its best model is still the best: the split is opened once for it."""
    best = next(iter(retention.keepers(study)), None)
    same = best is not None and (earlier.get("best") or {}).get("trial") == best.trial_id
    return earlier.get("test") if same else None


def _test(
    study: Study, material: preparation.Material, splits: Splits, folder: Path, summary: dict[str, Any]
) -> dict[str, Any]:
    assert splits.test is not None
    batch = int(summary["best"]["config"].get("per_device_eval_batch_size", 32))
    return score_on_test(folder, splits.test.rows, material.tables["test"], study.space.rouge_tokenizer, batch)


def _last_lines(study: Study, summary: dict[str, Any], tracking: dict[str, Any] | None, end: str) -> list[str]:
    best = summary["best"]
    chosen = study.records[best["trial"]].parameters if best else {}
    lines = read_lines(summary, chosen, COMMAND)
    failed = next((record for record in study.records.values() if record.status == "failed"), None)
    if failed is not None:
        folder = study.paths.trial(failed.trial_id)
        lines += [
            f"failed   {failed.trial_id}: {failed.reason}",
            f"         trace {folder / 'error.txt'}; alone: python -m trainables.trial {folder / 'job.json'}",
        ]
    if end == "hopeless":
        lines.append("stopped  the first trials all failed; the rest would too")
    elif end != "done":
        lines.append(f"resume   {COMMAND} resume {study.name} --storage {study.paths.root.parent}")
    if tracking is not None:
        lines += _tracking_lines(study, tracking)
    return lines


def _tracking_lines(study: Study, tracking: dict[str, Any]) -> list[str]:
    notes = [load_yaml(path.read_bytes(), str(path)) for path in sorted(study.paths.trials.glob("*/tracking.json"))]
    offline = [note for note in notes if note["mode"] == "offline"]
    if not offline:
        return []
    reasons = sorted({note["reason"] for note in offline} - {""})
    why = f" (W&B could not be reached: {reasons[0]})" if reasons else ""
    return [
        f"wandb    {len(offline)} runs are offline{why}; send them: wandb sync {study.paths.root}/wandb/offline-run-*"
    ]
