"""Loads one model for prediction: a folder that kotune exported, or any model of transformers with `--task`."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import GenerationConfig, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from delivery.inference.options import ModelOptions, change_settings, decoding_of, pretrained_space
from delivery.inference.settings import SETTINGS, ModelSettings, has_settings, no_settings_error, read_settings
from foundation.errors import COMMAND, UserError, first_line
from search_spaces.schema import Space
from trainables.models.base_models import BaseModel, Recipe, make_base, open_tokenizer, tokenizer_fit
from trainables.models.generation_defaults import inherited_remarks
from trainables.models.hub import load_config, load_model, load_tokenizer, may_be_hub_id
from trainables.models.load_errors import ALL_FILES, load_errors
from trainables.models.loaded_weights import Origin
from trainables.models.model_checks import build_meta_model, check_model
from trainables.models.scratch import scratch_size
from trainables.models.special_tokens import check_start, starts_with_null
from trainables.tasks.registry import TASKS, get_task_class, make_task
from trainables.tasks.task import Limits, Task
from trainables.text.decoding import check_decoding, check_lengths, decoding_config
from trainables.text.languages import has_languages, languages_line

#: Decoding parameters that limit the length of a text, and the limit that old files of models have if nobody set one.
_LIMITS, _UNSET_LENGTH = {"max_new_tokens", "max_length"}, 20
#: A text that shows the tokens at which targets start and end.
_TEXT = "가"


@dataclass(frozen=True)
class LoadedModel:
    """One model, and how it reads and writes.

    Args:
        model: With the decoding parameters in its `generation_config`.
        remarks: What the user should know about a model that kotune did not export.
        source: Its folder or hub id.
    """

    settings: ModelSettings
    task: Task
    model: Any
    tokenizer: PreTrainedTokenizerBase
    remarks: tuple[str, ...] = ()
    source: str = ""


def load(folder: Path, options: ModelOptions) -> LoadedModel:
    """Loads the exported model in `folder`, or with a task the pretrained model of that folder or hub id.

    Raises:
        UserError: There is no such model, it cannot do the task, or an option is invalid.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    check_task(folder, options)
    with load_errors(f"model {str(folder)!r} cannot be used", str(folder), ALL_FILES):
        return _load_exported(folder, options) if has_settings(folder) else _load_pretrained(str(folder), options)


def check_task(folder: Path, options: ModelOptions) -> None:
    """Checks that the task of a model is known.

    Raises:
        UserError: kotune did not export the folder, and no task is named; the message names the one that fits.
    """
    if has_settings(folder) or options.task is not None:
        return
    if not os.path.isfile(folder / "config.json"):
        raise no_settings_error(folder)
    config = load_config(str(folder), trust=options.trust)
    kind = " and ".join(config.architectures or [config.model_type])
    if task := _likely_task(str(folder), config):
        raise UserError(
            f"{folder} holds no {SETTINGS}: kotune did not export this model ({kind}), so that its task is unknown",
            f"a folder written by export, or any model with --task: {', '.join(TASKS)}",
            f"--task {task}, and the names of your columns: --set columns.source=NAME --set columns.target=NAME",
        )
    raise UserError(
        f"{folder} holds no {SETTINGS}: kotune did not export this model ({kind}), which has no head for a task",
        "a folder written by export, an encoder-decoder, or a model with a head for classes or numbers",
        f"train it first: {COMMAND} train SPACE --model {shlex.quote(str(folder))}",
    )


def _likely_task(model: str, config: Any) -> str:
    """Returns the task that the configuration of a model suggests; empty if none."""
    for name, kind in TASKS.items():
        with contextlib.suppress(UserError):
            if not kind.of_model(Space(model=model), config).model_problem(config):
                return name
    return ""


# ---- exported models


