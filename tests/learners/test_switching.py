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


def planted(right, features=1, info=None, by_y=False):
    """A learner that is right on x where `right(x, seen)`: `seen [N]` bool holds every point that
    it was ever fitted on from these variables, by labels or by a y that is not -1."""

    def fit(key, seen, data, y, labels, hyper):
        taught = jnp.zeros(N, bool).at[labels.order].max(jnp.arange(len(labels.order)) < labels.n)
        return seen | (y >= 0 if by_y else taught), info or {}

    def predict(seen, x):
        x = x[:, 0].astype(int)
        known = jnp.where(right(x, seen), Y[x], 1 - Y[x])
        return Outputs(jax.nn.one_hot(known, 2), jnp.full((len(x), features), 7.0))

    return Learner(lambda x: x, lambda key, data: jnp.zeros(N, bool), fit, predict, ())


def rounds(learner, counts, order=ORDER, truth=Y):
    """Variables and info after each fit, one from the other."""
    data = learner.prepare(X)
    variables = learner.init(jax.random.key(0), data)
    found = []
    for n in counts:
        labels = Labels(order, jnp.int32(n))
        y = jnp.where(jnp.zeros(N, bool).at[order[:n]].set(True), truth, -1)
        variables, info = learner.fit(jax.random.key(n), variables, data, y, labels, learner.hyper)
        found.append((variables, {name: float(value) for name, value in info.items()}))
    return found


def often(x, seen):
    return x % 3 > 0


def test_leads_by_hand():
    """Three points more, none fewer: 3 is above lead x sqrt(3) up to a lead of 1.732."""
    first, second = jnp.arange(10) < 4, jnp.arange(10) < 7
    one = jnp.ones(10)
    assert leads(first, second, one, 1.73) and not leads(first, second, one, 1.74)
    assert leads(first, second, one, 0.0) and not leads(first, first, one, 0.0)
    assert not leads(second, first, one, 0.0)
    weight = jnp.where(jnp.arange(10) < 5, 2.0, 0.0)  # one point: 2 and lead x 2
    assert leads(first, second, weight, 0.99) and not leads(first, second, weight, 1.0)
    both = jnp.array([1, 1, 1, 0, 0, 1, 1, 1, 1, 1], bool)  # 5 more and 1 fewer: 4, sqrt(6)
    assert leads(first, both, one, 1.63) and not leads(first, both, one, 1.64)


@pytest.mark.parametrize(("n", "switched"), [(1, 0), (2, 0), (3, 0), (4, 0), (5, 1)])
def test_a_handful_of_labels_is_too_few(n, switched):
    learner = switching(planted(lambda x, seen: x < 0), planted(lambda x, seen: x >= 0))
    ((_, info),) = rounds(learner, (n,))
    assert info["switched"] == switched and info["second_cv_accuracy"] == 1


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


@pytest.mark.parametrize("by_y", [False, True])
def test_what_is_learnt_by_heart_does_not_lead(by_y):
    """Nor by a y that is not hidden, nor in later rounds, whose variables have seen all."""
    by_heart = planted(lambda x, seen: seen[x], by_y=by_y)
    for _, info in rounds(switching(planted(often), by_heart, lead=0.0), (10, 50, 100)):
        assert (info["switched"], info["second_cv_accuracy"]) == (0, 0)


def test_copies_of_a_point_are_in_one_fold():
    """Of a bootstrap: what is learnt by heart would be right on copies that are held out."""
    drawn = jnp.asarray(np.random.default_rng(1).integers(0, 30, 60), jnp.int32)
    order = jnp.concatenate([drawn, jnp.arange(40, dtype=jnp.int32)])
    learner = switching(planted(often), planted(lambda x, seen: seen[x]), lead=0.0)
    ((_, info),) = rounds(learner, (60,), order)
    assert (info["switched"], info["second_cv_accuracy"]) == (0, 0)
    assert info["first_cv_accuracy"] == pytest.approx(np.mean(np.asarray(drawn) % 3 > 0))


def test_points_that_nobody_bought_do_not_count():
    """y is -1 for the even ones of 40: of the odd ones the first has some, the second all."""
    truth = jnp.where(jnp.arange(N) % 2, Y, -1)
    learner = switching(planted(often), planted(lambda x, seen: x % 2 == 1))
    ((_, info),) = rounds(learner, (40,), truth=truth)
    odd = np.asarray(ORDER[:40])[np.asarray(ORDER[:40]) % 2 == 1]
    assert info["first_cv_accuracy"] == pytest.approx(np.mean(odd % 3 > 0))
    assert (info["second_cv_accuracy"], info["switched"]) == (1, 1)
    ((_, info),) = rounds(learner, (40,), truth=jnp.full(N, -1))
    assert (info["first_cv_accuracy"], info["second_cv_accuracy"], info["switched"]) == (0, 0, 0)


