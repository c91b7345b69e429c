"""What breaks the contract of learners is found, each by its own sentence."""

import jax
import jax.numpy as jnp
import pytest

from jal.learners import logistic_regression
from jal.testing import check_learner
from jal.types import Learner, Outputs


def changed(**change):
    """Logistic regression with some of its functions changed: each `(the learner) -> function`."""

    def factory(shape, classes, *, max_labels):
        learner = logistic_regression(shape, classes, max_labels=max_labels, tol=1e-3)
        return learner._replace(**{name: make(learner) for name, make in change.items()})

    return factory


def reads_all(learner):
    """The class of a point that was not bought moves the bias."""

    def fit(key, variables, data, y, labels, hyper):
        variables, info = learner.fit(key, variables, data, y, labels, hyper)
        return variables._replace(bias=variables.bias + 0.01 * y @ jnp.arange(len(y))), info

    return fit


def reads_order(learner):
    def fit(key, variables, data, y, labels, hyper):
        variables, info = learner.fit(key, variables, data, y, labels, hyper)
        return variables._replace(bias=variables.bias + 0.01 * labels.order[-1]), info

    return fit


def learns_nothing(learner):
    return lambda key, variables, data, y, labels, hyper: (variables, {})


def says_vectors(learner):
    def fit(*given):
        return learner.fit(*given)[0], {"counts": jnp.ones(3)}

    return fit


def of_fixed_strength(learner):
    def fit(key, variables, data, y, labels, hyper):
        return learner.fit(key, variables, data, y, labels, learner.hyper)

    return fit


def half(learner):
    return lambda variables, x: Outputs(
        learner.predict(variables, x).logits.astype(jnp.float16), x.reshape(len(x), -1)
    )


BROKEN = {
    "must read no label beyond n": changed(fit=reads_all),
    "nor their order": changed(fit=reads_order),
    "far apart": changed(fit=learns_nothing),
    "finite scalars": changed(fit=says_vectors),
    "read from `hyper`": changed(fit=of_fixed_strength),
    "logits must be float32": changed(predict=half),
    "must be the logits": changed(head=lambda learner: lambda variables, x: x[:, :4]),
}


@pytest.mark.parametrize("says", BROKEN)
def test_what_is_broken_is_said(says):
    with pytest.raises(AssertionError, match=says):
        check_learner(BROKEN[says])


def test_a_learner_that_keeps_all_of_it():
    check_learner(logistic_regression, tol=1e-3)


def test_a_point_without_a_class_is_a_label_beyond_those_bought():
    """The last labels' classes are hidden: reading them as class 0 is no longer the same fit."""
    with pytest.raises(AssertionError, match="must"):
        check_learner(changed(fit=lambda learner: _as_zero(learner)))


def _as_zero(learner: Learner):
    def fit(key, variables, data, y, labels, hyper):
        every = labels._replace(n=jnp.int32(y.shape[0]))
        known = jnp.where(y < 0, 0, y)
        return learner.fit(key, variables, data, known, every, hyper)

    return fit


def test_the_same_key_gives_the_same():
    calls = iter(range(100))

    def factory(shape, classes, *, max_labels):
        learner = logistic_regression(shape, classes, max_labels=max_labels, tol=1e-3)

        def predict(variables, x):
            jump = jax.pure_callback(
                lambda: jnp.float32(next(calls)), jax.ShapeDtypeStruct((), jnp.float32)
            )
            outputs = learner.predict(variables, x)
            return outputs._replace(logits=outputs.logits.at[0, 0].add(jump))

        return learner._replace(predict=predict)

    with pytest.raises(AssertionError, match="the same key"):
        check_learner(factory)
