"""When a trial is evaluated, and gradient norms by layer."""

import math

import pytest
import torch
from transformers import TrainerControl, TrainerState

from trainables.training.evaluation_schedule import EvaluationSchedule, GradientNorms, layer_of


@pytest.mark.parametrize(
    ("every", "until", "per_epoch", "expected"),
    [
        (1.0, 3.0, 10, {10: 1.0, 20: 2.0, 30: 3.0}),
        (0.5, 1.0, 3, {2: 0.5, 3: 1.0}),  # half of three steps is reached at the second
        (2.0, 3.0, 4, {8: 2.0, 12: 3.0}),  # the end is always evaluated
        (1.0, 0.5, 4, {2: 0.5}),  # a trial shorter than the interval
    ],
)
def test_evaluations_are_due_by_epoch(every: float, until: float, per_epoch: int, expected: dict[int, float]) -> None:
    """An evaluation is due at the first step at which its epoch is reached."""
    schedule = EvaluationSchedule(every, until)
    schedule.plan(per_epoch)
    requested = {}
    for step in range(1, max(expected) + 1):
        state, control = TrainerState(global_step=step), TrainerControl()
        if schedule.on_step_end(None, state, control).should_evaluate:
            requested[step] = schedule.epoch_at(step)
    assert requested == expected
    assert [schedule.is_last(step) for step in requested] == [step == max(expected) for step in requested]


@pytest.mark.parametrize(
    ("parameter", "layer"),
    [
        ("bert.encoder.layer.3.attention.self.query.weight", "bert.encoder.layer.3"),
        ("model.decoder.layers.11.fc1.bias", "model.decoder.layers.11"),
        ("encoder.block.0.layer.1.DenseReluDense.wi.weight", "encoder.block.0"),
        ("convolutions.2.bias", "convolutions.2"),
        ("bert.embeddings.word_embeddings.weight", "bert.embeddings.word_embeddings"),
        ("classifier.weight", "classifier"),
        ("scale", "scale"),
    ],
)
def test_a_parameter_has_a_layer(parameter: str, layer: str) -> None:
    """The outermost numbered layer, otherwise the module."""
    assert layer_of(parameter) == layer


def test_gradient_norms_by_layer() -> None:
    """The norm over all weights of a layer; clipping, here to a tenth, is undone."""
    model = torch.nn.Sequential()
    model.add_module("layers", torch.nn.ModuleList([torch.nn.Linear(2, 1), torch.nn.Linear(1, 1)]))
    for parameter, gradient in zip(model.parameters(), ([[3.0, 0.0]], [4.0], [[1.0]], [0.0]), strict=True):
        parameter.grad = torch.tensor(gradient)
    norms = GradientNorms()
    whole = math.hypot(5, 1)
    norms.measure(model, whole)
    assert norms.newest == pytest.approx({"gradients/layers.0": 5.0, "gradients/layers.1": 1.0})
    norms.measure(model, 10 * whole)
    assert norms.newest == pytest.approx({"gradients/layers.0": 50.0, "gradients/layers.1": 10.0})
