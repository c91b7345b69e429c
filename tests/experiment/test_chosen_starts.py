"""First labels that a strategy chooses, with nothing labelled."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from small_runs import changed

from jal import select, strategies
from jal.data import from_arrays
from jal.experiment import (
    MLP,
    SVC,
    Chosen,
    Experiment,
    Learned,
    LinearSVC,
    LogisticRegression,
    Protocol,
    Query,
    Random,
    resume,
    run,
)
from jal.experiment.checkpoints import Checkpoints
from jal.experiment.checks import check
from jal.experiment.program import blocks_of, experiment_mesh
from jal.learners import logistic_regression
from jal.strategies import stateless
from jal.types import Auxiliary, InputError, Parameters, Strategy

BLOBS = 5
Y = np.random.default_rng(0).permutation(np.arange(100) % BLOBS)
# Each blob on an axis of its own: far apart, also where all are brought to norm 1.
X = (10 * np.eye(BLOBS)[Y] + np.random.default_rng(1).normal(size=(100, BLOBS))).astype(np.float32)
DATASET = from_arrays(X, Y, X[:40], Y[:40])
NET = MLP(hidden=(8,), epochs=3)
PROTOCOL = Protocol(seeds=4, rounds=2, batch=3, start=Chosen(labels=BLOBS))
GOOD = Experiment(queries=("kmeans", "k_center"), protocol=PROTOCOL)
ABLE = "random, random_size, k_center, kmeans, typi_clust, active_ft, prob_cover"


def ran(**change):
    return run(changed(GOOD, **change), dataset=DATASET, progress=False)


def firsts(results, n=BLOBS) -> dict[str, list[list[int]]]:
    """learner/query -> the first n labels of each seed."""
    return {name: picks[:, :n].tolist() for name, picks in results.labelled.items()}


def of_logistic_regression(results, n=BLOBS) -> dict[str, list[list[int]]]:
    return {name.partition("/")[2]: rows for name, rows in firsts(results, n).items()}


def begun(experiment, starts=None, dataset=DATASET):
    """Each block's state before the first round, by learner and query."""
    made = check(experiment, dataset, {}, False)
    mesh, programs, found = experiment_mesh(experiment), {}, {}
    for block in blocks_of(experiment, made, starts or {}, mesh):
        if block.group not in programs:
            programs[block.group] = block.compile()
        first = block.first()
        state = programs[block.group].begin(first.per_seed, *first.shared)
        found[block.learners[0], block.query] = state
    return found


def keys_of(seed: int):
    """Of the strategy's state where the start names it, of its choice, and of the learner."""
    key_start, key = jax.random.split(jax.random.key(seed))
    return (*jax.random.split(key_start), jax.random.split(key, 3)[1])


@pytest.fixture(scope="module")
def own():
    cold = ("kmeans", "k_center", "typi_clust", Query("prob_cover", delta=0.4), "active_ft")
    return ran(queries=(*cold, "random", "random_size"))


def test_each_query_chooses_its_own(own):
    found = of_logistic_regression(own)
    for name in ("kmeans", "k_center", "typi_clust", "prob_cover"):
        assert all(set(Y[row]) == set(range(BLOBS)) for row in found[name]), name
        assert len({*map(tuple, found[name])}) == 4, name  # each seed's own
    assert any(len(set(Y[row])) < BLOBS for row in found["random"])
    assert found["random"] == found["random_size"] != found["active_ft"]
    assert len({str(found[name]) for name in found}) == 6
    # It is labelled, fitted and measured like any other start.
    assert (own.frame[own.frame["round"] == 0].labels == BLOBS).all()
    scheduled = own.frame[own.frame.strategy != "random_size"]
    assert (scheduled.labels == BLOBS + 3 * scheduled["round"]).all()
    accuracy = own.frame[(own.frame.metric == "accuracy") & (own.frame["round"] == 0)]
    assert (accuracy[accuracy.strategy == "kmeans"].value == 1.0).all()


def test_what_is_chosen_is_the_selectors_own(own):
    """Of the inputs, which are the features of logistic regression, with the seed's keys."""
    found, nothing = of_logistic_regression(own), jnp.zeros(100, bool)
    for seed in range(4):
        key = keys_of(seed)[1]
        args = key, jnp.asarray(X), nothing, BLOBS
        assert found["active_ft"][seed] == select.active_ft(*args).tolist()
        assert found["typi_clust"][seed] == select.typi_clust(*args).tolist()
        drawn = jax.random.uniform(key, (100,))
        assert found["random"][seed] == jnp.argsort(-drawn)[:BLOBS].tolist()


