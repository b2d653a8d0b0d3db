"""From a search space's name and command-line options to a checked space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from corpora.samples.registry import SAMPLES
from foundation.checked_yaml import read_yaml
from foundation.errors import UserError
from search_spaces import baseline_configs
from search_spaces.choices import Runner
from search_spaces.resolve import list_spaces, load_space, names_data_file, resolve, set_file_paths
from search_spaces.schema import Space
from trainables.models.scratch import ARCHITECTURES, get_architecture, scratch_size
from trainables.tasks.registry import TASKS, objectives
from trainables.training.parameter_names import RESERVED
from trainables.training.parameters import alias_meanings, parameter_kinds, value_problems
from tuning import tokenizers
from tuning.algorithms import samplers
from tuning.wandb_settings import environment_settings

_SPLITS = ("train", "dev", "test")


def resolve_space(
    name: str,
    options: dict[str, Any],
    sets: Sequence[str],
    ranges: Sequence[str],
    config: Path | None,
    say: Callable[[str], None] = lambda text: None,
    *,
    sample: bool = True,
) -> Space:
    """Returns the checked space. Without any data file it uses the embedded sample.

    W&B's environment variables are laid over a shipped space, and under a file of the user's own.

    Args:
        options: Values of command-line options by dotted key; None keeps the space's value.
        sample: Whether a space without data files uses the embedded sample.
        say: Receives one line for every translated key of another program's configuration file.

    Raises:
        UserError: Lists all mistakes at once.
    """
    raw, where = load_space(name)
    own = {} if name in list_spaces() else raw.get("wandb")
    if own is None or isinstance(own, dict):  # anything else is refused below
        raw["wandb"] = {**(raw.get("wandb") or {}), **environment_settings(), **(own or {})}
    overlay = None if config is None else _read_overlay(config, raw, options, say)
    has_files = (
        any(_names_files(source.get("data")) for source in (raw, overlay or {}))
        or _names_files({split: options.get(f"data.{split}") for split in _SPLITS})
        or any(map(names_data_file, sets))
    )

    def resolved() -> Space:
        return resolve(
            raw,
            where,
            embedded=sample and not has_files,
            config=overlay,
            config_where=str(config),
            sets=sets,
            ranges=ranges,
            options=options,
            parameter_kinds=parameter_kinds(),
            aliases=alias_meanings(),
            reserved=RESERVED,
            metrics=objectives,
            words={"task": TASKS, "sample": SAMPLES, "architecture": ARCHITECTURES},
            faults=value_problems,
        )

    space = resolved()
    if _trains_a_tokenizer(space):
        return space
    _remove_tokenizer_parameters(raw)
    return resolved()


def one_configuration(space: Space, rows: int | None) -> Space:
    """Returns the space with every searched parameter fixed to its default, to be trained in this process.

    Args:
        rows: Rows of each split to use, for a debug run; None: all.
    """
    return replace(
        space,
        runner=Runner.LOCAL,
        fixed={**space.fixed, **samplers.defaults(space.search)},
        search={},
        budget=replace(space.budget, trials=1),
        data=replace(space.data, rows=rows or space.data.rows),
    )


def _read_overlay(
    config: Path, raw: dict[str, Any], options: dict[str, Any], say: Callable[[str], None]
) -> dict[str, Any]:
    """Returns the content of the `--config` file, translated if another program wrote it."""
    overlay = read_yaml(config, f"--config {config}") or {}
    if not isinstance(overlay, dict):
        raise UserError(f"--config {config} is no mapping", "lines KEY: VALUE", "start with a line such as model: …")
    if not baseline_configs.is_baseline(overlay):
        set_file_paths(overlay, config.parent)
        return overlay
    searched = [*(raw.get("search") or {})]
    translation, keys = baseline_configs.translate(overlay, str(config), searched, parameter_kinds(), RESERVED)
    for line in baseline_configs.format_lines(keys):
        say(line)
    if _names_files({split: options.get(f"data.{split}") for split in _SPLITS}):
        translation.pop("data", None)  # files on the command line replace all files of the configuration
    defaults = translation.pop("defaults", {})
    set_file_paths(translation, config.parent)
    return {**translation, "search": {name: {"default": value} for name, value in defaults.items()}}


def _names_files(data: object) -> bool:
    return isinstance(data, dict) and any(data.get(split) for split in _SPLITS)


def _trains_a_tokenizer(space: Space) -> bool:
    if space.tokenizer or scratch_size(space.model) is None:
        return False
    return get_architecture(space.architecture).tokenizer is None


def _remove_tokenizer_parameters(raw: dict[str, Any]) -> None:
    """Removes parameters of a trained tokenizer from a space whose tokenizer is not trained.

    Those on the command line stay, so that they are refused.
    """
    for part in (raw, raw.get("embedded")):
        for section in ("fixed", "search"):
            parameters = part.get(section) if isinstance(part, dict) else None
            if isinstance(parameters, dict):
                for name in tokenizers.TOKENIZER_PARAMETERS:
                    parameters.pop(name, None)
