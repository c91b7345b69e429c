import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference import oracles

from jal.networks import cnn, mlp
from jal.scores import (
    el2n,
    grand,
    grand_in_chunks,
    grand_last_layer,
    super_el2n,
    super_loss,
    super_loss_weight,
)

N, K, D = 6, 4, 3
SCORES = {"el2n": el2n, "super_el2n": super_el2n, "grand_last_layer": grand_last_layer}
fast = settings(max_examples=25, deadline=None, derandomize=True)
logits_of_a_pool = arrays(
    np.float32, (N, K), elements=st.integers(-80, 80).map(lambda quarters: quarters / 4)
)
classes_of_a_pool = arrays(np.int32, N, elements=st.integers(0, K - 1))
pooled = jax.jit(jax.vmap(el2n))


def score(name, logits, y, features=(0.0,)):
    logits = jnp.asarray(logits, jnp.float32)
    if name == "grand_last_layer":
        return float(grand_last_layer(logits, jnp.asarray(features, jnp.float32), y))
    return float(SCORES[name](logits, y))


@pytest.mark.parametrize(
    ("logits", "y", "expected"),
    [
        ([300.0, 0.0, 0.0], 0, 0.0),
        ([0.0, 300.0, 0.0], 0, np.sqrt(2)),
        ([0.0, 0.0], 1, np.sqrt(1 / 2)),
        ([3.0, 3.0, 3.0, 3.0], 2, np.sqrt(3 / 4)),
        (np.log([0.5, 0.3, 0.2]), 0, np.sqrt(0.25 + 0.09 + 0.04)),
        (np.log([0.5, 0.3, 0.2]), 2, np.sqrt(0.25 + 0.09 + 0.64)),
        (np.log([0.9, 0.1]), 1, 0.9 * np.sqrt(2)),
        (np.zeros(1000), 7, np.sqrt(1 - 1e-3)),
    ],
)
def test_el2n_by_hand(logits, y, expected):
    np.testing.assert_allclose(score("el2n", logits, y), expected, rtol=1e-6)


@fast
@given(logits=logits_of_a_pool, y=classes_of_a_pool)
def test_el2n_agrees_with_float64(logits, y):
    expected = np.linalg.norm(oracles.softmax(logits) - np.eye(K)[y], axis=1)
    found = pooled(logits, y)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-15)
    assert (np.asarray(found) <= np.sqrt(2) * (1 + 1e-6)).all()


def test_sure_examples_are_still_told_apart():
    """1 - p would be 0 for all of them in float32."""
    gaps = jnp.array([20.0, 30.0, 60.0, 80.0])
    found = jax.vmap(lambda gap: el2n(jnp.array([gap, 0.0]), 0))(gaps)
    np.testing.assert_allclose(found, np.sqrt(2) * np.exp(-np.asarray(gaps, float)), rtol=1e-5)


@fast
@given(logits=logits_of_a_pool, y=classes_of_a_pool)
def test_el2n_is_the_gradients_norm_at_the_logits(logits, y):
    def loss(logits, y):
        return -jax.nn.log_softmax(logits)[y]

    gradient = jax.vmap(jax.grad(loss))(logits, y)
    expected = np.linalg.norm(gradient, axis=1)
    np.testing.assert_allclose(pooled(logits, y), expected, rtol=1e-4, atol=2e-7)


@pytest.mark.parametrize(("tau", "lambda_"), [(None, 1.0), (None, 0.25), (0.7, 2.0)])
def test_super_el2n_is_the_gradients_norm_at_the_logits(tau, lambda_):
    """Of the super loss, by autodiff; and sigma times EL2N."""
    rng = np.random.default_rng(0)
    logits = (4 * rng.normal(size=(40, K))).astype(np.float32)
    y = rng.integers(K, size=40)
    level = math.log(K) if tau is None else tau

    def loss(logits, y):
        return super_loss(-jax.nn.log_softmax(logits)[y], level, lambda_)

    expected = np.linalg.norm(jax.vmap(jax.grad(loss))(logits, y), axis=1)
    found = jax.vmap(lambda z, y: super_el2n(z, y, tau=tau, lambda_=lambda_))(logits, y)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    losses = -jax.nn.log_softmax(logits)[np.arange(40), y]
    sigma = jax.vmap(lambda one: super_loss_weight(one, level, lambda_))(losses)
    np.testing.assert_allclose(found, sigma * pooled(logits, y), rtol=1e-5)
    assert len(np.unique(np.asarray(sigma))) > 5  # not all clamped


