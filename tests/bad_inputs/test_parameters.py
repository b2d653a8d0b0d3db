"""Every parameter of a trial with a mapping or a list for a value: the message names it, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.bad_inputs.cases import Bad
from trainables.training.parameters import parameter_kinds

#: Parameters that take mappings, whatever is in them.
_MAPPINGS = {
    "activation_checkpointing_kwargs",
    "cache_config",
    "continuous_batching_config",
    "gradient_checkpointing_kwargs",
    "liger_kernel_config",
    "lr_scheduler_kwargs",
}


#: Training parameters that take lists.
_LISTS = {"debug", "optim_target_modules"}


def _cases() -> Iterator[tuple[str, Bad]]:
    for name, kind in sorted(parameter_kinds().items()):
        bare = name.split(".")[-1]
        if kind != "alias" and name not in _MAPPINGS:
            yield f"{name}: a mapping", Bad(f"tune kobart --set '{name}={{a: [1]}}'", (bare,))
        if kind in ("training", "extra") and name not in _LISTS:  # generation takes lists of token ids and many more
            yield f"{name}: a list", Bad(f"tune kobart --set '{name}=[[[1]]]'", (bare,))


#: What is wrong -> the input.
CASES = dict(_cases())


@pytest.mark.parametrize("name", CASES)
def test_a_parameter_of_another_type_is_refused(name: str, refused: Callable[[Bad], str]) -> None:
    """Whoever reads it: the training arguments, generation, or kotune."""
    refused(CASES[name])
