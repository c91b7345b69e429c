import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.select.cluster_margin import cluster_margin, linkage_clusters
from jal.strategies import clusters, one_of
from jal.types import Labels, Round

N, K, D, LABELLED = 60, 5, 4, 12


def make_round(seed: int) -> Round:
    keys = jax.random.split(jax.random.key(seed), 3)
    x = jax.random.normal(keys[0], (N, D))
    order = jax.random.permutation(keys[1], N).astype(jnp.int32)
    labelled = jnp.zeros(N, bool).at[order[:LABELLED]].set(True)
    y = jnp.where(labelled, 0, -1)
    logits = 2.0 * jax.random.normal(keys[2], (N, K))
    return Round(x, y, Labels(order, jnp.int32(LABELLED)), labelled, (), logits, x)


def test_cluster_margin_clusters_once():
    """By the first query's features, whatever later ones are; within a scan, as an episode does."""
    strategy = clusters.cluster_margin(clusters=6, ratio=2.0)
    keys = jax.random.split(jax.random.key(0), 3)
    rounds = [make_round(seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rounds)

    @jax.jit
    def run(keys, rounds):
        def query(state, given):
            picks, state = strategy.select(given[0], state, given[1], 8)
            return state, (picks, state)

        return jax.lax.scan(query, strategy.init(keys[0], rounds.x[0]), (keys, rounds))[1]

    picks, (cluster, known) = run(keys, stacked)
    pick = jax.jit(functools.partial(cluster_margin, k=8, ratio=2.0))
    cluster_first = jax.jit(functools.partial(linkage_clusters, clusters=6))
    first = cluster_first(jax.random.split(keys[0])[0], rounds[0].features)
    assert known.all()
    for t in range(3):
        np.testing.assert_array_equal(cluster[t], first)
        logits = np.asarray(rounds[t].logits, np.float64)
        top = np.sort(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), axis=1)
        margins = jnp.asarray(top[:, -1] - top[:, -2], jnp.float32)
        expected = pick(jax.random.split(keys[t])[1], margins, first, rounds[t].labelled)
        np.testing.assert_array_equal(picks[t], expected)


def test_cluster_margin_clusters_once_where_seeds_are_vmapped(monkeypatch):
    """In the first of three queries; a seed that has its clusters keeps them."""
    drawn, times = lambda key: jax.random.randint(key, (N,), 0, 6), []

    def counted(key, features, **options):
        jax.debug.callback(lambda key: times.append(1), jax.random.key_data(key))
        return drawn(key)

    monkeypatch.setattr(clusters.select, "linkage_clusters", counted)
    strategy, round_ = clusters.cluster_margin(clusters=6), make_round(0)

    @jax.jit
    @jax.vmap
    def run(key, state):
        def query(state, key):
            state = strategy.select(key, state, round_, 8)[1]
            return state, state[0]

        return jax.lax.scan(query, state, jax.random.split(key, 3))[1]

    keys = jax.random.split(jax.random.key(0))
    own = [np.asarray(drawn(jax.random.split(jax.random.split(key, 3)[0])[0])) for key in keys]
    given = np.full((2, N), 9, np.int32)
    for known, expected, runs in (
        ([False, False], own, 2),
        ([True, False], [given[0], own[1]], 2),
        ([True, True], given, 0),
    ):
        times.clear()
        found = jax.block_until_ready(run(keys, (jnp.asarray(given), jnp.array(known))))
        jax.effects_barrier()
        assert len(times) == runs
        for query in range(3):
            np.testing.assert_array_equal(found[:, query], expected)


def test_options_reach_the_selectors(monkeypatch):
    """And purity's radius is ProbCover's, on the classes of the logits."""
    seen = []

    def record(name, result):
        def selector(*positional, **options):
            seen.append((name, positional[2:], options))
            return result

        monkeypatch.setattr(clusters.select, name, selector)

    record("prob_cover", jnp.arange(6))
    record("pure_radius", 0.4)
    round_, key = make_round(0), jax.random.key(0)
    for strategy in (
        clusters.prob_cover(delta=0.3),
        clusters.prob_cover(deltas=(0.4, 0.5), alpha=0.9, purity_sample=30),
    ):
        strategy.select(key, strategy.init(key, round_.x), round_, 6)
    mask = round_.labelled
    assert seen == [
        ("prob_cover", (mask, 6), {"delta": 0.3}),
        ("pure_radius", (K,), {"deltas": (0.4, 0.5), "alpha": 0.9, "sample": 30}),
        ("prob_cover", (mask, 6), {"delta": 0.4}),
    ]


def test_more_clusters_than_points():
    """That depends on the pool, which a strategy does not know when it is made."""
    strategy, round_, key = clusters.cluster_margin(clusters=61), make_round(0), jax.random.key(0)
    with pytest.raises(ValueError, match="between 1 and the pool's 60 points"):
        jax.eval_shape(lambda: strategy.select(key, strategy.init(key, round_.x), round_, 6))


def test_members():
    assert [member.name for member in clusters.members] == ["prob_cover", "cluster_margin"]
    strategies = [member() for member in clusters.members]
    assert all(s.uses_outputs is True and not s.needs for s in strategies)
    assert one_of(strategies, jnp.int32(0)).batch_size is None