def test_super_el2n_prefers_neither_the_easy_nor_the_hopeless():
    """e times EL2N where clamped; less than EL2N for a loss above log K; 0 in the limit."""
    easy, hard = np.log([0.7, 0.1, 0.1, 0.1]), np.log([1e-4, 0.9997, 1e-4, 1e-4])
    np.testing.assert_allclose(
        score("super_el2n", easy, 0), np.e * score("el2n", easy, 0), rtol=1e-6
    )
    assert 0 < score("super_el2n", hard, 0) < 0.31 * score("el2n", hard, 0)
    assert score("super_el2n", [-np.inf, 0.0, 0.0], 0) == 0.0


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize(
    ("logits", "y", "error", "loss"),
    [
        ([0.0, -np.inf, 0.0, -np.inf], 0, np.sqrt(0.5), np.log(2)),
        ([-np.inf, 5.0, -np.inf, -np.inf], 1, 0.0, 0.0),
        ([-np.inf, 5.0, -np.inf, -np.inf], 0, np.sqrt(2), np.inf),
        ([0.0, np.inf, 7.0, -np.inf], 1, 0.0, 0.0),
        ([0.0, np.inf, 3e38, np.inf], 1, np.sqrt(0.5), np.log(2)),
        ([-np.inf] * 4, 3, np.sqrt(0.75), np.log(4)),
        ([3e38, -3e38, 0.0, 0.0], 0, 0.0, 0.0),
        ([0.0, np.nan, 0.0, 0.0], 0, np.nan, 0.0),
        ([0.0, 0.0, 0.0, 0.0], -1, np.nan, 0.0),
        ([0.0, 0.0, 0.0, 0.0], 4, np.nan, 0.0),
    ],
)
def test_odd_logits_and_classes(name, logits, y, error, loss):
    sigma = float(super_loss_weight(loss, np.log(4), 1.0)) if name == "super_el2n" else 1.0
    np.testing.assert_allclose(score(name, logits, y), sigma * error, rtol=1e-6)


def test_last_layer_by_hand():
    """Half and half: |p - y| is sqrt(1/2); |h|^2 + 1 is 26."""
    np.testing.assert_allclose(
        score("grand_last_layer", [0.0, 0.0], 1, [3.0, 4.0]), np.sqrt(13), rtol=1e-6
    )


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
def test_last_layer_against_autodiff_of_a_dense_layer(scale):
    rng = np.random.default_rng(0)
    params = {
        "kernel": rng.normal(size=(D, K)).astype(np.float32),
        "bias": rng.normal(size=K).astype(np.float32),
    }
    features = (scale * rng.normal(size=(N, D))).astype(np.float32)
    y = rng.integers(K, size=N)

    def logits_of(params, h):
        return h @ params["kernel"] + params["bias"]

    def loss(params, h, y):
        return -jax.nn.log_softmax(logits_of(params, h))[y]

    expected = []
    for h, c in zip(features, y, strict=True):
        gradient = jax.grad(loss)(params, h, c)
        expected.append(np.sqrt(sum(np.sum(np.square(leaf)) for leaf in gradient.values())))
    logits = logits_of(params, features)
    found = jax.jit(jax.vmap(grand_last_layer))(logits, features, y)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5 * scale)
    full = grand_in_chunks(loss, params, features, y, chunk=4)
    np.testing.assert_allclose(full, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("features", "sure", "unsure"),
    [
        ([0.0, 0.0], 0.0, np.sqrt(0.5)),
        ([3e25, 4e25], 0.0, 5e25 * np.sqrt(0.5)),  # squares overflow
        ([np.inf, 1.0], 0.0, np.inf),
        ([-np.inf, np.inf], 0.0, np.inf),
        ([np.nan, 1.0], np.nan, np.nan),
        ([1.0, np.nan], np.nan, np.nan),
    ],
)
def test_last_layer_of_odd_features(features, sure, unsure):
    np.testing.assert_allclose(
        score("grand_last_layer", [300.0, 0.0], 0, features), sure, rtol=1e-5
    )
    np.testing.assert_allclose(
        score("grand_last_layer", [0.0, 0.0], 0, features), unsure, rtol=1e-5
    )


