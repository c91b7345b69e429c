"""The RBF machine against scikit-learn's SVC."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fitting import fit_and_predict, labels_of
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.svm import SVC

from jal import strategies
from jal.learners.cross_validation import stratified_folds
from jal.learners.one_vs_one import by_class, decision_values, fit_pairs
from jal.learners.svc import svc
from jal.scores import top_two_gap
from jal.types import InputError, Labels, Pool, Round


def fit(pool: Pool, index, x, C=1.0, **options):
    options = {"class_weight": None, "max_labels": None, **options}
    return fit_and_predict(svc, pool, index, x, C, **options)


def assert_close(logits, theirs):
    """Decision values agree; a pair's within 1e-4 of zero may flip a vote, of some 1,000 values."""
    assert logits.shape == theirs.shape
    assert np.mean(np.abs(logits - theirs) > 1e-4) < 1e-3
    assert np.max(np.abs(logits - theirs)) < 1.01


def sklearn_svc(pool: Pool, index, **options) -> SVC:
    x, y = np.asarray(pool.x, np.float64)[index], np.asarray(pool.y)[index]
    return SVC(tol=1e-10, **options).fit(x.reshape(len(x), -1), y)


CASES = [(n, C, w) for n in (100, 500, 1000) for C in (0.1, 1.0, 10.0) for w in (None, "balanced")]
# There all of a pair's points are at their bounds: see the test of intercepts.
AT_BOUNDS = [(100, 0.1, "balanced"), (500, 0.1, "balanced")]


@pytest.mark.parametrize(("n", "C", "weight"), [case for case in CASES if case not in AT_BOUNDS])
def test_matches_scikit_learn(digits, n, C, weight):
    pool, test = digits
    index = np.arange(n)
    _, info, logits = fit(pool, index, test.x, C, class_weight=weight)
    model = sklearn_svc(pool, index, C=C, class_weight=weight)
    x = np.asarray(test.x, np.float64)
    assert info["kkt_violation"] <= 1e-4
    assert_close(logits, model.decision_function(x))
    # Its own predictions are by votes alone, ties to the lower class: more differ as C falls.
    assert np.mean(logits.argmax(1) == model.predict(x)) >= (0.995 if C >= 1 else 0.99)
    assert np.mean(np.round(logits).argmax(1) == model.predict(x)) >= 0.998
    model.break_ties = True
    assert np.mean(logits.argmax(1) == model.predict(x)) >= 0.998


def test_dual_objective_is_scikit_learns(digits):
    pool, test = digits
    index = np.arange(300)
    variables, _, _ = fit(pool, index, test.x)
    model = sklearn_svc(pool, index)
    y = np.asarray(variables.machines.classes.of)
    alpha = np.asarray(variables.machines.alpha, np.float64)
    x = np.asarray(variables.points, np.float64)
    gram = np.exp(-float(variables.gamma) * np.square(x[:300, None] - x[:300]).sum(-1))
    their_x = np.asarray(pool.x, np.float64)[index]
    their_gram = np.exp(-model._gamma * np.square(their_x[:, None] - their_x).sum(-1))
    assert np.all(alpha >= 0) and np.all(alpha <= 1) and np.all(alpha[300:] == 0)
    for i in range(10):
        for j in range(i + 1, 10):
            ours = np.where(y == i, alpha[:, j], 0) - np.where(y == j, alpha[:, i], 0)
            theirs = np.zeros(300)
            of = np.asarray(pool.y)[model.support_]
            theirs[model.support_[of == i]] = model.dual_coef_[j - 1, of == i]
            theirs[model.support_[of == j]] = model.dual_coef_[i, of == j]
            values = [
                0.5 * signed @ g @ signed - np.abs(signed).sum()
                for signed, g in ((ours[:300], gram), (theirs, their_gram))
            ]
            assert abs(ours.sum()) < 1e-5
            np.testing.assert_allclose(*values, rtol=1e-5)


