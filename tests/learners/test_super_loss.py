"""SuperLoss in training: what it descends, and what stays as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.special import lambertw

from jal.experiment import MLP
from jal.experiment.named_learners import read_learner
from jal.learners import registry, sgd
from jal.learners.schedules import Schedule
from jal.networks import mlp
from jal.types import Auxiliary, InputError, Labels

D, K, N = 3, 4, 24
KEY = jax.random.key(0)
X = jnp.asarray(4 * np.random.default_rng(0).normal(size=(N, D)), jnp.float32)
Y = jnp.asarray(np.random.default_rng(1).integers(K - 1, size=N))  # class 3 is absent
LABELS = Labels(jnp.asarray(np.random.default_rng(2).permutation(N), jnp.int32), jnp.int32(20))
NETWORK = mlp((D,), K, hidden=())
ONE_STEP = {
    "epochs": 1,
    "batch_size": 32,
    "weight_decay": 0.0,
    "optimizer": lambda hyper: optax.sgd(hyper.learning_rate),
    "learning_rate": 1.0,
}


def trained(learner, y=Y, labels=LABELS):
    data = learner.prepare(X)

    @jax.jit
    def run(key):
        return learner.fit(key, learner.init(key, data), data, y, labels, learner.hyper)

    return run(KEY)


def start():
    return NETWORK.init(jax.random.split(KEY)[0]).params


def losses_of(params, index, y):
    logits = X[index] @ params["last"]["kernel"] + params["last"]["bias"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, y[index])


def by_hand(index, y, lambda_, weight):
    """One step down the mean of sigma times the cross-entropy, sigma being SciPy's numbers."""
    before = start()
    losses = np.asarray(losses_of(before, index, y), np.float64)
    ratio = np.maximum(-2 / np.e + 1e-15, (losses - np.log(K)) / lambda_)
    sigma = np.exp(-np.real(lambertw(0.5 * ratio)))
    assert 1 <= (sigma > 2.71).sum() < len(sigma) and sigma.min() < 0.9

    def objective(params):
        return jnp.sum(weight * sigma * losses_of(params, index, y)) / jnp.sum(weight)

    return jax.tree.map(lambda p, g: p - g, before, jax.grad(objective)(before))


def assert_close(found, wanted):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), found, wanted)


@pytest.mark.parametrize("lambda_", [0.25, 1.0])
@pytest.mark.parametrize("balanced", [False, True])
def test_one_step_by_hand(lambda_, balanced):
    """Class weights weigh the super loss as they do the cross-entropy."""
    index = LABELS.order[:20]
    counts = np.bincount(Y[index], minlength=K)
    assert (counts[:3] > 0).all() and counts[3] == 0
    weight = (20 / (3 * np.maximum(counts, 1)))[Y[index]] if balanced else np.ones(20)
    learner = sgd(
        NETWORK,
        **ONE_STEP,
        loss="super",
        super_lambda=lambda_,
        class_weight="balanced" if balanced else None,
    )
    fitted, info = trained(learner)
    assert_close(fitted.params, by_hand(index, Y, lambda_, weight))
    # What is reported is the cross-entropy.
    losses = losses_of(start(), index, Y)
    np.testing.assert_allclose(info["train_loss"], np.average(losses, weights=weight), rtol=1e-5)
    plain = sgd(NETWORK, **ONE_STEP, class_weight="balanced" if balanced else None)
    _, of_plain = trained(plain)
    assert info["chance_loss"] == of_plain["chance_loss"]
    assert info["train_loss"] == of_plain["train_loss"]


def test_labels_that_were_not_bought_have_no_weight():
    index = LABELS.order[:20]
    known = Y.at[index[3:7]].set(-1)
    fitted, _ = trained(sgd(NETWORK, **ONE_STEP, loss="super"), known)
    bought = jnp.concatenate([index[:3], index[7:]])
    assert_close(fitted.params, by_hand(bought, Y, 1.0, np.ones(16)))


