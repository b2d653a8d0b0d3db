"""Names of keys and parameters: familiar ones of other programs, and hints for unknown ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from foundation.errors import UserError, near_names, nearest
from search_spaces.schema import READERS, SECTIONS

TOP_KEYS = (*(key for key in READERS if "." not in key), *SECTIONS, "fixed", "search")

#: Names of parameters in other programs -> the same parameter's name here. They are accepted in every file, in `--set`
#: and in `--range`.
FAMILIAR: Mapping[str, str] = {
    **dict.fromkeys(("epochs", "num_epochs", "max_epochs", "max_epoch"), "num_train_epochs"),
    **dict.fromkeys(("batch_size", "train_batch_size", "per_gpu_train_batch_size"), "per_device_train_batch_size"),
    **dict.fromkeys(("eval_batch_size", "per_gpu_eval_batch_size"), "per_device_eval_batch_size"),
    "lr": "learning_rate",
    "label_smoothing": "label_smoothing_factor",
    "num_warmup_steps": "warmup_steps",
    "optimizer": "optim",
    "lr_scheduler": "lr_scheduler_type",
    "accumulate_grad_batches": "gradient_accumulation_steps",
    "gradient_clip_val": "max_grad_norm",
    "num_workers": "dataloader_num_workers",
    "beam_size": "num_beams",
    "generation_num_beams": "num_beams",
    **dict.fromkeys(("generation_max_length", "generate_max_length"), "max_length"),
}


_FIELDS = "a field of Seq2SeqTrainingArguments or GenerationConfig, or model.FIELD"


@dataclass(frozen=True)
class Names:
    """The names of parameters.

    Args:
        kinds: Name -> kind, such as `training`; None accepts every name.
        aliases: Old name -> what replaced it, a name or a sentence that begins with one.
        reserved: Names that are no parameters -> what takes their place.
    """

    kinds: Mapping[str, str] | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    reserved: Mapping[str, str] = field(default_factory=dict)

    def canonical(self, name: str) -> str | None:
        """Returns the name of a parameter without a redundant prefix of its kind; None if the name is unknown.

        An old name stays as written if its values have another meaning than those of its replacement.
        """
        if self.kinds is None:
            return name
        if (current := self.aliases.get(name)) in self.kinds:
            return current
        if name in self.kinds or name in self.aliases:
            return name
        kind, _, rest = name.partition(".")
        if self.kinds.get(self.identity(rest)) == kind:
            return self.canonical(rest)
        return name if kind == "model" and rest else None

    def identity(self, name: str) -> str:
        """Returns the current name of a parameter, equal for all its old names."""
        # The replacement may be longer than a name: `optim: adafactor`.
        current = re.split(r"[^\w.]", self.aliases.get(name, ""), maxsplit=1)[0]
        return current if current in (self.kinds or {}) else name

    def all(self) -> list[str]:
        """Returns every accepted name."""
        return sorted({*(self.kinds or {}), *self.aliases})


def unknown_key(key: str, where: str, names: Names) -> UserError:
    """Returns the error for an unknown key of a search space, such as `seeed` or `budget.trails`."""
    head, dot, _ = key.partition(".")
    keys = [f"{head}.{name}" for name in SECTIONS[head]] if dot and head in SECTIONS else list(TOP_KEYS)
    is_parameter = names.kinds is not None and names.canonical(key) is not None
    todo = f"{key} is a parameter: write it under fixed: or search:" if is_parameter else nearest(key, keys)
    allowed = near_names(key, keys) or "a key of a search space; search_spaces/kobart.yaml has them"
    return UserError(f"{where}: unknown key {key!r}", allowed, todo or "remove the key")


def unknown_parameter(name: str, where: str, names: Names, more: Iterable[str] = ()) -> UserError:
    """Returns the error for an unknown parameter or a wrong prefix; `more` lists other keys that are allowed."""
    candidates = [*more, *names.all()]
    rest = name.rpartition(".")[2]
    actual = (names.kinds or {}).get(rest)
    if rest in names.reserved and not name.startswith("model."):
        return UserError(f"{where}: {name} cannot be set", _FIELDS, names.reserved[rest])
    if actual is not None:
        todo = f"{rest} is a {actual} parameter: write {rest}"
    elif name in TOP_KEYS:
        todo = f"{name} is a key of its own: write it at the top level, not among the parameters"
    else:
        fallback = "remove it" if "." in name else f"write model.{name} if the model has this field, else remove it"
        todo = nearest(name, candidates) or nearest(rest, candidates) or fallback
    near = near_names(name, candidates)
    return UserError(f"{where}: unknown parameter {name!r}", f"{near}; {_FIELDS}" if near else _FIELDS, todo)