@pytest.mark.parametrize(("n", "C"), [(100, 0.1), (500, 0.1), (200, 0.01)])
def test_intercepts_stay_mid_interval_where_libsvm_leaves_it(digits, n, C):
    pool, test = digits
    variables, _, logits = fit(pool, np.arange(n), test.x, C, class_weight="balanced")
    model = sklearn_svc(pool, np.arange(n), C=C, class_weight="balanced")
    low, high = np.triu_indices(10, 1)
    ours = np.asarray(variables.machines.intercept)[low, high]
    of, box = np.asarray(pool.y)[model.support_], C * model.class_weight_
    certain = []  # pairs that no point within rounding of its bound decides
    for i, j in zip(low, high, strict=True):
        inside = np.r_[
            box[i] - np.abs(model.dual_coef_[j - 1, of == i]),
            box[j] - np.abs(model.dual_coef_[i, of == j]),
        ]
        certain.append(not np.any((inside > 0) & (inside < 1e-12)))
    assert 0 < sum(certain) < 45
    np.testing.assert_allclose(ours[certain], model.intercept_[certain], atol=2e-4)
    y = np.asarray(test.y)
    assert np.mean(logits.argmax(1) == y) >= model.score(np.asarray(test.x, np.float64), y)


@pytest.mark.parametrize("present", [(1, 3, 4, 8), (2, 7)])
def test_absent_classes_have_no_vote(digits, present):
    pool, test = digits
    index = np.flatnonzero(np.isin(pool.y, present))[:90]
    _, _, logits = fit(pool, index, test.x)
    model = sklearn_svc(pool, index)
    x, there = np.asarray(test.x, np.float64), list(present)
    if len(present) > 2:
        assert_close(logits[:, there], model.decision_function(x))
        model.break_ties = True
    np.testing.assert_array_equal(logits.argmax(1), model.predict(x))
    absent = np.setdiff1d(np.arange(10), there)
    assert np.all(logits[:, absent] < logits[:, there].min(axis=1, keepdims=True))
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("num_classes", [2, 3])
def test_a_class_that_is_alone_is_predicted(num_classes):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(40, 3)), jnp.float32)
    for alone in range(num_classes):
        pool = Pool(x, jnp.full(40, alone, jnp.int32))
        _, _, logits = fit(pool, np.arange(9), x, num_classes=num_classes)
        assert np.isfinite(logits).all() and np.all(logits.argmax(1) == alone)


def test_two_classes_share_one_decision_value(digits):
    pool, test = digits
    two = Pool(pool.x, (pool.y >= 5).astype(jnp.int32))
    _, _, logits = fit(two, np.arange(200), test.x, num_classes=2, max_labels=200)
    d = sklearn_svc(two, np.arange(200)).decision_function(np.asarray(test.x, np.float64))
    np.testing.assert_allclose(logits, np.stack([-d, d], axis=1), atol=2e-4)


def test_max_labels_does_not_change_the_optimum(digits):
    pool, test = digits
    found = [fit(pool, np.arange(150), test.x, max_labels=n)[2] for n in (150, None)]
    np.testing.assert_allclose(*found, atol=1e-4)


def test_sweeping_c_equals_separate_fits(digits):
    pool, test = digits
    learner = svc((64,), 10, max_labels=200, class_weight="balanced")
    labels, start = labels_of(pool, np.arange(200)), learner.init(jax.random.key(0), pool.x)

    def logits(C):
        hyper = type(learner.hyper)(C)
        variables, _ = learner.fit(jax.random.key(0), start, pool.x, pool.y, labels, hyper)
        return learner.predict(variables, test.x).logits

    grid = jnp.array([0.5, 2.0, 20.0])
    together = jax.jit(jax.vmap(logits))(grid)
    for C, row in zip(grid, together, strict=True):
        model = sklearn_svc(pool, np.arange(200), C=float(C), class_weight="balanced")
        theirs = model.decision_function(np.asarray(test.x, np.float64))
        assert_close(np.asarray(row), theirs)


@pytest.mark.parametrize("gamma", [0.02 * 255**2, "scale"])
def test_images_of_bytes_far_from_zero(digits, gamma):
    pool, test = digits
    # As uint8 images, and so far from zero that squared distances would cancel in float32.
    far = [np.asarray(x).reshape(-1, 8, 8) * 16 + 230 for x in (pool.x, test.x)]
    images = Pool(jnp.asarray(far[0], jnp.uint8), pool.y)
    shown = far[1].astype(np.uint8)
    _, _, logits = fit(images, np.arange(120), shown, gamma=gamma, max_labels=120)
    scaled = Pool(jnp.asarray(far[0], jnp.uint8) / 255.0, pool.y)
    model = sklearn_svc(scaled, np.arange(120), gamma=gamma)
    assert_close(logits, model.decision_function(shown.reshape(-1, 64) / 255.0))


