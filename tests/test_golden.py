"""jal's curves and picks against scikit-learn's and modAL's, on the digits."""

import functools
import json
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from jal import learners, metrics, strategies
from jal.episode import episode, look
from jal.labels import revealed, start_from
from jal.parallel import over_seeds, seed_mesh
from jal.types import Labels, Learner, Outputs

REFERENCE = Path(__file__).parent / "reference"
NAMES = ["margin", "least_confidence", "entropy"]
SCHEDULE = 10 + 10 * jnp.arange(21, dtype=jnp.int32)
EVALUATE = metrics.evaluator(["accuracy"])


def curves(learner: Learner, name: str, pool, test, initial):
    """Accuracy `[20, 21]` and order `[20, 1000]` of the golden protocol."""
    made = episode(learner, strategies.registry[name](), EVALUATE, 20, 10)
    data = learner.prepare(pool.x)

    def one(chosen, pool, data, test):
        order = start_from(chosen, 1000)
        state = made.init(jax.random.key(0), order, jnp.int32(10), pool, data)
        return made.run(state, 0, 21, pool, data, test, learner.hyper, SCHEDULE)

    run = jax.jit(over_seeds(one, seed_mesh(2)))
    state = run(jnp.asarray(initial), pool, data, test)
    return np.asarray(state.metrics["accuracy"]), np.asarray(state.labels.order)


@pytest.fixture(scope="module")
def at_the_optimum(digits, golden) -> Callable[[str], tuple[np.ndarray, np.ndarray]]:
    """`curves` of a strategy by its name, run once."""
    learner = learners.registry["logistic_regression"]((64,), 10, max_labels=210)
    return functools.cache(lambda name: curves(learner, name, *digits, golden["initial_indices"]))


def scores_at_the_optimum(name: str, pool, labelled: list[int]) -> np.ndarray:
    """`[1000]` float64, higher picked first: scikit-learn's, after fitting on `labelled`."""
    x, y = np.asarray(pool.x, np.float64), np.asarray(pool.y)
    model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-10)
    p = model.fit(x[labelled], y[labelled]).predict_proba(x)
    ordered = np.sort(p, axis=1)
    if name == "entropy":
        return -np.sum(p * np.log(np.maximum(p, 1e-300)), axis=1)
    return -ordered[:, -1] if name == "least_confidence" else ordered[:, -2] - ordered[:, -1]


@pytest.mark.parametrize("name", NAMES)
def test_every_pick_of_scikit_learn_at_the_optimum(name, digits, golden, converged, at_the_optimum):
    """20 seeds x 200 picks, the same sets in every round; accuracy to the last of 797 images.

    Only where scikit-learn's scores tie to 1e-6 may a pick be another (seed 2 of least confidence
    has a tie of 3e-8, which float32 breaks either way); from there on that seed goes its own way.
    """
    found, order = at_the_optimum(name)
    theirs = np.array(converged[name]["labelled"])
    same = np.ones(20, bool)
    for seed in range(20):
        for n in range(20, 211, 10):
            ours, expected = (set(rows[seed, n - 10 : n]) for rows in (order, theirs))
            if ours != expected:
                scores = scores_at_the_optimum(name, digits[0], theirs[seed, : n - 10])
                tied = scores[list(ours ^ expected)]
                assert np.ptp(tied) < 1e-6, f"seed {seed}, {n} labels"
                same[seed] = False
                break
    assert same.sum() >= 19
    expected = np.array(converged[name]["curves"])
    gap = np.abs(found - expected)[same]
    assert gap.mean(axis=0).max() < 0.003 and gap.mean(axis=1).max() < 0.01
    # The golden fits stop before the optimum: as far from it, in the mean, as this.
    golden_curves = np.array(golden[name]["curves"])
    assert np.abs(found.mean(axis=0) - golden_curves.mean(axis=0)).max() < 0.02
    assert abs(found.mean() - golden_curves.mean()) < 0.002


def test_the_margin_curve_is_modals(at_the_optimum):
    """modAL's own ActiveLearner on the same data, starts and C, with fits to the optimum; and as it
    comes, with fits that stop before it, where the mean difference is what can be asked for."""
    theirs = json.loads((REFERENCE / "modal_digits.json").read_text())
    found, _ = at_the_optimum("margin")
    exact, usual = (np.array(theirs[name]) for name in ("at_the_optimum", "as_it_comes"))
    assert found.shape == exact.shape == usual.shape == (20, 21)
    assert np.abs(found - exact).mean() < 0.001
    assert np.abs((found - exact).mean(axis=0)).max() < 0.003
    assert abs((found - usual).mean()) < 0.002
    assert np.abs((found - usual).mean(axis=0)).mean() < 0.01


def scikit_learn() -> Learner:
    """scikit-learn's own solver at its default tolerance, called back from the episode."""

    def solve(x, y, n):
        x, y = np.asarray(x, np.float64)[: int(n)], np.asarray(y)[: int(n)]
        model = LogisticRegression(C=1.0, max_iter=300).fit(x, y)
        return model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32)

    shapes = (jax.ShapeDtypeStruct((64, 10), jnp.float32), jax.ShapeDtypeStruct((10,), jnp.float32))

    def fit(key, variables, data, y, labels: Labels, hyper):
        first = labels.order[:210]
        return jax.pure_callback(solve, shapes, data[first], y[first], labels.n), {}

    return Learner(
        prepare=lambda x: x,
        init=lambda key, data: (jnp.zeros((64, 10)), jnp.zeros(10)),
        fit=fit,
        predict=lambda v, x: Outputs(x @ v[0] + v[1], x),
        hyper=(),
    )


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n == "margin" else pytest.mark.long) for n in NAMES],
)
def test_golden_curves_with_scikit_learns_own_solver(name, digits, golden):
    """Everything but the solver: scores, selection, labelling and measuring make the golden curves.

    The golden fits stop at scikit-learn's default tolerance, 1e-3 from the optimum in probability,
    and at the optimum scikit-learn itself picks otherwise (see make_converged.py).
    """
    found, _ = curves(scikit_learn(), name, *digits, golden["initial_indices"])
    expected = np.array(golden[name]["curves"])
    assert np.abs(found.mean(axis=0) - expected.mean(axis=0)).max() < 0.003
    assert np.abs(found.mean(axis=1) - expected.mean(axis=1)).max() < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_golden_first_picks_with_scikit_learns_own_solver(name, digits, golden):
    pool, _ = digits
    learner, strategy = scikit_learn(), strategies.registry[name]()

    @jax.jit
    def first(chosen):
        labels = Labels(start_from(chosen, 1000), jnp.int32(10))
        y = revealed(pool.y, labels)
        variables, _ = learner.fit(None, None, pool.x, y, labels, ())
        seen = look(learner, variables, pool.x, pool.x, y, labels, ())
        return strategy.select(jax.random.key(0), (), seen, 10)[0]

    picks = [first(jnp.asarray(start)).tolist() for start in golden["initial_indices"]]
    assert picks == golden[name]["first_picks"]
