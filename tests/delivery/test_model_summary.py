"""The layers and sizes of a model."""

from __future__ import annotations

import pytest
import torch

from delivery.inference.predictor import open_model
from delivery.model_summary import layers_of, print_layers, summarize_exported, summarize_model, totals
from delivery.sessions.space_options import resolve_space
from foundation.errors import UserError
from tests.delivery.conftest import Trained

_NO_DATA = {f"data.{split}": None for split in ("train", "dev", "test")}


def test_a_weight_that_is_used_twice_counts_once() -> None:
    """Two linear layers of 2×3 + 3 weights; the third has the matrix of the first and its own bias."""
    model = torch.nn.ModuleDict({name: torch.nn.Linear(2, 3) for name in ("first", "second", "third")})
    model["third"].weight = model["first"].weight
    parameters = {layer.name: layer.parameters for layer in layers_of(model)}
    assert parameters == {"first": 9, "second": 9, "third": 3}
    assert totals(layers_of(model)).parameters == sum(parameter.numel() for parameter in model.parameters()) == 21


def test_the_model_of_a_space_is_summarized_without_weights() -> None:
    """Layers, which are frozen, and sizes: 4 bytes for a weight, 12 more for a trained one."""
    space = resolve_space("kcbert", _NO_DATA, ["model=scratch:tiny"], [], None)
    kind, layers = summarize_model(space, 1)
    names = [layer.name for layer in layers]
    assert kind == "BertForSequenceClassification"
    assert "bert.encoder.layer.0" in names
    frozen = {layer.name for layer in layers if not layer.trained}
    assert "bert.encoder.layer.0" in frozen
    assert "bert.encoder.layer.1" not in frozen
    size = totals(layers)
    assert size.weights_mb == pytest.approx(size.parameters * 4 / 2**20)
    assert size.training_mb == pytest.approx((size.parameters * 4 + size.trained * 12) / 2**20)


def test_the_summary_of_a_space_is_of_its_own_model() -> None:
    """Not of its embedded sample; layers are frozen as the space says, or as requested."""
    space = resolve_space("cnn", _NO_DATA, ["freeze_layers=0"], [], None, sample=False)
    assert space.model == "scratch:base"
    sets = ["model=scratch:base", "freeze_layers=4"]
    frozen = resolve_space("kcbert", _NO_DATA, sets, [], None, sample=False)
    frozen_layers = [sum(not layer.trained for layer in summarize_model(frozen, number)[1]) for number in (None, 2, 0)]
    assert frozen_layers[0] > frozen_layers[1] > frozen_layers[2] == 0


def test_the_summary_of_an_exported_model(cnn: Trained, sts: Trained) -> None:
    """It has as many parameters as its weights; nothing is frozen unless requested."""
    for trained in (cnn, sts):
        kind, layers = summarize_exported(trained.model)
        model = open_model(trained.model, "cpu").model  # type: ignore[attr-defined]
        assert kind == type(model).__name__
        assert totals(layers).parameters == totals(layers).trained == model.num_parameters()
    assert totals(summarize_exported(sts.model, 1)[1]).trained < totals(layers).trained
    with pytest.raises(UserError, match=r"holds no kotune\.json"):
        summarize_exported(cnn.storage)


def test_widths_may_be_a_list() -> None:
    """As in YAML."""
    sets = ["model=scratch:tiny", "model.filter_sizes=[2, 3]"]
    _, layers = summarize_model(resolve_space("cnn", _NO_DATA, sets, [], None))
    assert sum("convolutions" in layer.name for layer in layers) == 2


def test_fields_of_the_model_change_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    """A wider CNN has more weights; its shapes can be shown; an unknown field is an error."""
    sizes = []
    for filters in (10, 20):
        sets = ["model=scratch:tiny", f"model.num_filters={filters}"]
        kind, layers = summarize_model(resolve_space("cnn", _NO_DATA, sets, [], None), 0)
        sizes.append(totals(layers).parameters)
        print_layers(kind, layers, shapes=True)
    assert sizes[1] > sizes[0]
    assert "20×" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"model\.num_filter is not a field"):
        summarize_model(resolve_space("cnn", _NO_DATA, ["model=scratch:tiny", "model.num_filter=3"], [], None), 0)
