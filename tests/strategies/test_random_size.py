"""ABAS-RAL's random sampling: a batch's size is drawn uniformly, and its points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jal import strategies
from jal.labels import labelled_mask
from jal.types import InputError, Labels, Round

POINTS = 24


def drawn(labelled, share, draws=4000):
    """Sizes and picks of many rounds with as many labelled points."""
    strategy = strategies.registry["random_size"](share=share)
    labels = Labels(jnp.arange(POINTS, dtype=jnp.int32), jnp.int32(labelled))
    x = jnp.zeros((POINTS, 1))
    round_ = Round(x, x[:, 0], labels, labelled_mask(labels), (), x, x)

    @jax.jit
    def run(key, round_):
        picks, _ = strategy.select(key, (), round_, strategy.largest(POINTS))
        return strategy.batch_size(jax.random.fold_in(key, 1), (), round_), picks

    keys = jax.random.split(jax.random.key(0), draws)
    return [np.asarray(out) for out in jax.vmap(run, (0, None))(keys, round_)]


@pytest.mark.parametrize(
    ("labelled", "share", "most"), [(4, 1.0, 20), (4, 0.5, 10), (4, 0.35, 7), (22, 0.1, 1)]
)
def test_sizes_are_uniform_up_to_the_share_of_what_is_left(labelled, share, most):
    sizes, _ = drawn(labelled, share)
    counts = np.bincount(sizes, minlength=most + 1)
    assert len(counts) == most + 1 and counts[0] == 0
    assert most == 1 or stats.chisquare(counts[1:]).pvalue > 1e-4


def test_points_are_random_and_unlabelled():
    _, picks = drawn(4, 1.0)
    first = np.bincount(picks[:, 0], minlength=POINTS)
    assert (first[:4] == 0).all() and stats.chisquare(first[4:]).pvalue > 1e-4
    assert all(len(set(row[:20])) == 20 and min(row[:20]) >= 4 for row in picks[:50].tolist())


def test_the_largest_batch_is_of_the_whole_pool():
    assert strategies.registry["random_size"]().largest(90) == 90
    assert strategies.registry["random_size"](share=0.1).largest(90) == 9
    assert strategies.registry["random_size"](share=0.1).largest(3) == 1


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5, float("nan")])
def test_no_share(share):
    with pytest.raises(InputError, match=r"random_size takes a share in \(0, 1\]"):
        strategies.registry["random_size"](share=share)