def test_several_networks_are_averaged():
    """The norms are, not the probabilities: sure of 0 and sure of 1 is half of sqrt 2."""
    assert score("el2n", [[300.0, 0.0], [0.0, 300.0]], 0) == np.float32(np.sqrt(2) / 2)
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(5, K)).astype(np.float32)
    features = rng.normal(size=(5, D)).astype(np.float32)
    for name in ("el2n", "super_el2n"):
        each = [score(name, one, 2) for one in logits]
        np.testing.assert_allclose(score(name, logits, 2), np.mean(each), rtol=1e-6)
    each = [score("grand_last_layer", z, 2, h) for z, h in zip(logits, features, strict=True)]
    found = score("grand_last_layer", logits, 2, features)
    np.testing.assert_allclose(found, np.mean(each), rtol=1e-6)
    assert np.std(each) > 0.1


def cross_entropy(network, variables):
    def loss(params, x, y):
        outputs, _ = network.apply(variables._replace(params=params), x[None], False)
        return -jax.nn.log_softmax(outputs.logits[0])[y]

    return loss


NETWORKS = {
    "mlp": (mlp((5,), K, hidden=(7, 6)), (5,)),
    "cnn": (cnn((6, 6, 1), K, channels=(2, 3), hidden=(5, 4), dropout=0.0), (6, 6, 1)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_grand_against_a_loop_of_gradients(name):
    network, shape = NETWORKS[name]
    variables = network.init(jax.random.key(0))
    loss = cross_entropy(network, variables)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(7, *shape)).astype(np.float32)
    y = rng.integers(K, size=7)
    gradient = jax.jit(jax.grad(loss))
    expected = []
    for one, c in zip(x, y, strict=True):
        leaves = [
            np.asarray(leaf, np.float64)
            for leaf in jax.tree.leaves(gradient(variables.params, one, c))
        ]
        expected.append(np.sqrt(sum((leaf**2).sum() for leaf in leaves)))
    assert np.std(expected) > 0.01
    one = jax.jit(lambda x, y: grand(loss, variables.params, x, y))(x[1], y[1])
    np.testing.assert_allclose(one, expected[1], rtol=1e-5)
    for chunk in (3, 100):  # 7 is no multiple of 3
        chunked = jax.jit(
            lambda x, y, c=chunk: grand_in_chunks(loss, variables.params, x, y, chunk=c)
        )
        np.testing.assert_allclose(chunked(x, y), expected, rtol=1e-5)
    outputs, _ = jax.jit(lambda x: network.apply(variables, x, False))(x)
    of_last = jax.jit(jax.vmap(grand_last_layer))(outputs.logits, outputs.features, y)
    assert (np.asarray(of_last) < expected).all()  # one layer's share of it


def largest_array(closed):
    """The most numbers that one array of a program has, in its loops too."""
    most = 0
    for equation in closed.eqns:
        most = max([most, *(math.prod(v.aval.shape) for v in equation.outvars)])
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda v: hasattr(v, "eqns")
        ):
            if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                most = max(most, largest_array(getattr(inner, "jaxpr", inner)))
    return most


def test_only_a_chunk_of_gradients_is_held_at_once():
    network = mlp((20,), K, hidden=(50,))
    variables = network.init(jax.random.key(0))
    x, y = jnp.zeros((64, 20)), jnp.zeros(64, jnp.int32)

    def program(chunk):
        return jax.make_jaxpr(
            lambda x: grand_in_chunks(
                cross_entropy(network, variables), variables.params, x, y, chunk=chunk
            )
        )(x)

    assert largest_array(program(4).jaxpr) == 4 * 20 * 50  # of the largest layer
    assert largest_array(program(64).jaxpr) == 64 * 20 * 50