@pytest.mark.slow
def test_other_learners_from_absent_classes():
    """One label is of one class; what an untrained network says depends on the seed alone."""
    learners = {"svc": SVC(), "linear": LinearSVC(), "net": NET, "again": NET}
    learners["again"] = dataclasses.replace(NET, learning_rate=0.01)  # in the same program
    found = ran(learners=learners, queries=("k_center", "typi_clust"), start=Chosen(labels=1))
    assert np.isfinite(found.frame.value).all()
    rows = firsts(found, 1)
    for name in ("k_center", "typi_clust"):
        assert rows[f"svc/{name}"] == rows[f"linear/{name}"]  # of the inputs
        assert rows[f"net/{name}"] == rows[f"again/{name}"]


def test_a_seeds_choice_is_the_same_alone_and_beside_others(own):
    """Bit for bit on CPUs: queries, seeds and devices beside it change nothing."""
    whole, keys = own.frame, ["learner", "strategy", "seed", "round", "metric"]
    for name in ("active_ft", "typi_clust", "k_center"):
        alone = ran(queries=(name,), seeds=2, first_seed=1, devices=1)
        assert of_logistic_regression(alone, 11)[name] == of_logistic_regression(own, 11)[name][1:3]
        both = alone.frame.merge(whole, on=keys)
        assert len(both) == len(alone.frame)
        accuracy = both[both.metric == "accuracy"]
        assert (accuracy.value_x == accuracy.value_y).all()


def test_vmapped_seeds_choose_the_same(own):
    together = ran(queries=("kmeans", "k_center"), seeds_at_once=4, devices=1)
    for name, rows in of_logistic_regression(together).items():
        assert rows == of_logistic_regression(own)[name]


FIRST = Chosen(share=0.05, strategy="active_ft", iterations=3)  # more: two programs round apart


@pytest.fixture(scope="module")
def named():
    learners = {"logistic_regression": LogisticRegression(), "net": NET}
    auxiliary = Query("loss_prediction", learners=("net",), width=4)
    return ran(learners=learners, queries=("margin", "kmeans", auxiliary), start=FIRST)


def test_a_named_strategy_chooses_for_all_queries(named):
    """ActiveFT first, then others, also one whose learner trains an auxiliary."""
    rows = firsts(named)
    assert rows["logistic_regression/margin"] == rows["logistic_regression/kmeans"]
    assert rows["net/margin"] == rows["net/kmeans"] == rows["net/loss_prediction"]
    assert rows["net/margin"] != rows["logistic_regression/margin"]
    whole = firsts(named, 11)
    assert len({str(whole[f"net/{name}"]) for name in ("margin", "kmeans", "loss_prediction")}) == 3
    # With its options; the same that its own query would begin with.
    inputs, nothing = jnp.asarray(X), jnp.zeros(100, bool)
    own = of_logistic_regression(ran(queries=(Query("active_ft", iterations=3),)))
    for seed in range(4):
        chosen = select.active_ft(keys_of(seed)[1], inputs, nothing, BLOBS, iterations=3).tolist()
        assert chosen == rows["logistic_regression/margin"][seed] == own["active_ft"][seed]
    assert chosen != select.active_ft(keys_of(3)[1], inputs, nothing, BLOBS).tolist()


def test_an_untrained_networks_features(named):
    """Of each seed's own network, as it is before the first fit."""
    made = check(named.experiment, DATASET, {}, False).learners["net"]
    data, nothing = made.prepare(jnp.asarray(X)), jnp.zeros(100, bool)
    for seed, row in enumerate(firsts(named)["net/margin"]):
        _, key_select, key_learner = keys_of(seed)
        features = made.predict(made.init(key_learner, data), jnp.asarray(X)).features
        assert select.active_ft(key_select, features, nothing, BLOBS, iterations=3).tolist() == row


def test_features_of_the_variables_that_seeds_start_from():
    """Of two sets of weights, seed i has number i modulo 2."""
    one = changed(GOOD, learners={"net": NET}, queries=("k_center",))
    learner = check(one, DATASET, {}, False).learners["net"]
    data, nothing = learner.prepare(jnp.asarray(X)), jnp.zeros(100, bool)
    given = [learner.init(jax.random.key(40 + i), data) for i in range(2)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *given)
    state = begun(one, {"net": stacked})["net", "k_center"]
    for seed in range(4):
        features = learner.predict(given[seed % 2], jnp.asarray(X)).features
        chosen = select.k_center(features, nothing, BLOBS, key=keys_of(seed)[1])
        assert state.labels.order[seed, :BLOBS].tolist() == chosen.tolist()


