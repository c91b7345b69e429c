import pytest
from named_round import ROUND, given_to_selector

from jal.strategies.active_ft import active_ft
from jal.types import InputError

OPTIONS = {
    "temperature": 0.3, "iterations": 7, "learning_rate": 0.1, "diversity": 0.5, "minibatch": 8,
    "objective": "as_printed",
}  # fmt: skip


def test_what_reaches_the_selector(monkeypatch):
    args, options = given_to_selector(monkeypatch, "active_ft", active_ft, OPTIONS)
    assert args == ("key", ROUND.features, ROUND.labelled, 5)
    assert options == OPTIONS


@pytest.mark.parametrize(
    "option",
    [
        {"temperature": 0.0},
        {"learning_rate": 0.0},
        {"iterations": -1},
        {"diversity": -0.5},
        {"minibatch": 0},
        {"objective": "printed"},
    ],
)
def test_options_that_cannot_work(option):
    (value,) = option.values()
    with pytest.raises(InputError, match=f"active_ft takes .*, got {value}"):
        active_ft(**option)
