"""Which value trial 0 has for a searched parameter, and whether it is called the recipe default."""

from __future__ import annotations

from search_spaces.draft import from_dict
from search_spaces.ranges import FloatRange, IntRange
from tests.search_spaces.test_resolve import solve


def test_the_recipe_value_survives_a_layer_whose_range_is_elsewhere() -> None:
    """A middle of a range never replaces it: it is the default of the next range that contains it."""
    rates = {"learning_rate": {"log": [1e-5, 3e-4], "default": 5e-5}, "num_beams": {"int": [1, 8], "default": 4}}
    raw = {"search": rates}
    layer = {"search": {"learning_rate": {"log": [1e-4, 1e-2]}, "num_beams": {"int": [5, 9]}}}
    first = solve(raw, config=layer)
    assert first.search["learning_rate"] == FloatRange(1e-4, 1e-2, log=True, default=1e-3)  # the geometric middle
    assert first.unset_defaults == ("learning_rate", "num_beams")
    assert first.default_name == "middle of the ranges"
    second = solve(raw, config=layer, ranges=["learning_rate=log:1e-5:1e-3", "num_beams=int:1:8"])
    assert second.search["learning_rate"] == FloatRange(1e-5, 1e-3, log=True, default=5e-5)
    assert second.search["num_beams"] == IntRange(1, 8, default=4)
    assert second.unset_defaults == ()
    assert second.default_name == "recipe default"


def test_a_fixed_value_is_the_recipe_of_a_range() -> None:
    """Also 5.0 for whole numbers; a parameter that the space does not name has none."""
    space = solve(
        {"fixed": {"num_train_epochs": 5.0}}, ranges=["num_train_epochs=int:1:9", "optim=choice:sgd,adafactor"]
    )
    assert space.search["num_train_epochs"] == IntRange(1, 9, default=5)
    assert space.unset_defaults == ("optim",)
    assert from_dict(space.to_dict(), "saved").unset_defaults == ("optim",)
