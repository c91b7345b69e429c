import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference import oracles

from jal import scores

N, K = 6, 4
UNCERTAINTIES = ["margin", "least_confidence", "entropy"]
EVERY = [*UNCERTAINTIES, "average_confidence", "top_two_gap"]

fast = settings(max_examples=25, deadline=None, derandomize=True)
# Quarters are exact in float32, so that shifts by whole numbers lose no digit.
logits_of_a_pool = arrays(
    np.float32, (N, K), elements=st.integers(-80, 80).map(lambda quarters: quarters / 4)
)
gradient_of_entropy = jax.jit(jax.vmap(jax.grad(scores.entropy)))
pooled = {name: jax.jit(jax.vmap(getattr(scores, name))) for name in EVERY}


def of_one(name: str, values: list[float]) -> float:
    return float(getattr(scores, name)(jnp.array(values, jnp.float32)))


@pytest.mark.parametrize(
    ("name", "logits", "expected"),
    [
        ("margin", [1.0, 1.0, -3.0], 0.0),
        ("margin", [0.0, 0.0, 0.0], 0.0),
        ("margin", np.log([0.5, 0.3, 0.2]), 0.2),
        ("margin", [200.0, 0.0, 0.0], 1.0),
        ("least_confidence", [0.0, 0.0, 0.0, 0.0], 0.75),
        ("least_confidence", np.log([0.5, 0.3, 0.2]), 0.5),
        ("least_confidence", [200.0, 0.0], 0.0),
        ("entropy", [7.0, 7.0, 7.0, 7.0], np.log(4)),
        ("entropy", np.log([0.5, 0.25, 0.25]), 1.5 * np.log(2)),
        ("entropy", [200.0, 0.0, 0.0], 0.0),
        ("average_confidence", [0.9, 0.3, 0.3], 0.5),
        ("average_confidence", [1.0, 1.0], 1.0),
        ("top_two_gap", [3.0, -1.0, 2.5], 0.5),
        ("top_two_gap", [-5.0, -2.0], 3.0),
        ("top_two_gap", [4.0, 4.0, 1.0], 0.0),
    ],
)
def test_closed_forms(name, logits, expected):
    np.testing.assert_allclose(of_one(name, logits), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", [*UNCERTAINTIES, "top_two_gap"])
@fast
@given(logits=logits_of_a_pool)
def test_agrees_with_float64(name, logits):
    expected = getattr(oracles, name)(logits)
    np.testing.assert_allclose(pooled[name](logits), expected, rtol=1e-5, atol=1e-6)


@fast
@given(logits=logits_of_a_pool)
def test_bounds(logits):
    rounding = 1e-6
    for name, upper in [("margin", 1), ("least_confidence", 1 - 1 / K), ("entropy", np.log(K))]:
        score = np.asarray(pooled[name](logits))
        assert ((score >= -rounding) & (score <= upper + rounding)).all(), (name, score)


@pytest.mark.parametrize("name", UNCERTAINTIES)
@fast
@given(logits=logits_of_a_pool, shift=st.integers(-1000, 1000))
def test_a_shift_of_all_logits_changes_nothing(name, logits, shift):
    shifted = pooled[name](logits + np.float32(shift))
    np.testing.assert_allclose(shifted, pooled[name](logits), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", EVERY)
@fast
@given(logits=logits_of_a_pool, order=st.permutations(range(K)))
def test_the_order_of_classes_changes_nothing(name, logits, order):
    permuted = pooled[name](logits[:, order])
    np.testing.assert_allclose(permuted, pooled[name](logits), rtol=1e-5, atol=1e-6)


def test_two_classes_rank_alike():
    rng = np.random.default_rng(0)
    gaps = rng.permutation(np.arange(17)) / 2  # distinct, so that the ranking has no ties
    logits = np.stack([gaps * rng.choice([-1, 1], 17), np.zeros(17)], axis=1).astype(np.float32)
    most_uncertain_first = np.argsort(gaps)
    order = {name: np.argsort(jax.vmap(getattr(scores, name))(logits)) for name in UNCERTAINTIES}
    np.testing.assert_array_equal(order["margin"], most_uncertain_first)
    np.testing.assert_array_equal(order["least_confidence"][::-1], most_uncertain_first)
    np.testing.assert_array_equal(order["entropy"][::-1], most_uncertain_first)


@pytest.mark.parametrize(
    ("logits", "margin", "least", "entropy"),
    [
        ([0.0, -np.inf, 0.0, -np.inf], 0.0, 0.5, np.log(2)),
        ([-np.inf, 5.0, -np.inf, -np.inf], 1.0, 0.0, 0.0),
        ([1e30, -1e30, 0.0, 1e30], 0.0, 0.5, np.log(2)),
        ([3e38, -3e38, 0.0, 0.0], 1.0, 0.0, 0.0),
        ([-1e30, -1e30, -1e30, -1e30], 0.0, 0.75, np.log(4)),
        ([0.0, np.inf, 7.0, -np.inf], 1.0, 0.0, 0.0),
        ([0.0, np.inf, 3e38, np.inf], 0.0, 0.5, np.log(2)),
        ([-np.inf, -np.inf, -np.inf, -np.inf], 0.0, 0.75, np.log(4)),
        ([0.0, np.inf, np.nan, 1.0], np.nan, np.nan, np.nan),
        ([0.0, 1.0, np.nan, -np.inf], np.nan, np.nan, np.nan),
    ],
)
def test_extreme_logits(logits, margin, least, entropy):
    found = [of_one(name, logits) for name in UNCERTAINTIES]
    np.testing.assert_allclose(found, [margin, least, entropy], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("values", "gap"),
    [
        ([np.inf, 2.0, -np.inf, 1.0], np.inf),
        ([np.inf, 2.0, np.inf, 1.0], 0.0),
        ([-np.inf] * 4, 0.0),
        ([-np.inf, 1.5, 1.0, -np.inf], 0.5),
        ([np.nan, 1.5, np.inf, 0.0], np.nan),
    ],
)
def test_gaps_of_infinite_values(values, gap):
    np.testing.assert_array_equal(of_one("top_two_gap", values), gap)


@fast
@given(logits=logits_of_a_pool)
def test_average_confidence_of_a_softmax_says_nothing(logits):
    found = pooled["average_confidence"](jax.nn.softmax(logits))
    np.testing.assert_allclose(found, np.full(N, 1 / K), rtol=1e-6)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (5, 3)])
