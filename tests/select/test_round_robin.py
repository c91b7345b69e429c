import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference import oracles

from jal.select.round_robin import round_robin

N = 12
fast = settings(max_examples=40, deadline=None, derandomize=True)
scores_of = arrays(
    np.float32, N, elements=st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 0.5, 2.0, np.inf, np.nan])
)
groups_of = arrays(np.int32, N, elements=st.sampled_from([-3, 0, 1, 7]))
masks = arrays(np.bool_, N)
jitted = jax.jit(round_robin, static_argnums=3)


def algorithm_1(ranked: np.ndarray, groups: np.ndarray, budget: int) -> list[int]:
    """ALAMP's, as printed: turns over the ranked list, each class once a turn."""
    chosen: list[int] = []
    while len(chosen) < min(budget, len(ranked)):
        seen = set()
        for i in ranked:
            if groups[i] not in seen and i not in chosen:
                chosen.append(int(i))
                seen.add(groups[i])
    return chosen[:budget]


@fast
@given(scores=scores_of, groups=groups_of, labelled=masks)
def test_agrees_with_algorithm_1(scores, groups, labelled):
    ranked = oracles.top_k(scores, labelled)
    expected = algorithm_1(ranked, groups, N)
    np.testing.assert_array_equal(jitted(scores, groups, labelled, N)[: len(expected)], expected)


@fast
@given(groups=groups_of, labelled=masks, seed=st.integers(0, 99))
def test_counts_differ_by_at_most_one_until_a_group_runs_out(groups, labelled, seed):
    scores = np.random.default_rng(seed).normal(size=N).astype(np.float32)
    free = int((~labelled).sum())
    picks = np.asarray(jitted(scores, groups, labelled, N))[:free]
    assert sorted(picks) == list(np.flatnonzero(~labelled))
    kinds, size = np.unique(groups[~labelled], return_counts=True)
    for k in range(free + 1):
        counts = np.array([(groups[picks[:k]] == kind).sum() for kind in kinds])
        full = counts == size
        assert (counts[~full] >= counts.max(initial=0) - 1).all()


def test_few_of_many():
    scores = jnp.array([9.0, 8.0, 7.0, 6.0, 5.0])
    groups = jnp.array([1, 1, 1, 0, 2])
    picks = jitted(scores, groups, jnp.zeros(5, bool), 4)
    np.testing.assert_array_equal(picks, [0, 3, 4, 1])
    assert picks.dtype == jnp.int32


def test_errors():
    none = jnp.zeros(4, bool)
    with pytest.raises(ValueError, match="round_robin cannot pick k = 3 of 2"):
        round_robin(jnp.zeros(4), jnp.zeros(4, int), none.at[:2].set(True), 3)
    with pytest.raises(ValueError, match="round_robin takes groups"):
        round_robin(jnp.zeros(4), jnp.zeros(3, int), none, 1)
