import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracles

from jal.strategies.streams import stream_adaptive, stream_fixed
from jal.types import InputError, Labels, Round

N, K, PICKS = 30, 3, 4
key = jax.random.key(0)
UNCERTAINTY = {
    "least_confidence": oracles.least_confidence,
    "margin": lambda logits: 1 - oracles.margin(logits),
    "entropy": oracles.entropy,
}


def make_round(seed: int, labelled: np.ndarray) -> Round:
    logits = jnp.asarray(2 * np.random.default_rng(seed).normal(size=(N, K)), jnp.float32)
    labels = Labels(jnp.asarray(np.argsort(~labelled), jnp.int32), jnp.int32(labelled.sum()))
    return Round(logits, -jnp.ones(N, int), labels, jnp.asarray(labelled), (), logits, logits)


@pytest.mark.parametrize("score", UNCERTAINTY)
@pytest.mark.parametrize("make", [stream_fixed, stream_adaptive])
def test_stream_and_threshold_go_on_from_round_to_round(make, score):
    strategy = make(threshold=0.3, score=score, **({"s": 0.1} if make is stream_adaptive else {}))
    select = jax.jit(strategy.select, static_argnums=3)
    state = strategy.init(key, jnp.zeros((N, 2)))
    order = np.asarray(state.order)
    np.testing.assert_array_equal(np.sort(order), np.arange(N))
    assert not (
        order == np.asarray(strategy.init(jax.random.key(1), jnp.zeros((N, 2))).order)
    ).all()
    labelled, at, threshold = np.arange(N) < 5, 0, 0.3
    for t in range(3):
        round_ = make_round(t, labelled)
        uncertainty = UNCERTAINTY[score](np.asarray(round_.logits))
        picks, state = select(key, state, round_, PICKS)
        expected = []
        while len(expected) < PICKS:
            i = order[at]
            at = (at + 1) % N
            if labelled[i]:
                continue
            buys = uncertainty[i] >= threshold
            expected += [i] if buys else []
            if make is stream_adaptive:
                threshold *= 1.1 if buys else 0.9
        np.testing.assert_array_equal(picks, expected)
        assert int(state.position) == at
        np.testing.assert_allclose(state.threshold, threshold, rtol=1e-4)
        labelled[picks] = True


@pytest.mark.parametrize("make", [stream_fixed, stream_adaptive])
def test_inputs(make):
    with pytest.raises(InputError, match="threshold as a finite number above 0, got 0"):
        make(threshold=0.0)
    with pytest.raises(InputError, match="one of least_confidence, margin, entropy, got 'gini'"):
        make(score="gini")


@pytest.mark.parametrize("s", [0.0, 1e-6, 1.0])
def test_steps(s):
    with pytest.raises(InputError, match=f"below 1, got {s}"):
        stream_adaptive(s=s)