def test_the_top_two_margins_are_scikit_learns(digits):
    """The picks of decision_margin are those of scikit-learn's own decision values."""
    pool, _ = digits
    _, _, logits = fit(pool, np.arange(200), pool.x)
    theirs = sklearn_svc(pool, np.arange(200)).decision_function(np.asarray(pool.x, np.float64))
    top = np.sort(theirs, axis=1)
    gaps = top[:, -1] - top[:, -2]
    error = np.abs(jax.vmap(top_two_gap)(logits) - gaps)
    assert np.mean(error > 2e-4) <= 0.001  # a vote may flip where a pair's value is nearly zero
    labels = Labels(jnp.arange(1000, dtype=jnp.int32), jnp.int32(200))
    labelled = jnp.arange(1000) < 200
    round_ = Round(pool.x, pool.y, labels, labelled, (), logits, pool.x)
    strategy = strategies.registry["decision_margin"]()
    picks, _ = strategy.select(jax.random.key(0), (), round_, 30)
    expected = 200 + np.argsort(gaps[200:], kind="stable")[:30]
    np.testing.assert_allclose(gaps[np.asarray(picks)], gaps[expected], atol=2e-4)
    by_probability = strategies.registry["margin"]().select(jax.random.key(0), (), round_, 30)[0]
    assert set(by_probability.tolist()) != set(picks.tolist())


def test_many_classes_are_fitted_in_batches_of_unequal_pairs():
    rng = np.random.default_rng(0)
    y = np.sort(rng.choice(20, 600, p=(w := 0.8 ** np.arange(20)) / w.sum()))
    x = rng.normal(size=(600, 6)) + 3 * rng.normal(size=(20, 6))[y]
    pool = Pool(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32))
    assert len(np.unique(y)) == 20
    _, _, logits = fit(pool, np.arange(600), pool.x, num_classes=20)
    theirs = sklearn_svc(pool, np.arange(600)).decision_function(np.asarray(pool.x, np.float64))
    assert_close(logits, theirs)


@pytest.mark.parametrize("weight", [None, "balanced"])
def test_cross_validation_is_scikit_learns(digits, weight):
    pool, test = digits
    grid, index = (10.0, 0.3, 1.0, 3.0), np.arange(150)
    _, info, _ = fit(pool, index, test.x, 2.0, C_grid=grid, class_weight=weight, max_labels=160)
    order = np.argsort(np.asarray(pool.y)[:150], kind="stable")  # svc's own order of the points
    y = jnp.asarray(np.r_[np.asarray(pool.y)[order], np.full(10, 10)], jnp.int32)
    folds = stratified_folds(jax.random.key(0), y.at[150:].set(-1), 5)[:150]
    search = GridSearchCV(
        SVC(break_ties=True, tol=1e-8, class_weight=weight),
        {"C": [2.0 * C for C in sorted(grid)]},
        scoring="balanced_accuracy" if weight else "accuracy",
        cv=PredefinedSplit(np.asarray(folds)),
        refit=False,
    ).fit(np.asarray(pool.x, np.float64)[order], np.asarray(pool.y)[order])
    assert len(np.unique(search.cv_results_["mean_test_score"])) > 1
    assert info["C"] == pytest.approx(search.best_params_["C"])
    assert info["cv_accuracy"] == pytest.approx(search.best_score_, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"C": 0.0}, "positive numbers, got 0.0"),
        ({"C_grid": (1.0, -2.0)}, "got -2.0"),
        ({"C_grid": (1.0,), "folds": 1}, "at least 2 folds, got 1"),
        ({"class_weight": "even"}, "got 'even'"),
        ({"gamma": "auto"}, "got 'auto'"),
        ({"gamma": 0}, "got 0"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(InputError, match=message):
        svc((64,), 10, **options)


def test_a_class_whose_points_are_all_left_out_is_absent():
    """By an empty box; the others' machine is that of two points, the line halfway."""
    x = jnp.array([[-1.0], [1.0], [3.0]])
    order, classes = by_class(jnp.arange(3), jnp.ones(3, bool), 3)
    np.testing.assert_array_equal(order, [0, 1, 2])
    box = jnp.array([10.0, 0.0, 10.0])
    machines, _ = fit_pairs(x @ x.T, classes, box, tol=1e-6, max_steps=1_000)
    np.testing.assert_array_equal(machines.present, [True, False, True])
    for point, wins in ((0.9, 0), (1.1, 2)):
        values = decision_values(machines, x[:, 0] * point)
        assert values[1] == -1 and int(jnp.argmax(values)) == wins
