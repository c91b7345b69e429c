"""Options of strategies: checked before anything runs, and part of what an experiment is."""

import dataclasses
import json
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest

from jal import strategies
from jal.cli.words import query_of
from jal.data import from_arrays
from jal.experiment import Experiment, Learned, Protocol, Query, run
from jal.experiment.checks import check
from jal.experiment.config import difference
from jal.experiment.queries import make
from jal.strategies.strategy import Registered
from jal.types import InputError, Strategy

RNG = np.random.default_rng(0)
DATASET = from_arrays(
    RNG.normal(size=(90, 4)), np.arange(90) % 3, RNG.normal(size=(30, 4)), np.arange(30) % 3
)
SMALL = Experiment(protocol=Protocol(seeds=2, rounds=2, batch=5))


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


POWER = Registered(power, "no paper", ("logits",), "N")


def with_queries(*queries) -> Experiment:
    return dataclasses.replace(SMALL, queries=("random", *queries))


def test_options_are_part_of_the_experiment():
    def of(share):
        options = {"share": share, "kind": "hard", "flag": True, "widths": (4, 2)}
        return with_queries(Query("power", options=options))

    experiment = of(0.25)
    assert Experiment.from_json(json.loads(json.dumps(experiment.to_json()))) == experiment
    differs = difference(experiment.to_json(), of(0.5).to_json())
    assert differs == "queries.1.options.share is 0.25 there and 0.5 here"
    assert of(0.25) == with_queries(
        Query("power", share=0.25, options={"kind": "hard", "flag": True, "widths": (4, 2)})
    )


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("margin", "margin"),
        ("my_package.scores:deep", "deep"),
        (power, "power"),
        (POWER, "power"),
        (strategies.registry["margin"], "margin"),
        (strategies.registry["margin"](), "margin"),
        (lambda: strategies.registry["margin"](), "<lambda>"),
    ],
    ids=range(7),
)
def test_what_a_query_is_called(given, name):
    assert Query(given).name == name
    assert Query(given, name="mine").name == "mine"


def test_what_an_agent_is_called():
    assert Learned("runs/of_mine/").name == "of_mine" and Learned("here").name == "here"
    assert Learned("runs/of_mine", "own").name == "own"


@pytest.mark.parametrize("query", [Query("margin", name=""), Learned("runs/agent", name="")])
def test_an_empty_name_is_said_and_refused(query):
    with pytest.raises(InputError, match=r"a query's name must be of printable .*, got ''"):
        with_queries(query).check()


def test_options_reach_the_factory_and_the_same_strategy_runs_twice():
    seen = []

    def spy(share: float = 0.5, widths: tuple[int, ...] = ()) -> Strategy:
        seen.append((share, widths))
        return strategies.registry["margin"]()

    experiment = with_queries(
        Query(spy, widths=(9, 8)),
        Query(spy, name="spy_large", share=1, widths=7),
        Query(spy, name="spy_small", batch=1),
    )
    found = check(experiment, DATASET, {}, False)
    assert seen == [(0.5, (9, 8)), (1, (7,)), (0.5, ())]  # a number is a list of one
    names = ["random", "spy", "spy_large", "spy_small"]
    assert [name for _, name in found.strategies] == names
    assert found.batches["spy_small"] == (1, 1) and found.batches["spy_large"] == (5, 5)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (Query(POWER, shares=0.1), "unknown option 'shares' of power: known are share, steps, k"),
        (Query("random", share=0.1), "unknown option 'share' of random: it has none"),
        (Query(POWER, steps=0.5), r"steps of power must be int, got 0\.5"),
        (Query(POWER, steps=True), r"steps of power must be int, got True"),
        (Query(POWER, share="x"), r"share of power must be float, got 'x'"),
        (Query(POWER, share=None), "share of power must be float, got None"),
        (Query(POWER, kind="firm"), r"kind of power must be 'soft' or 'hard', got 'firm'"),
        (Query(POWER, most=0.5), r"most of power must be int or None, got 0\.5"),
        (Query(POWER, score="margin"), r"score of power must be .* got 'margin'"),
        (Query(POWER, share=2.0), "power: share must be between 0 and 1, got 2.0"),
        (Query(POWER, share=float("nan")), r"share of power must be finite, got nan"),
        (Query(POWER, widths=(4, 0.5)), r"widths of power must be int, got 0\.5"),
        (Query(anything, x=(1.0, float("inf"))), r"x of anything must be finite, got"),
        (Query(bare, scale=2), "bare needs the option size: give it in its Query"),
        (Query(bare), "bare needs the option size: give it in its Query"),
        (Query("powr", share=0.1), "unknown strategy 'powr': known are random, .*, or give pack"),
        (Query("powr", name="p"), "unknown strategy 'powr'"),
        (Query(POWER, name="p", shares=1), "unknown option 'shares' of p: known are share"),
        (
            Query(strategies.registry["margin"](), name="m", share=1),
            "m is a Strategy already, which takes no options: give the function that makes it",
        ),
        (
            Query(lambda: 3, name="three"),
            "strategy <<lambda>> must make a Strategy, and makes a int",
        ),
        (Query(json.dumps, obj=1), "strategy json:dumps must make a Strategy, and makes a str"),
        (Query("json:decoder"), "strategy json:decoder must be .*, got a module"),
    ],
    ids=range(22),
)
def test_bad_options_in_one_sentence(query, says):
    with pytest.raises(InputError, match=says) as caught:
        make(query, True)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    with pytest.raises(InputError, match=says):  # of an experiment, before anything runs
        check(dataclasses.replace(SMALL, queries=(query,)), DATASET, {}, True)


