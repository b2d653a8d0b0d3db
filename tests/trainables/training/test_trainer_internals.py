"""Private methods of `Trainer` that the engine overrides or calls; one test per method.

A failure here after an upgrade of transformers names the method of `trainables.training.engine` that has to change.
"""

from __future__ import annotations

import inspect

import pytest
from transformers import Trainer

from trainables.training.engine import Engine


def parameters(method: str) -> list[str]:
    """Names of the parameters of a method of `Trainer`, without `self`."""
    return list(inspect.signature(getattr(Trainer, method)).parameters)[1:]


def test_save_checkpoint() -> None:
    """Overridden: `Trainer` calls it if `control.should_save` is set."""
    assert parameters("_save_checkpoint") == ["model", "trial"]
    assert "self._save_checkpoint(model, trial)" in inspect.getsource(Trainer._maybe_log_save_evaluate)


def test_get_grad_norm() -> None:
    """Overridden: `Trainer` calls it at every step with the norm, or with None if it did not clip."""
    assert parameters("_get_grad_norm") == ["model", "grad_norm"]
    assert "self._get_grad_norm(model" in inspect.getsource(Trainer)


def test_evaluate() -> None:
    """Called: evaluates and passes the metrics to the learning rate scheduler."""
    assert parameters("_evaluate") == ["trial", "ignore_keys_for_eval", "skip_scheduler"]
    assert "self.lr_scheduler.step(" in inspect.getsource(Trainer._evaluate)


def test_prepare_inputs() -> None:
    """Called: moves a batch to the device."""
    assert parameters("_prepare_inputs") == ["inputs"]


@pytest.mark.parametrize("name", ["_save_checkpoint", "_get_grad_norm"])
def test_an_override_has_the_parameters_of_the_original(name: str) -> None:
    """`Trainer` may pass them by name."""
    assert list(inspect.signature(getattr(Engine, name)).parameters)[1:] == parameters(name)
