import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.select.lazy_greedy import lazy_greedy

N, PICKS = 40, 12


def coverage(seed: int) -> np.ndarray:
    """Which of 60 things each point covers, with weights; f(A) = weight of what A covers."""
    rng = np.random.default_rng(seed)
    return np.float32((rng.random((N, 60)) < 0.15) * rng.random(60))


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
def test_equals_the_eager_greedy(block):
    covers, free = np.stack([coverage(seed) for seed in range(5)]), np.arange(N) % 5 != 0
    found = jax.jit(jax.vmap(lambda covers: lazy(covers, free, PICKS, block)))(covers)
    assert found.tolist() == [eager(each, free, PICKS) for each in covers]


def test_renews_few_gains():
    covers = jnp.asarray(coverage(0))
    calls = []

    def note(index):
        return jax.debug.callback(lambda i: calls.append(len(i)), index)

    alone = lazy(covers, jnp.ones(N, bool), PICKS, 4, note)
    jax.effects_barrier()
    assert PICKS * 4 <= sum(calls) < PICKS * N / 2
    assert alone.tolist() == eager(np.asarray(covers), np.ones(N, bool), PICKS)


def test_takes_what_is_free_where_nothing_is_gained():
    free = jnp.array([False, True, False, True, True])
    found = lazy(jnp.zeros((5, 3)), free, 3, 2)
    assert sorted(found.tolist()) == [1, 3, 4]


def test_nan_comes_last():
    """top_k sorts a NaN by its sign: looked for among the highest, it might never be found."""
    values = jnp.array([3.0, jnp.nan, 5.0, -jnp.nan, 4.0, 1.0, 2.0, 0.0])
    calls = []

    def count():
        calls.append(1)
        assert len(calls) < 100

    def gain(state, index):
        jax.debug.callback(count)
        return values[index]

    picks = lazy_greedy(gain, lambda state, index: state, (), values, jnp.ones(8, bool), 8, 2)
    assert picks.tolist() == [2, 4, 0, 6, 5, 7, 1, 3]