def counting(first=0) -> Strategy:
    """Picks each seventh point from `first` on, behind as many as it was asked for before."""

    def choose(key, asked, round, k_max):
        picks = (first + 7 * (asked + jnp.arange(k_max, dtype=jnp.int32))) % 100
        return picks, asked + k_max

    return Strategy(lambda key, x: jnp.int32(0), choose, cold_start=True)


def test_the_state_goes_on_where_the_strategy_is_the_querys_own():
    """Of one that the start names the query knows nothing."""
    queries = (Query(counting(), name="counted"), "random")
    one = ran(queries=queries, seeds=1)
    assert of_logistic_regression(one, 11)["counted"] == [[*range(0, 77, 7)]]
    other = ran(queries=queries, seeds=1, start=Chosen(labels=5, strategy=counting(first=50)))
    assert of_logistic_regression(other, 11)["counted"] == [[*range(50, 85, 7), *range(0, 42, 7)]]


def test_what_the_strategy_sees():
    """Nothing labelled, no class; and scores only where it says that it reads them."""

    def cheat(key, state, round, k_max):
        known = round.labelled.sum() + round.labels.n + (round.y != -1).sum()
        return jnp.arange(k_max, dtype=jnp.int32), state * 0 + jnp.append(
            known.astype(jnp.float32), jnp.abs(round.features).sum()
        )

    made = Strategy(lambda key, x: jnp.zeros(2), cheat, cold_start=True)
    queries = (Query(made, name="a"), Query(made._replace(uses_outputs=False), name="b"))
    for given in (queries, queries[:1], queries[1:]):
        state = begun(changed(GOOD, queries=given))
        mine = [query.name for query in given]
        for name in mine:
            seen = state["logistic_regression", name].strategy
            seen = seen[mine.index(name)] if len(mine) == 2 else seen
            assert (np.asarray(seen)[:, 0] == 0).all()
            np.testing.assert_allclose(seen[:, 1], np.abs(X).sum() if name == "a" else 0, rtol=1e-5)


def test_the_oracles_classes_change_no_choice():
    other = from_arrays(X, (Y + 1) % BLOBS, X[:40], Y[:40])
    one = changed(GOOD, learners={"net": NET})
    states = begun(one), begun(one, dataset=other)
    for name, state in states[0].items():
        np.testing.assert_array_equal(state.labels.order, states[1][name].labels.order)


def test_the_pool_is_scored_only_where_a_strategy_asks():
    """Other starts compile no second pass over the pool."""
    calls = []

    def counted(*given, **options):
        made = logistic_regression(*given, **options)

        def predict(variables, x):
            jax.debug.callback(lambda: calls.append(x.shape[0]))
            return made.predict(variables, x)

        return made._replace(predict=predict)

    learners = {"counted": counted}
    for queries, start, passes in (
        (("kmeans",), Random(labels=5), []),
        (("random",), Chosen(labels=5), []),
        (("kmeans",), Chosen(labels=5), [100]),
        (("margin",), Chosen(labels=5, strategy="kmeans"), [100]),
    ):
        begun(changed(GOOD, learners=learners, queries=queries, start=start, seeds=1))
        jax.effects_barrier()
        assert calls == passes, (queries, start)
        calls.clear()


class StopError(Exception):
    """Stands for anything that ends a process."""


@pytest.mark.parametrize("saves", [0, 1, 2])
def test_resume_equals_uninterrupted(saves, tmp_path, monkeypatch):
    """Ended before the first save, within the first query, and between the two."""
    config = changed(GOOD, start=FIRST, queries=("kmeans", "margin"), segment=2)
    whole = run(config, dataset=DATASET, progress=False)
    save, count = Checkpoints.save, [0]

    def save_then_stop(self, *args):
        if count[0] == saves:
            raise StopError
        save(self, *args)
        count[0] += 1

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", save_then_stop)
        with pytest.raises(StopError):
            run(config, dataset=DATASET, out=tmp_path / "run", progress=False)
    again = resume(tmp_path / "run", dataset=DATASET, progress=False)
    assert again.experiment.protocol.start == FIRST
    pd.testing.assert_frame_equal(again.frame, whole.frame)
    for name, picks in whole.labelled.items():
        np.testing.assert_array_equal(again.labelled[name], picks)
    other = changed(config, start=dataclasses.replace(FIRST, options={"iterations": 4}))
    with pytest.raises(InputError, match=r"start\.options\.iterations is 3 there and 4 here"):
        resume(tmp_path / "run", other, dataset=DATASET, progress=False)


