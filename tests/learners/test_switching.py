"""The switch from one learner to another, with learners whose accuracy is planted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.learners import logistic_regression, on_features, registry, svc, switching
from jal.learners.switching import SwitchVariables, leads
from jal.testing import check_learner
from jal.types import InputError, Labels, Learner, Outputs

N = 100
X = jnp.arange(N, dtype=jnp.float32)[:, None]
Y = jnp.asarray(np.arange(N) % 2, jnp.int32)
ORDER = jnp.asarray(np.random.default_rng(0).permutation(N), jnp.int32)


def planted(right, features=1):
    """A learner that is right on x where `right(x, seen)`: `seen [N]` bool holds every point that
    it was ever fitted on from these variables."""

    def fit(key, seen, data, y, labels, hyper):
        taught = jnp.zeros(N, bool).at[labels.order].set(jnp.arange(N) < labels.n)
        return seen | taught, {}

    def predict(seen, x):
        x = x[:, 0].astype(int)
        known = jnp.where(right(x, seen), Y[x], 1 - Y[x])
        return Outputs(jax.nn.one_hot(known, 2), jnp.full((len(x), features), 7.0))

    return Learner(lambda x: x, lambda key, data: jnp.zeros(N, bool), fit, predict, ())


def rounds(learner, counts, order=ORDER):
    """Variables and info after each fit, one from the other."""
    data = learner.prepare(X)
    variables = learner.init(jax.random.key(0), data)
    found = []
    for n in counts:
        labels = Labels(order, jnp.int32(n))
        y = jnp.where(jnp.zeros(N, bool).at[order[:n]].set(True), Y, -1)
        variables, info = learner.fit(jax.random.key(n), variables, data, y, labels, learner.hyper)
        found.append((variables, {name: float(value) for name, value in info.items()}))
    return found


def often(x, seen):
    return x % 3 > 0


def test_leads_by_hand():
    """Three of ten points more, none fewer: a mean of .3, whose error is sqrt(2.1) / 10 = .145."""
    first, second = jnp.arange(10) < 4, jnp.arange(10) < 7
    one = jnp.ones(10)
    assert leads(first, second, one, 2.07) and not leads(first, second, one, 2.08)
    assert leads(first, second, one, 0.0) and not leads(first, first, one, 0.0)
    assert not leads(second, first, one, 0.0)
    weight = jnp.where(jnp.arange(10) < 5, 1.0, 0.0)  # one of five: .2, sqrt(.8) / 5 = .179
    assert leads(first, second, weight, 1.11) and not leads(first, second, weight, 1.12)


def test_it_switches_once_the_second_leads_and_stays():
    """The second knows all once 30 points are seen: 4 folds of 5 with 40 labels, not with 30."""
    second = planted(lambda x, seen: (jnp.sum(seen) >= 30) & (jnp.sum(seen) < 60))
    learner = switching(planted(often), second)
    found = rounds(learner, (20, 30, 40, 80))
    bought = [np.asarray(ORDER[:n]) for n in (20, 30, 40)]
    assert [info["switched"] for _, info in found] == [0, 0, 1, 1]
    wanted = [np.mean(points % 3 > 0) for points in bought]
    got = [info["first_cv_accuracy"] for _, info in found]
    np.testing.assert_allclose(got, [*wanted, wanted[2]], rtol=1e-6)
    assert [info["second_cv_accuracy"] for _, info in found] == [0, 0, 1, 1]
    for (variables, _), right in zip(found, (often, often, None, None), strict=True):
        logits = learner.predict(variables, X).logits
        known = np.asarray(logits.argmax(axis=1) == Y)
        if right is not None:
            np.testing.assert_array_equal(known, right(np.arange(N), None))
    assert np.asarray(learner.predict(found[2][0], X).logits.argmax(axis=1) == Y).all()
    assert not np.asarray(learner.predict(found[3][0], X).logits.argmax(axis=1) == Y).any()


def test_what_is_learnt_by_heart_does_not_lead():
    """Nor in later rounds, whose variables have seen what is held out."""
    by_heart = planted(lambda x, seen: seen[x])
    for _, info in rounds(switching(planted(often), by_heart, lead=0.0), (10, 50, 100)):
        assert (info["switched"], info["second_cv_accuracy"]) == (0, 0)


def test_equals_do_not_switch():
    for _, info in rounds(switching(planted(often), planted(often), lead=0.0), (1, 2, 50)):
        assert info["switched"] == 0


def test_every_class_may_count_the_same():
    """Of 40 labels 4 are odd: the first has the even ones right, the second the odd ones."""
    order = jnp.asarray([*range(0, 72, 2), 1, 3, 5, 7])
    rest = jnp.setdiff1d(jnp.arange(N), order, size=60)
    order = jnp.concatenate([order, rest])
    first, second = planted(lambda x, seen: x % 2 == 0), planted(lambda x, seen: x % 2 == 1)
    for balanced, accuracies in ((False, (0.9, 0.1)), (True, (0.5, 0.5))):
        ((_, info),) = rounds(switching(first, second, balanced=balanced), (40,), order)
        found = info["first_cv_accuracy"], info["second_cv_accuracy"]
        assert found == pytest.approx(accuracies) and info["switched"] == 0
    late = planted(lambda x, seen: (x % 2 == 1) | (x < 40))
    for balanced, switched in ((False, 0), (True, 1)):
        ((_, info),) = rounds(switching(first, late, lead=1.0, balanced=balanced), (40,), order)
        assert info["switched"] == switched


def test_features_have_one_width():
    learner = switching(planted(often, features=2), planted(often, features=3))
    ((variables, _),) = rounds(learner, (5,))
    for switched, row in ((False, [7, 7, 0]), (True, [7, 7, 7])):
        outputs = learner.predict(variables._replace(switched=jnp.bool_(switched)), X[:4])
        np.testing.assert_array_equal(outputs.features, [row] * 4)


@pytest.mark.parametrize("curved", [False, True])
def test_from_lines_to_a_kernel_where_classes_are_curved(curved):
    """A disc in a square is no half plane; the sign of a sum is one."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (200, 2)).astype(np.float32)
    y = (np.sum(x**2, 1) < 0.6 if curved else x.sum(1) > 0).astype(np.int32)
    lines, kernel = (f((2,), 2, max_labels=100) for f in (logistic_regression, svc))
    learner = switching(lines, kernel, max_labels=100)
    labels = Labels(jnp.arange(200, dtype=jnp.int32), jnp.int32(100))
    data = learner.prepare(jnp.asarray(x))
    start = learner.init(jax.random.key(0), data)
    variables, info = jax.jit(learner.fit)(
        jax.random.key(0), start, data, jnp.asarray(y), labels, learner.hyper
    )
    assert isinstance(variables, SwitchVariables) and bool(variables.switched) is curved
    first, second = info["first_cv_accuracy"], info["second_cv_accuracy"]
    assert (first < 0.7 and second > 0.8) if curved else first > 0.95
    right = learner.predict(variables, jnp.asarray(x)).logits.argmax(axis=1) == y
    assert float(right.mean()) > 0.85