def test_fewer_labels_than_points():
    """A bound on the labels changes nothing."""
    second = planted(lambda x, seen: jnp.sum(seen) >= 30)
    for n in (20, 40, 50):
        (one, other) = (
            rounds(switching(planted(often), second, max_labels=most), (n,))[0][1]
            for most in (None, 50)
        )
        assert one["switched"] == other["switched"] == (n >= 40)
        assert one["first_cv_accuracy"] == pytest.approx(other["first_cv_accuracy"])


def test_seeds_together_are_as_alone():
    """Of three lanes one has switched, one does, one does not."""
    learner = switching(planted(often), planted(lambda x, seen: jnp.sum(seen) >= 30))
    data = learner.prepare(X)
    begun = learner.init(jax.random.key(0), data)
    begun = jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), begun)
    begun = begun._replace(switched=jnp.array([True, False, False]))

    def run(variables, n):
        y = jnp.where(jnp.zeros(N, bool).at[ORDER].set(jnp.arange(N) < n), Y, -1)
        labels = Labels(ORDER, n)
        made, info = learner.fit(jax.random.key(0), variables, data, y, labels, learner.hyper)
        return learner.predict(made, X).logits, info

    counts = jnp.array([20, 40, 20])
    together, infos = jax.vmap(run)(begun, counts)
    np.testing.assert_array_equal(infos["switched"], [1, 1, 0])
    for i in range(3):
        alone, info = run(jax.tree.map(lambda leaf, i=i: leaf[i], begun), counts[i])
        np.testing.assert_array_equal(together[i], alone)
        for name, value in info.items():
            np.testing.assert_allclose(infos[name][i], value, rtol=1e-6)


def test_each_goes_on_from_its_own_variables():
    """As a learner that is warm-started does; the other one's are left as they are."""

    def counting(right):
        def fit(key, variables, data, y, labels, hyper):
            return (variables[0] + 1, jnp.sum(jnp.arange(N) < labels.n)), {}

        def predict(variables, x):
            known = jnp.where(right(variables[1]), Y[x[:, 0].astype(int)], 0)
            return Outputs(jax.nn.one_hot(known, 2), x)

        return Learner(lambda x: x, lambda key, data: (0, 0), fit, predict, ())

    learner = switching(counting(lambda n: n < 0), counting(lambda n: n >= 30))
    found = rounds(learner, (10, 20, 40, 60, 80))
    assert [int(variables.first[0]) for variables, _ in found] == [1, 2, 2, 2, 2]
    assert [int(variables.second[0]) for variables, _ in found] == [0, 0, 1, 2, 3]


def test_every_fold_and_learner_has_a_key_of_its_own():
    """Of learners that toss a coin for all points, neither has all folds right or all wrong."""

    def fit(key, variables, data, y, labels, hyper):
        return jax.random.bernoulli(key), {}

    def predict(heads, x):
        known = Y[x[:, 0].astype(int)]
        return Outputs(jax.nn.one_hot(jnp.where(heads, known, 1 - known), 2), x)

    coin = Learner(lambda x: x, lambda key, data: jnp.bool_(False), fit, predict, ())
    found = rounds(switching(coin, coin, folds=10, lead=99.0), (100, 90, 80))
    both = [(info["first_cv_accuracy"], info["second_cv_accuracy"]) for _, info in found]
    assert all(0 < first < 1 and 0 < second < 1 for first, second in both)
    assert any(first != second for first, second in both)


def test_what_the_one_that_predicts_tells():
    """What only the other would tell is 0, and converged 1."""
    tell = [{"converged": jnp.float32(0), "C": jnp.float32(3)}, {"train_loss": jnp.float32(2)}]
    second = planted(lambda x, seen: jnp.sum(seen) >= 30, info=tell[1])
    found = rounds(switching(planted(often, info=tell[0]), second), (20, 40))
    for (_, info), told in zip(found, ((0, 3, 0), (1, 0, 2)), strict=True):
        assert (info["converged"], info["C"], info["train_loss"]) == told


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


@pytest.mark.parametrize(
    ("widths", "rows"), [((2, 3), ([7, 7, 0], [7] * 3)), ((3, 2), ([7] * 3, [7, 7, 0]))]
)
def test_features_have_one_width(widths, rows):
    learner = switching(*(planted(often, features=width) for width in widths))
    ((variables, _),) = rounds(learner, (5,))
    for switched, row in zip((False, True), rows, strict=True):
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


@pytest.mark.slow
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