def test_good_options():
    good = with_queries(
        Query(POWER, share=1e-3, steps=1, kind="hard", most=3),
        Query(bare, size="any"),
        Query(anything, x=1, y="z"),
        Query(POWER, name="p"),
    )
    found = check(good, DATASET, {}, False)
    assert [name for _, name in found.strategies] == ["random", "power", "bare", "anything", "p"]


def test_a_strategy_goes_by_the_experiments_name():
    """What it is refused for is said of that name."""
    assert make(Query(POWER, name="twice"), False).name == "twice"
    assert make(Query(strategies.registry["margin"](), name="twice"), False).name == "twice"
    with pytest.raises(InputError, match=r"^twice: share must be between 0 and 1, got 2\.0\.$"):
        make(Query(POWER, name="twice", share=2.0), False)


def test_what_a_selector_refuses_is_said_before_anything_is_trained(tmp_path):
    """Its own check runs when it is traced; the name is the experiment's."""
    experiment = with_queries(Query(POWER, name="far", reach=-1.0))
    with pytest.raises(InputError) as caught:
        run(experiment, out=tmp_path / "run", dataset=DATASET, progress=False)
    assert str(caught.value) == "far: a reach is at least 0, got -1.0."
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"share": ["a"]}, r"queries\.1\.options\.share must be int or float or bool or str"),
        ({"share": {"a": 1}}, r"options\.share\.a must say its type, one of"),
        (3, r"queries\.1\.options must be dict, got 3"),
    ],
    ids=str,
)
def test_values_that_are_no_options(options, says):
    tree = with_queries("margin").to_json()
    tree["queries"][1]["options"] = options
    with pytest.raises(InputError, match=says):
        Experiment.from_json(tree)


def test_an_option_may_be_none():
    """Where the strategy has it so: loss_prediction looks at all points without a subset."""
    query = Query("loss_prediction", subset=None)
    experiment = with_queries(query)
    assert Experiment.from_json(json.loads(json.dumps(experiment.to_json()))) == experiment
    assert query_of("loss_prediction:subset=none", {}) == query != Query("loss_prediction")
    assert isinstance(make(query, allow_code=False), Strategy)


def test_a_member_of_the_registry_is_its_name():
    """So that a run with it goes on without being given it again."""
    query = Query(strategies.registry["margin"], batch=2)
    assert query == Query("margin", batch=2) and query.strategy == "margin"
    other = strategies.from_selector(strategies.registry["badge"].make)
    assert not isinstance(Query(other).strategy, str)