def test_takes_one_example_only(name, shape):
    with pytest.raises(ValueError) as error:
        getattr(scores, name)(jnp.zeros(shape))
    assert str(error.value).startswith(f"{name} takes")
    assert f"got shape {shape}" in str(error.value)
    assert f"jax.vmap({name})" in str(error.value)


@pytest.mark.parametrize("name", EVERY)
def test_jit_vmap_and_single_agree(name):
    score = getattr(scores, name)
    values = np.random.default_rng(0).random((N, K), dtype=np.float32)
    single = [float(score(row)) for row in values]  # NumPy rows are taken as they are
    np.testing.assert_allclose(jax.vmap(score)(values), single, rtol=1e-6)
    np.testing.assert_allclose(pooled[name](values), single, rtol=1e-6)
    assert pooled[name](values).shape == (N,)


@fast
@given(logits=logits_of_a_pool)
def test_gradient_of_entropy(logits):
    # dH/dz = -p (log p + H)
    p = oracles.softmax(logits)
    expected = -p * (np.log(p) + oracles.entropy(logits)[:, None])
    gradient = gradient_of_entropy(logits)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def test_gradient_of_margin():
    # dm/dz = p_1 (e_1 - p) - p_2 (e_2 - p)
    p = np.array([0.2, 0.5, 0.3])
    expected = 0.5 * (np.eye(3)[1] - p) - 0.3 * (np.eye(3)[2] - p)
    gradient = jax.jit(jax.grad(scores.margin))(jnp.log(jnp.array(p, jnp.float32)))
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", UNCERTAINTIES)
@pytest.mark.parametrize(
    "logits",
    [[0.0, 0.0, 0.0], [1e4, 0.0, -1e4], [0.0, -np.inf, 1.0], [-np.inf, 5.0, -np.inf]],
    ids=["tie", "huge", "probability-0", "certain"],
)
def test_gradients_are_finite(name, logits):
    gradient = jax.jit(jax.grad(getattr(scores, name)))(jnp.array(logits, jnp.float32))
    assert np.isfinite(gradient).all(), gradient
