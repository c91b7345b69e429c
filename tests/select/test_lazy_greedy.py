import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.select.lazy_greedy import lazy_greedy

N, PICKS = 40, 12


def coverage(seed: int) -> np.ndarray:
    """Which of 60 things each point covers, with weights; f(A) = weight of what A covers."""
    rng = np.random.default_rng(seed)
    return (rng.random((N, 60)) < 0.15) * rng.random(60)


def eager(covers: np.ndarray, free: np.ndarray, k: int) -> list[int]:
    covered, picks = np.zeros(covers.shape[1]), []
    for _ in range(k):
        gain = np.maximum(covers - covered, 0).sum(axis=1)
        gain[~free] = -np.inf
        gain[picks] = -np.inf
        picks.append(int(gain.argmax()))
        covered = np.maximum(covered, covers[picks[-1]])
    return picks


def lazy(covers, free, k, block, asked=lambda index: None):
    def gain(covered, index):
        asked(index)
        return jnp.maximum(covers[index] - covered, 0).sum(axis=1)

    return lazy_greedy(
        gain,
        lambda covered, index: jnp.maximum(covered, covers[index]),
        jnp.zeros(covers.shape[1]),
        covers.sum(axis=1),
        free,
        k,
        block,
    )


@pytest.mark.parametrize("block", [1, 3, 100])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_eager_greedy(seed, block):
    covers, free = coverage(seed), np.arange(N) % 5 != 0
    found = jax.jit(lazy, static_argnums=(2, 3))(
        jnp.asarray(covers, jnp.float32), free, PICKS, block
    )
    assert found.tolist() == eager(covers, free, PICKS)


def test_vmap_equals_single():
    stacked = jnp.stack([jnp.asarray(coverage(seed), jnp.float32) for seed in range(4)])
    free = jnp.ones(N, bool)
    together = jax.vmap(lambda covers: lazy(covers, free, PICKS, 3))(stacked)
    for i, covers in enumerate(stacked):
        np.testing.assert_array_equal(together[i], lazy(covers, free, PICKS, 3))


def test_renews_few_gains():
    covers = jnp.asarray(coverage(0), jnp.float32)
    calls = []

    def note(index):
        return jax.debug.callback(lambda i: calls.append(len(i)), index)

    lazy(covers, jnp.ones(N, bool), PICKS, 4, note).block_until_ready()
    jax.effects_barrier()
    assert PICKS * 4 <= sum(calls) < PICKS * N / 2


def test_takes_what_is_free_where_nothing_is_gained():
    free = jnp.array([False, True, False, True, True])
    found = lazy(jnp.zeros((5, 3)), free, 3, 2)
    assert sorted(found.tolist()) == [1, 3, 4]
