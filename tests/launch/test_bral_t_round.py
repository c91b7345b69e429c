"""What BRAL-T's learned reward is worth: correlations and shares by hand, one round whole."""

import io
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "launch"))

import bral_t_round
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from jal.bral_t import Policy, Seen, init_reward, trusted_points
from jal.experiment import MLP, Data, Experiment, Protocol, Query
from jal.report.plots import png
from jal.types import InputError

INF = math.inf


def test_correlations_are_of_what_has_a_reward():
    """Over all sub-clusters and within clusters; one of equal values, or of one, has none."""
    true = np.array([[3.0, 2.0, 1.0, -INF], [0.0, 5.0, -INF, -INF], [7.0, -INF, -INF, -INF]])
    same = np.array([[30.0, 20.0, 10.0, 99.0], [0.0, 50.0, 99.0, 99.0], [70.0, 99.0, 99.0, 99.0]])
    within = np.array([[1.0, 2.0, 3.0, 99.0], [8.0, 9.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    rows = bral_t_round.rank_correlations(
        "pool", {"same": same, "other": within, "flat": 0 * same}, true
    )
    found = {row["ranking"]: (row["over all"], row["within clusters"]) for row in rows}
    np.testing.assert_allclose(found["same"], (1, 1))
    over = stats.spearmanr([3, 2, 1, 0, 5, 7], [1, 2, 3, 8, 9, 0])[0]
    np.testing.assert_allclose(found["other"], (over, (-1 + 1) / 2), atol=1e-12)
    assert np.isnan(found["flat"]).all()


def test_the_unit_of_an_interval_is_the_split():
    """Pairs of one split are averaged first."""
    values = {0: [0.1, 0.3], 1: [0.5, 0.3], 2: [0.6]}
    rows = [
        {"labels": 9, "split": split, "of": "pool", "ranking": "learned", "over all": value,
         "within clusters": -value}
        for split, of in values.items()
        for value in of
    ]  # fmt: skip
    (row,) = bral_t_round.summary(pd.DataFrame(rows)).to_dict("records")
    half = 4.302653 * np.std([0.2, 0.4, 0.6], ddof=1) / math.sqrt(3)
    assert row["over all"] == f"0.400 ± {half:.3f}"
    assert row["within clusters"] == f"-0.400 ± {half:.3f}"


def test_one_split_and_one_without_a_correlation():
    rows = [
        {"labels": 9, "split": split, "of": "pool", "ranking": "learned", "over all": value,
         "within clusters": math.nan if split else 0.3}
        for split, value in enumerate([0.1, 0.2, math.nan])
    ]  # fmt: skip
    (row,) = bral_t_round.summary(pd.DataFrame(rows)).to_dict("records")
    assert row["over all"] == f"0.150 ± {12.706205 * 0.05:.3f}"
    assert row["within clusters"] == "0.300"


def test_the_batch_is_the_querys_own():
    queries = ("random", Query("bral_t", batch=50), Query("bral_t", name="other", batch=(3, 7)))
    experiment = Experiment(queries=queries, protocol=Protocol(rounds=2, batch=20))
    found = [bral_t_round.batch_of(experiment, name) for name in ("random", "bral_t", "other")]
    assert found == [20, 50, 7]


def test_shares_of_the_trust_set():
    """Two classes, lambda 1: clamped from a loss of log 2 - 2 / e = -.04 on, so never; lambda .25
    from .51 on, a probability of .6."""
    wide = jnp.array([0.1, 0.5, 2.0, 3.0, -2.0, 9.0])
    seen = Seen(
        jnp.stack([wide, -wide], axis=1) / 2,
        jnp.zeros((6, 1)),
        jnp.array([0, 0, 0, 1, 0, -1]),
        jnp.arange(6) < 5,
    )
    for lambda_, share in ((1.0, 0.0), (0.25, 2 / 5)):
        policy = Policy(lambda_=lambda_)
        trusted = trusted_points(jax.random.key(0), seen, 2, policy)
        found = bral_t_round.trust(jax.random.key(0), seen, trusted, 2, policy)
        # p of the class: .52, .62, .88, .05, .12. SuperLoss weighs .52 and .62 more than .12.
        plain = np.array([0, 0, 0, 1, 1, 0], bool)
        np.testing.assert_allclose(found["at the clamp"], share)
        np.testing.assert_allclose(found["TrustSet of EL2N"], (plain & trusted).sum() / 2)


@pytest.fixture(scope="module")
def found():
    experiment = Experiment(
        data=Data("sklearn:digits"),
        learners={"mlp": MLP(hidden=(16,), epochs=5, normalise="none")},
        protocol=Protocol(rounds=1, batch=10),
    )
    policy = Policy(samples=3, steps=2, hidden=(8, 8), distance="gaussian")  # compiles sooner
    return bral_t_round.measure(experiment, "mlp", 0, 60, 10, policy)


@pytest.mark.slow
def test_a_round_whole(found):
    """Every ranking of the pool and of each new pair; random and untrained ones are near 0."""
    table = pd.DataFrame(found.rows)
    rankings = ["learned", "untrained", "margin", "novelty", "random"]
    assert table.ranking.value_counts().to_dict() == dict.fromkeys(rankings, 10)  # pool, 9 pairs
    assert list(table.of.unique()) == ["pool", "the same labels", "the other half", "new labels"]
    assert table["over all"].abs().max() <= 1
    parts = ["training", "scoring", "learning the reward", "selection"]
    assert list(found.facts) == [
        *(f"{part}, s" for part in parts),
        "at the clamp",
        "TrustSet of EL2N",
    ]
    assert all(value > 0 for value in list(found.facts.values())[:4])
    picks = np.asarray(found.picks)
    assert len(set(picks.tolist())) == 10 and not np.asarray(found.seen.labelled)[picks].any()
    assert np.asarray(found.trusted).sum() == 10  # one of each class


@pytest.mark.slow
def test_no_novelty_without_the_nearest_labelled_cluster(found):
    policy = Policy(hidden=(8,), use_labelled_cluster=False)
    actions = found.pool._replace(inputs=found.pool.inputs[..., 2 * 16 :])
    reward = init_reward(jax.random.key(0), 4 * 16, policy.hidden)
    ranks = bral_t_round.rankings(jax.random.key(1), reward, found.seen, actions, policy)
    assert list(ranks) == ["learned", "untrained", "margin", "random"]


@pytest.mark.slow
def test_the_picture_has_two_panels(found):
    figure = bral_t_round.picture(found)
    left, right, bar = figure.axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["labelled", "TrustSet"]
    assert [len(one.get_offsets()) for one in left.collections][-2:] == [60, 10]
    assert sum(len(one.get_offsets()) for one in left.collections) == 1000 + 10
    assert [len(one.get_offsets()) for one in right.collections] == [940, 10]
    assert bar.get_ylabel() == "predicted reward (minus a distance)"
    assert Image.open(io.BytesIO(png(figure))).size[0] > 1000


def test_what_cannot_be_measured(tmp_path):
    config = tmp_path / "c.py"
    config.write_text(
        "from jal.experiment import MLP, Experiment\n\n\ndef get_config():\n"
        "    return Experiment(learners={'mlp': MLP()}, queries=('random', 'bral_t'))\n"
    )
    for options, says in (
        ({"labels": (5,), "learner": "svm"}, "has no learner svm: give one of mlp"),
        ({"labels": (9,), "query": "random"}, "no query random of bral_t: give one of bral_t"),
        ({"labels": (9,), "splits": 0}, "splits of at least 1, got 0"),
        ({"labels": (9,), "batch": 0}, "batch of at least 1, got 0"),
        ({"labels": (501,)}, "give 2 to 500 labels, half of the pool, got 501"),
    ):
        with pytest.raises(InputError, match=says):
            bral_t_round.main(config, out=tmp_path / "out", **options)


@pytest.mark.slow
def test_other_labels_are_seen_in_place_of_these(found):
    truth = jnp.arange(1000) % 7
    other = bral_t_round.of_labels(found.seen, truth, jnp.array([3, 999]))
    assert (
        np.flatnonzero(other.labelled).tolist() == np.flatnonzero(other.y >= 0).tolist() == [3, 999]
    )
    assert other.y[999] == 999 % 7 and other.features is found.seen.features
