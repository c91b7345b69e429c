"""The dual's solver against libsvm on one binary problem."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.svm import SVC

from jal.learners.smo import solve


def problem(n: int, seed: int = 0, noise: float = 1.0):
    """A kernel of overlapping classes, and labels."""
    rng = np.random.default_rng(seed)
    y = np.where(np.arange(n) < n // 3, 1.0, -1.0)
    x = rng.normal(size=(n, 4)) * noise + y[:, None]
    gram = np.exp(-0.2 * np.square(x[:, None] - x).sum(-1))
    return gram.astype(np.float32), y.astype(np.float32)


def run(gram, y, box, rows=None, tol=1e-5, max_steps=100_000):
    rows = np.arange(len(y)) if rows is None else rows
    solver = jax.jit(lambda *args: solve(*args, tol=tol, max_steps=max_steps))
    args = (gram, rows.astype(np.int32), y, box.astype(np.float32))
    return jax.tree.map(np.asarray, solver(*map(jnp.asarray, args)))


def libsvm(gram, y, box, tol=1e-10):
    """alpha and intercept."""
    model = SVC(kernel="precomputed", C=1.0, tol=tol)
    model.fit(gram.astype(np.float64), y, sample_weight=np.asarray(box, np.float64))
    alpha = np.zeros(len(y))
    alpha[model.support_] = np.abs(model.dual_coef_[0])
    return alpha, model.intercept_[0]


def objective(gram, y, alpha):
    signed = y.astype(np.float64) * alpha
    return 0.5 * signed @ gram.astype(np.float64) @ signed - alpha.sum()


@pytest.mark.parametrize("C", [0.1, 1.0, 1000.0])
def test_same_optimum_as_libsvm(C):
    gram, y = problem(90)
    box = C * np.random.default_rng(1).uniform(0.5, 2.0, 90)
    found = run(gram, y, box, tol=1e-5 * max(1.0, C / 10))
    alpha, intercept = libsvm(gram, y, box)
    assert np.all(found.alpha >= 0) and np.all(found.alpha <= box * (1 + 1e-6))
    assert abs(y @ found.alpha) <= 1e-4 * C
    best = objective(gram, y, alpha)
    assert objective(gram, y, found.alpha) <= best + 1e-5 * abs(best)
    decisions = [gram @ (y * a) + b for a, b in ((alpha, intercept), found[:2])]
    np.testing.assert_allclose(decisions[1], decisions[0], atol=1e-4 * max(1.0, C / 10))


def test_points_with_an_empty_box_are_left_out():
    gram, y = problem(60)
    on = np.random.default_rng(2).random(60) < 0.6
    found = run(gram, y, np.where(on, 2.0, 0.0))
    without = run(gram, y[on], np.full(on.sum(), 2.0), rows=np.flatnonzero(on))
    assert np.all(found.alpha[~on] == 0)
    np.testing.assert_allclose(found.alpha[on], without.alpha, atol=1e-5)
    np.testing.assert_allclose(found.intercept, without.intercept, atol=1e-5)


def test_intercept_is_mid_interval_where_no_point_is_free():
    gram, y = problem(30)
    # Boxes that sum to the same on both sides, so small that every point ends at its bound.
    box = np.where(y > 0, 0.001 / np.sum(y > 0), 0.001 / np.sum(y < 0))
    found = run(gram, y, box)
    np.testing.assert_allclose(found.alpha, box, rtol=1e-6)
    gradient = gram.astype(np.float64) @ (y * box) - y
    middle = 0.5 * (np.max(-gradient[y < 0]) + np.min(-gradient[y > 0]))
    np.testing.assert_allclose(found.intercept, middle, atol=1e-6)


def test_violation_reached_is_told():
    gram, y = problem(60)
    box = np.full(60, 5.0)
    cut, full = run(gram, y, box, max_steps=7), run(gram, y, box, tol=1e-4)
    assert cut.steps == 7 and cut.violation > 1e-4
    assert 7 < full.steps < 1000 and full.violation <= 1e-4
    np.testing.assert_allclose(full.violation, true_violation(gram, y, box, full), atol=1e-5)


def test_rounding_of_many_steps_is_not_hidden():
    gram, y = problem(400)
    box = np.full(400, 1000.0)
    found = run(gram, y, box, tol=1e-4)
    assert found.violation < 3e-4  # 1.1e-3 without a fresh gradient, which says .99e-4
    np.testing.assert_allclose(found.violation, true_violation(gram, y, box, found), atol=2e-5)


def true_violation(gram, y, box, full) -> float:
    gradient = gram.astype(np.float64) @ (y * full.alpha) - y
    rise = np.where(y > 0, full.alpha < box, full.alpha > 0)
    fall = np.where(y > 0, full.alpha > 0, full.alpha < box)
    return np.max(-gradient[rise]) - np.min(-gradient[fall])


def test_points_that_coincide_do_no_harm():
    gram, _ = problem(20)
    twice = np.tile(gram, (2, 2))  # each point in both classes
    found = run(twice, np.r_[np.ones(20), -np.ones(20)].astype(np.float32), np.full(40, 3.0))
    assert all(np.isfinite(part).all() for part in found)
    np.testing.assert_allclose(found.alpha[:20], found.alpha[20:], atol=1e-4)