def test_grand_of_bytes_and_of_bfloat16():
    """Integers stay what the loss sees; the norm is float32 whatever the parameters are."""
    seen = []

    def loss(params, x, y):
        seen.append(x.dtype)
        return -jax.nn.log_softmax(x.astype(params.dtype) @ params)[y]

    params = jnp.array([[1.0, 2.0], [0.5, -1.0]])
    x, y = jnp.array([[3, 1], [0, 2]], jnp.uint8), jnp.array([0, 1])
    exact = grand_in_chunks(loss, params, x, y)
    rounded = grand_in_chunks(loss, params.astype(jnp.bfloat16), x, y)
    assert exact.dtype == rounded.dtype == jnp.float32
    np.testing.assert_allclose(rounded, exact, rtol=0.03)
    assert set(seen) == {jnp.dtype(jnp.uint8)}
    grand(loss, params, x[0].astype(jnp.float16), 1)
    assert seen[-1] == jnp.float32


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
@pytest.mark.parametrize("name", SCORES)
def test_half_precision_is_computed_in_float32(name, dtype):
    """Of the same numbers."""
    logits, features = jnp.array([0.3, -1.7, 2.2], dtype), jnp.array([1.1, -0.2], dtype)
    given = (logits, features) if name == "grand_last_layer" else (logits,)
    found = SCORES[name](*given, 1)
    assert found.dtype == jnp.float32
    assert found == SCORES[name](*(one.astype(jnp.float32) for one in given), 1)


@pytest.mark.parametrize("name", ["el2n", "super_el2n"])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (0, 3), (5, 1), (2, 5, 3)])
def test_takes_one_examples_logits(name, shape):
    with pytest.raises(ValueError, match=rf"^{name} takes one example's logits") as error:
        SCORES[name](jnp.zeros(shape), 0)
    assert f"got shape {shape}" in str(error.value) and f"jax.vmap({name})" in str(error.value)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("y", [np.zeros(3, np.int32), 0.0, True])
def test_takes_one_class(name, y):
    given = (np.zeros(3, np.float32),) + ((np.zeros(2),) if "last" in name else ())
    with pytest.raises(ValueError, match=rf"^{name} takes one example's class y \[\], an integer"):
        SCORES[name](*given, y)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((np.zeros(3), np.zeros((2, 3))), r"features \[D\] and D >= 1 .* \(2, 3\)"),
        ((np.zeros(3), np.zeros(0)), r"features \[D\] and D >= 1 .* \(0,\)"),
        ((np.zeros((2, 3)), np.zeros(4)), r"features \[T, D\] with T = 2 .* \(4,\)"),
        ((np.zeros((2, 3)), np.zeros((3, 4))), r"features \[T, D\] with T = 2 .* \(3, 4\)"),
    ],
)
def test_features_that_do_not_fit(given, message):
    with pytest.raises(ValueError, match=f"^grand_last_layer takes one example's {message}"):
        grand_last_layer(*given, 0)


def square(params, x, y):
    return jnp.sum(params * x) + 0.0 * y


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"params": jnp.arange(3)}, "takes params of floats, got int32"),
        ({"params": ()}, "takes params of floats, got none"),
        ({"loss_of": lambda params, x, y: params * x}, r"loss_of with one float \[\] of one"),
        ({"loss_of": lambda params, x, y: y}, r"loss_of with one float \[\] of one example"),
        ({"y": np.zeros(4)}, r"x \[N, ...\] and y \[N\] of integers with N >= 1.*float"),
        ({"y": np.zeros(5, int)}, r"got shapes \(4, 3\) and \(5,\)"),
        ({"x": np.zeros((0, 3)), "y": np.zeros(0, int)}, r"N >= 1, got shapes \(0, 3\)"),
        ({"chunk": 0}, "takes chunk as an integer of at least 1, got 0"),
        ({"chunk": 2.0}, "takes chunk as an integer of at least 1, got 2.0"),
        ({"chunk": True}, "takes chunk as an integer of at least 1, got True"),
    ],
)
def test_errors_of_grand(given, message):
    plain = {
        "loss_of": square,
        "params": jnp.ones(3),
        "x": np.ones((4, 3), np.float32),
        "y": np.zeros(4, np.int32),
    }
    np.testing.assert_allclose(grand_in_chunks(**plain), np.sqrt(3), rtol=1e-6)
    with pytest.raises(ValueError, match=f"^grand_in_chunks .*{message}"):
        grand_in_chunks(**(plain | given))