def test_of_a_large_lambda_it_is_the_cross_entropy():
    options = {"epochs": 5, "batch_size": 8}
    plain, _ = trained(sgd(NETWORK, **options))
    large, _ = trained(sgd(NETWORK, **options, loss="super", super_lambda=1e6))
    other, _ = trained(sgd(NETWORK, **options, loss="super", super_lambda=1.0))
    assert_close(large.params, plain.params)
    assert np.abs(other.params["last"]["kernel"] - plain.params["last"]["kernel"]).max() > 0.05


def test_an_auxiliary_sees_cross_entropies_and_disturbs_nothing():
    seen = []

    def loss(key, params, minibatch):
        jax.debug.callback(lambda *both: seen.append(both), minibatch.losses, minibatch.weight)
        return jnp.float32(0)

    auxiliary = Auxiliary(lambda key, one: {"w": jnp.zeros(())}, loss, lambda params, out: out)
    learner = sgd(NETWORK, **ONE_STEP, loss="super", super_lambda=0.25)
    plain, _ = trained(learner)
    extended, _ = trained(learner.extend(auxiliary))
    jax.effects_barrier()
    assert_close(extended.params.network, plain.params)
    [(losses, weight)] = seen
    expected = losses_of(start(), LABELS.order[:20], Y)
    np.testing.assert_allclose(np.sort(losses[weight > 0]), np.sort(expected), rtol=1e-5)


def test_thresholding_divides_what_super_loss_trained():
    options = {"hidden": (), "loss": "super", "super_lambda": 0.5, "epochs": 3}
    plain, thresholded = (
        registry["mlp"]((D,), K, **options, thresholding=on) for on in (False, True)
    )
    logits = [learner.predict(trained(learner)[0], X).logits for learner in (plain, thresholded)]
    counts = np.bincount(Y[LABELS.order[:20]], minlength=K)
    prior = np.where(counts > 0, counts / 20, 1.0)
    np.testing.assert_allclose(logits[1], logits[0] - np.log(prior), atol=1e-5)


def test_the_plateau_hears_cross_entropies():
    """SuperLoss falls below 0, where less than 0.9999 times the best is no fall."""
    heard = []

    def after_epoch(state, loss):
        jax.debug.callback(heard.append, loss, ordered=True)
        return state

    schedule = Schedule(lambda: (), lambda state, progress: jnp.float32(1), after_epoch)
    _, info = trained(sgd(NETWORK, epochs=3, loss="super", schedule=schedule))
    jax.effects_barrier()
    assert len(heard) == 3 and min(heard) > 0
    assert heard[-1] == info["train_loss"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": "focal"}, 'loss must be "cross_entropy" or "super", got \'focal\''),
        ({"loss": None}, 'loss must be "cross_entropy" or "super", got None'),
        ({"super_lambda": 0.0}, "super_lambda must be finite and above 0, got 0.0"),
        ({"super_lambda": -1.0}, "super_lambda must be finite and above 0, got -1.0"),
        ({"super_lambda": np.nan}, "super_lambda must be finite and above 0, got nan"),
        ({"super_lambda": np.inf}, "super_lambda must be finite and above 0, got inf"),
    ],
)
def test_errors(given, message):
    with pytest.raises(InputError, match=f"^{message}"):
        sgd(NETWORK, **given)


def test_a_config_names_it():
    options = MLP(loss="super", super_lambda=0.25)
    options.check("mlp")
    assert (options.loss, options.super_lambda) == ("super", 0.25)
    for wrong in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match=r"^super_lambda of net must be positive, got"):
            MLP(super_lambda=wrong).check("net")


@pytest.mark.parametrize("kind", ["LogisticRegression", "LinearSVC", "SVC"])
def test_learners_without_minibatches_have_no_such_option(kind):
    with pytest.raises(InputError, match=rf"^unknown option 'loss' of {kind}: known are .*\.$"):
        read_learner({"type": kind, "loss": "super"}, "learners.a")