def _load_exported(folder: Path, options: ModelOptions) -> LoadedModel:
    settings, decoding = change_settings(read_settings(folder), options)
    task = make_task(settings.task, settings.task_options, f"{folder / SETTINGS}: task_options")
    network: Any = load_model(str(folder), task.auto_model, trust=options.trust, origin=Origin.OWN)
    labels, outputs = task.model_options().get("num_labels"), network.config.num_labels
    if labels is not None and labels != outputs:
        problem = f"{folder / SETTINGS} names {labels} classes, and the model beside it has {outputs}"
        raise UserError(problem, "both as export wrote them", f"{COMMAND} export STUDY writes them again")
    tokenizer = load_tokenizer(str(folder), is_generative=task.is_generative, trust=options.trust)
    if decoding:
        network.generation_config = _decoding(network, decoding)
    elif task.is_generative:
        check_lengths(network.generation_config, f" ({folder / 'generation_config.json'})")
    return LoadedModel(settings, task, network, tokenizer, source=str(folder))


def _decoding(model: Any, decoding: Mapping[str, Any]) -> GenerationConfig:
    check_decoding(decoding)
    try:
        config = decoding_config(model.generation_config, decoding)
    except ValueError as error:
        problem = f"the decoding parameters do not fit together: {first_line(error)}"
        raise UserError(problem, "values that fit those of the model", "change the value that it names") from error
    check_lengths(config)
    return config


# ---- other models of transformers


def _load_pretrained(model: str, options: ModelOptions) -> LoadedModel:
    space = pretrained_space(model, options)
    decoding = decoding_of(space)
    if scratch_size(model) is not None:
        raise UserError(f"model {model} is untrained", "a folder or a hub id", f"{COMMAND} train SPACE --model {model}")
    if may_be_hub_id(model):
        print(f"asking the hub for {model}", file=sys.stderr, flush=True)  # without a network this takes half a minute
    config = load_config(model, trust=options.trust)
    task = get_task_class(space.task).of_model(space, config)
    longest = decoding.get("max_new_tokens") or decoding.get("max_length") or space.max_target_length
    check_model(model, space.architecture, task, (), space.max_source_length, longest, trust=options.trust)
    recipe = Recipe(
        model,
        tokenizer=options.tokenizer,
        trust=options.trust,
        source_language=space.source_language,
        target_language=space.target_language,
        is_trained=True,
    )
    tokenizer = open_tokenizer(recipe, task)
    assert tokenizer is not None  # only fresh weights train one
    remarks = tokenizer_fit(recipe, tokenizer, build_meta_model(config, task, trust=options.trust)).check()
    base = make_base(recipe, task, ())
    remarks += base.remarks
    if task.is_generative:
        remarks += _set_decoding(space, task, base, decoding)
    elif starts_with_null(base.model):  # BART and T5 classify with their decoder
        problem = f"model {model!r}: decoder_start_token_id is null in its config.json"
        raise UserError(problem, "the token that its decoder was trained with", "write its number into config.json")
    settings = ModelSettings.of_space(space, task, study="")
    return LoadedModel(settings, task, base.model, base.tokenizer, tuple(remarks), model)


def _set_decoding(space: Space, task: Task, base: BaseModel, decoding: Mapping[str, Any]) -> list[str]:
    """Sets the generation config of a model, checks that texts start as in its training, and returns remarks."""
    model: Any = base.model
    own, remarks = model.generation_config, []
    if has_languages(base.tokenizer):
        remarks.append(languages_line(base.tokenizer))
    is_limited = decoding.keys() & _LIMITS or own.max_new_tokens or own.max_length not in (None, _UNSET_LENGTH)
    if not is_limited:
        decoding = {**decoding, "max_new_tokens": space.max_target_length}
        remarks.append(f"texts have at most {space.max_target_length} tokens: --set max_new_tokens=… changes it")
    remarks += inherited_remarks(space.model, own, [decoding])
    if (start := decoding.get("decoder_start_token_id")) is not None:
        model.config.decoder_start_token_id = start
    model.generation_config = _decoding(model, decoding)
    limits = Limits(space.max_source_length, space.max_target_length)
    rows = [{"source": _TEXT, "target": _TEXT}]
    sources = task.encode(rows, base.tokenizer, limits)
    targets = task.encode_targets(rows, base.tokenizer, limits, scored=False)
    check_start(task, model, {"input_ids": sources["input_ids"][0], "labels": targets["labels"][0]}, base.tokenizer)
    return remarks
