import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracles

from jal.select.saal import perturbed_losses, saal

N, K, D, PICKS = 30, 3, 4, 6
jitted = jax.jit(saal, static_argnums=(1, 5), static_argnames=("sample", "maximum", "chunk"))


def a_pool(seed: int, labelled: int = 8):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, D)).astype(np.float32)
    params = {
        "weights": rng.normal(size=(D, K)).astype(np.float32),
        "bias": rng.normal(size=K).astype(np.float32),
        "steps": np.int32(3),
    }
    return params, x, rng.permutation(np.arange(N) < labelled)


def linear(params, x):
    return x @ params["weights"] + params["bias"]


def plain_losses(params, x) -> np.ndarray:
    return -np.log(oracles.softmax(linear(params, x)).max(axis=1))


def moved_losses(params, x, rho) -> np.ndarray:
    """Each example by hand: gradient (p - onehot) in the logits, the step, the loss again."""
    losses = []
    for one in np.float64(x):
        w, b = np.float64(params["weights"]), np.float64(params["bias"])
        p = oracles.softmax(one @ w + b)
        c = p.argmax()
        r = p - np.eye(K)[c]
        dw, db = np.outer(one, r), r
        length = np.sqrt(np.square(w * dw).sum() + np.square(b * db).sum())
        w, b = w + rho * w**2 * dw / length, b + rho * b**2 * db / length
        losses.append(-np.log(oracles.softmax(one @ w + b)[c]))
    return np.array(losses)


def test_perturbed_losses_by_hand():
    params, x, _ = a_pool(0)

    @jax.jit
    def found(params, rho):
        return perturbed_losses(linear, params, x, rho=rho, chunk=7)

    np.testing.assert_allclose(found(params, 0.0), plain_losses(params, x), rtol=1e-5, atol=1e-6)
    for rho in [0.05, 1.0]:
        expected = moved_losses(params, x, rho)
        np.testing.assert_allclose(found(params, rho), expected, rtol=1e-4, atol=1e-6)
    assert (np.asarray(found(params, 0.05)) > plain_losses(params, x)).all()
    still = jax.tree.map(lambda w: w * 0, params)  # w = 0 does not move
    np.testing.assert_allclose(found(still, 0.05), np.log(K), rtol=1e-6)


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2], [2, 0, 1]])
def test_tied_classes_are_all_predicted(order):
    """Two tie, by other weights: the step is up the mean of their losses, however numbered."""
    params = {"weights": np.array([[2.0, 1.0, 0.0]]), "bias": np.array([0.0, 1.0, 0.0])}
    params = jax.tree.map(lambda w: jnp.float32(w[..., order]), params)
    (found,) = perturbed_losses(linear, params, jnp.ones((1, 1)), rho=0.5)
    w, b = np.array([2.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0])
    r = oracles.softmax(w + b) - np.array([0.5, 0.5, 0.0])
    length = np.sqrt(np.square(w * r).sum() + np.square(b * r).sum())
    moved = w + 0.5 * w**2 * r / length + b + 0.5 * b**2 * r / length
    np.testing.assert_allclose(found, -np.log(oracles.softmax(moved)[:2]).mean(), rtol=1e-5)


def test_k_means_plus_plus_on_the_losses():
    """The second pick's law: by the squared difference of its loss to the first one's."""
    params, x, labelled = a_pool(2, labelled=24)
    losses = moved_losses(params, x, 0.05)
    keys = jax.random.split(jax.random.key(0), 1000)
    run = jax.jit(jax.vmap(lambda key: saal(key, linear, params, jnp.asarray(x), labelled, 2)))
    picks = np.asarray(run(keys))
    first = np.argmax(np.where(labelled, -1, losses))
    assert (picks[:, 0] == first).all()
    share = np.where(labelled, 0, (losses - losses[first]) ** 2)
    observed = np.bincount(picks[:, 1], minlength=N) / len(keys)
    np.testing.assert_allclose(observed, share / share.sum(), atol=0.06)


def test_only_a_subset_is_looked_at():
    params, x, labelled = a_pool(3)
    losses = moved_losses(params, x, 0.05)
    firsts = set()
    for seed in range(8):
        key = jax.random.key(seed)
        draw = jax.random.uniform(jax.random.split(key)[0], (N,))
        subset = oracles.top_k(draw, labelled)[:7]
        picks = jitted(key, linear, params, x, labelled, PICKS, sample=7, maximum=True)
        np.testing.assert_array_equal(picks, subset[np.argsort(-losses[subset])][:PICKS])
        firsts.add(int(picks[0]))
    assert len(firsts) > 1


@pytest.mark.parametrize("maximum", [False, True])
def test_degenerate_pools(maximum):
    params, x, labelled = a_pool(4)
    cases = {
        "all left": x,
        "all equal": x * 0 + 1,
        "overflow": 1e30 * x,
        "not a number": x * np.nan,
    }
    for case, inputs in cases.items():
        picks = jitted(
            jax.random.key(0), linear, params, inputs, labelled, N - 8, maximum=maximum, sample=7
        )  # more than the sample
        assert sorted(picks.tolist()) == np.flatnonzero(~labelled).tolist(), case
        if maximum and case == "all left":
            expected = oracles.top_k(moved_losses(params, x, 0.05), labelled)
            np.testing.assert_array_equal(picks, expected)


def test_a_loss_that_is_no_number_does_not_rule_the_others():
    params, x, labelled = a_pool(4)
    x[int(np.argmax(moved_losses(params, x, 0.05)))] = np.nan
    losses = np.nan_to_num(moved_losses(params, x, 0.05))
    picks = jitted(jax.random.key(0), linear, params, x, labelled, N - 8, maximum=False, sample=7)
    assert picks[0] == oracles.top_k(losses, labelled)[0]


def test_errors():
    params, x, labelled = a_pool(0, N - 2)
    with pytest.raises(ValueError, match="saal cannot pick k = 3 of 2 unlabelled"):
        saal(jax.random.key(0), linear, params, jnp.asarray(x), jnp.asarray(labelled), 3)
