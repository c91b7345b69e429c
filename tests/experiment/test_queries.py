"""Options of strategies: checked before anything runs, and part of what an experiment is."""

import dataclasses
import json
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from jal.experiment.strategy_options import make_strategies

from jal import strategies
from jal.data import from_arrays
from jal.experiment import Experiment, run
from jal.experiment.checks import check
from jal.experiment.config import difference
from jal.experiment.program import Program
from jal.strategies.strategy import Registered
from jal.types import InputError, Strategy

RNG = np.random.default_rng(0)
DATASET = from_arrays(
    RNG.normal(size=(90, 4)), np.arange(90) % 3, RNG.normal(size=(30, 4)), np.arange(30) % 3
)
SMALL = Experiment(seeds=2, rounds=2, batch=5)


def power(
    share: float = 0.5,
    steps: int = 3,
    kind: Literal["soft", "hard"] = "soft",
    most: int | None = None,
    score: Callable | None = None,
    widths: tuple[int, ...] = (),
    reach: float = 1.0,
) -> Strategy:
    """Margin under another name."""
    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1, got {share}.")

    def select(key, state, round, k_max):
        if reach < 0:
            raise ValueError(f"a reach is at least 0, got {reach}.")
        return margin.select(key, state, round, k_max)

    margin = strategies.registry["margin"]()
    return margin._replace(select=select)


def bare(size, *, scale=1):
    return strategies.registry["random"]()


def anything(**options):
    return strategies.registry["random"]()


FACTORIES = {
    **strategies.registry,
    "power": Registered(power, "no paper", ("logits",), "N"),
    "bare": bare,
    "anything": anything,
}


def with_options(**options) -> Experiment:
    return dataclasses.replace(SMALL, strategies=("random", *options), options=options)


def test_options_are_part_of_the_experiment():
    experiment = with_options(power={"share": 0.25, "kind": "hard", "flag": True, "widths": (4, 2)})
    assert Experiment.from_json(json.loads(json.dumps(experiment.to_json()))) == experiment
    other = with_options(power={"share": 0.5, "kind": "hard", "flag": True, "widths": (4, 2)})
    assert difference(experiment, other) == "options.power.share is 0.25 there and 0.5 here"
    before = SMALL.to_json()
    del before["options"]  # a folder written before there were options
    assert difference(Experiment.from_json(before), SMALL) is None


def test_options_reach_the_factory_and_the_same_strategy_runs_twice():
    seen = []

    def spy(share: float = 0.5, widths: tuple[int, ...] = ()) -> Strategy:
        seen.append((share, widths))
        return strategies.registry["margin"]()

    experiment = dataclasses.replace(
        SMALL,
        strategies=("spy", "spy_large", "spy_small"),
        options={
            "spy": {"widths": (9, 8)},
            "spy_large": {"strategy": "spy", "share": 1, "widths": 7},
            "spy_small": {"strategy": "spy"},
        },
        batch_of={"spy_small": 1},
    )
    check(experiment, DATASET, {"spy": spy})
    program = Program(experiment, DATASET, {"spy": spy})
    wanted = [(0.5, (9, 8)), (1, (7,)), (0.5, ())]  # a number is a list of one
    assert seen == 2 * wanted  # to be checked, and to run
    assert [name for _, name in program.cells] == list(experiment.strategies)
    assert experiment.batches("spy_small") == (1, 1) and experiment.batches("spy_large") == (5, 5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"power": {"shares": 0.1}}, "unknown option 'shares' of power: known are share, steps, k"),
        ({"random": {"share": 0.1}}, "unknown option 'share' of random: it has none"),
        ({"power": {"steps": 0.5}}, r"options\.power\.steps must be int, got 0\.5"),
        ({"power": {"steps": True}}, r"options\.power\.steps must be int, got True"),
        ({"power": {"share": "x"}}, r"options\.power\.share must be float, got 'x'"),
        ({"power": {"kind": "firm"}}, r"options\.power\.kind must be 'soft' or 'hard', got 'firm'"),
        ({"power": {"most": 0.5}}, r"options\.power\.most must be int or None, got 0\.5"),
        ({"power": {"score": "margin"}}, r"options\.power\.score must be .* got 'margin'"),
        ({"power": {"share": 2.0}}, "power: share must be between 0 and 1, got 2.0"),
        ({"power": {"share": float("nan")}}, r"options\.power\.share must be finite, got nan"),
        ({"power": {"widths": (4, 0.5)}}, r"options\.power\.widths must be int, got 0\.5"),
        ({"anything": {"x": (1.0, float("inf"))}}, r"options\.anything\.x must be finite, got"),
        ({"bare": {"scale": 2}}, "bare needs the option size: give it in the experiment's options"),
        (
            {"powr": {"share": 0.1}},
            "options of powr are those of an unknown strategy 'powr': known",
        ),
        ({"p": {"strategy": "powr"}}, "options of p are those of an unknown strategy 'powr'"),
        (
            {"random": {"strategy": "power"}},
            "options of random say strategy 'power', but random is one itself: take another name",
        ),
        (
            {"p": {"strategy": "power", "shares": 1}},
            "unknown option 'shares' of p: known are share",
        ),
    ],
    ids=str,
)
def test_bad_options_in_one_sentence(options, says):
    experiment = dataclasses.replace(SMALL, options=options)
    if set(options) <= set(FACTORIES):
        experiment = dataclasses.replace(experiment, strategies=tuple(options))
    with pytest.raises(InputError, match=says) as caught:
        check(experiment, DATASET, FACTORIES)
        make_strategies(experiment, FACTORIES)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_good_options():
    given = {"share": 1e-3, "steps": 1, "kind": "hard", "most": 3}
    good = with_options(
        power=given, bare={"size": "any"}, anything={"x": 1, "y": "z"}, p={"strategy": "power"}
    )
    check(good, DATASET, FACTORIES)
    assert list(make_strategies(good, FACTORIES)) == list(good.strategies)
    # Options of what does not run are checked, and do no harm.
    idle = dataclasses.replace(good, strategies=("random",))
    check(idle, DATASET, FACTORIES)


def test_a_strategy_goes_by_the_experiments_name():
    """What it is refused for is said of that name."""
    options = {"twice": {"strategy": "power"}, "power": {}}
    made = make_strategies(with_options(**options), FACTORIES)
    assert {name: strategy.name for name, strategy in made.items()} == {
        name: name for name in ("random", "twice", "power")
    }


def test_an_option_that_is_needed():
    with pytest.raises(InputError, match="bare needs the option size"):
        check(dataclasses.replace(SMALL, strategies=("bare",)), DATASET, FACTORIES)


def test_what_a_selector_refuses_is_said_before_anything_is_trained(tmp_path):
    """Its own check runs when it is traced; the name is the experiment's."""
    experiment = with_options(far={"strategy": "power", "reach": -1.0})
    with pytest.raises(InputError) as caught:
        run(experiment, out=tmp_path / "run", dataset=DATASET, strategies=FACTORIES, progress=False)
    assert str(caught.value) == "far: a reach is at least 0, got -1.0."
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"power": {"share": ["a"]}}, r"options\.power\.share must be int or float or bool or str"),
        ({"power": {"share": {"a": 1}}}, r"options\.power\.share must be int or float or bool or"),
        ({"power": {"share": None}}, r"options\.power\.share must be int or float or bool or str"),
        ({"power": 3}, r"options\.power must be .*dict.*, got 3"),
    ],
    ids=str,
)
def test_values_that_are_no_options(options, says):
    with pytest.raises(InputError, match=says):
        Experiment.from_json(SMALL.to_json() | {"options": options})