def test_contract():
    def factory(shape, classes, *, max_labels):
        first = logistic_regression((16,), classes, max_labels=max_labels)
        second = registry["mlp"](shape, classes, hidden=(16,), epochs=5, max_labels=max_labels)
        return switching(
            on_features(first, second), second, folds=2, lead=0.0, max_labels=max_labels
        )

    check_learner(factory)


def test_on_features_of_a_network():
    """As a learner alone, whose inputs are these features; a fit leaves the network alone."""
    network = registry["mlp"]((1,), 2, hidden=(8,))
    features = network.predict(network.init(jax.random.key(0), network.prepare(X)), X).features
    shallow = logistic_regression((8,), 2)
    learner = on_features(shallow, network)
    labels = Labels(ORDER, jnp.int32(30))
    key, data = jax.random.key(1), learner.prepare(X)
    start = learner.init(key, data)
    fitted, info = learner.fit(key, start, data, Y, labels, learner.hyper)
    alone, its = shallow.fit(
        key, shallow.init(key, features), shallow.prepare(features), Y, labels, shallow.hyper
    )
    np.testing.assert_array_equal(
        learner.predict(fitted, X).logits, shallow.predict(alone, features).logits
    )
    assert info.keys() == its.keys()
    jax.tree.map(np.testing.assert_array_equal, fitted.network, start.network)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"folds": 1}, "at least 2 folds, got 1"),
        ({"lead": -0.5}, "lead must be 0 or more standard errors, got -0.5"),
        ({"lead": float("nan")}, "lead must be"),
    ],
    ids=range(3),
)
def test_what_is_refused(options, says):
    with pytest.raises(InputError, match=says):
        switching(planted(often), planted(often), **options)