UNTRAINED = Auxiliary(
    lambda key, one: {}, lambda key, params, seen: jnp.float32(0), lambda params, o: o.logits[:, 0]
)
RANDOM = strategies.registry["random"]()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"queries": ("random", "margin")},
            rf"margin cannot choose the first labels, with nothing labelled: take one that can "
            rf"\({ABLE}, or your own whose Strategy says cold_start\), or name one as the start's "
            r"strategy\.$",
        ),
        ({"queries": ("random", "badge")}, "badge cannot choose the first labels"),
        (
            {"queries": ("random", Query("entropy", name="mine"))},
            "mine cannot choose the first labels",
        ),
        ({"queries": ("random", Learned("agent"))}, "agent cannot choose the first labels"),
        (
            {"start": Chosen(labels=3, strategy="entropy")},
            rf"entropy cannot choose .* \({ABLE}, or your own whose Strategy says cold_start\)\.$",
        ),
        ({"start": Chosen(labels=3, strategy="kmens")}, "unknown strategy 'kmens': known are"),
        (
            {"start": Chosen(labels=3, strategy="active_ft", passes=3)},
            "unknown option 'passes' of active_ft: known are temperature, iterations",
        ),
        (
            {"start": Chosen(labels=3, strategy="active_ft", name="mine")},
            "unknown option 'name' of active_ft",
        ),
        (
            {"start": Chosen(labels=3, strategy="active_ft", temperature=0.0)},
            r"active_ft takes temperature as .* above 0, got 0\.0",
        ),
        ({"start": Chosen(labels=3, strategy="absent:x")}, "strategy absent:x is code that would"),
        (
            {"start": Chosen(labels=3, strategy=RANDOM._replace(cold_start=False, name="mine"))},
            "mine cannot choose the first labels",
        ),
        (
            {"start": Chosen(labels=3, strategy=RANDOM._replace(auxiliary=UNTRAINED))},
            "random cannot choose the first labels",
        ),
        (
            {"start": Chosen(labels=3, strategy=RANDOM._replace(parameters=Parameters((), ())))},
            "random cannot choose the first labels",
        ),
        (
            {"start": Chosen(labels=3, strategy=RANDOM._replace(needs=frozenset({"sample"})))},
            r"random needs dropout: logistic_regression \(LogisticRegression\) has none; take a",
        ),
        ({"start": Chosen(labels=95)}, "kmeans would buy 6 labels in 2 rounds after the 95 it"),
    ],
)
def test_who_cannot_choose(change, says):
    with pytest.raises(InputError, match=says) as caught:
        check(changed(GOOD, **change), DATASET, {}, False)
    assert "\n" not in str(caught.value)


def test_an_agent_that_is_still_to_be_trained_cannot_choose():
    """Before its training; where the start names a strategy, it may go on."""
    one = changed(GOOD, queries=("random", Learned("agent")))
    with pytest.raises(InputError, match="agent cannot choose the first labels"):
        check(one, DATASET, None, False)
    check(changed(one, start=FIRST), DATASET, None, False)


def far_from_zero(power: float = 1.0) -> Strategy:
    def pick(key, round, k_max):
        norms = jnp.linalg.norm(round.features, axis=1) ** power
        return select.top_k(norms, round.labelled, k_max, key=key)

    return stateless(pick)._replace(cold_start=True)


def test_a_strategy_of_ones_own(tmp_path):
    """The function itself; a folder names it, and it is found again with --allow-code."""
    far = np.argsort(-np.linalg.norm(X, axis=1))[:BLOBS].tolist()
    config = changed(GOOD, queries=("random",), start=Chosen(labels=5, strategy=far_from_zero))
    found = run(config, dataset=DATASET, out=tmp_path / "run", progress=False)
    assert firsts(found)["logistic_regression/random"] == [far] * 4
    tree = config.to_json()["protocol"]["start"]
    assert tree == {
        "type": "Chosen",
        "labels": 5,
        "share": None,
        "strategy": f"{__name__}:far_from_zero",
        "options": {},
    }
    near = Chosen(labels=5, strategy=far_from_zero, power=-1.0)
    assert firsts(ran(start=near))["logistic_regression/kmeans"][0] != far
    (tmp_path / "run" / "results.parquet").unlink()
    with pytest.raises(InputError, match=r"far_from_zero is code that would be imported"):
        resume(tmp_path / "run", dataset=DATASET, progress=False)
    again = resume(tmp_path / "run", dataset=DATASET, progress=False, allow_code=True)
    pd.testing.assert_frame_equal(again.frame, found.frame)


def test_what_tells_the_start(named):
    """Picks have it as round 0, and the report shows who chose it."""
    of_start = named.picks[named.picks["round"] == 0]
    assert (of_start.groupby(["seed", "learner", "strategy"]).size() == BLOBS).all()
    settings = named.about().settings
    assert settings["protocol.start.type"] == '"Chosen"'
    assert settings["protocol.start.strategy"] == '"active_ft"'
    assert settings["protocol.start.options.iterations"] == "3"
