import functools
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from requirements import require

from jal.bral_t import (
    Distances,
    Moments,
    distance,
    gaussian,
    nearest_cluster,
    sinkhorn,
    sinkhorn_matrix,
)
from jal.types import InputError

jitted = jax.jit(sinkhorn, static_argnames=("stages", "iterations"))
matrix = jax.jit(sinkhorn_matrix, static_argnames=("stages", "iterations"))
exact_in_1d = functools.partial(jitted, stages=30, iterations=100, epsilon=0.001)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def costs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.float64(x)[:, None] - np.float64(y), axis=2)


def exact(cost: np.ndarray, *weights: np.ndarray) -> float:
    """What the best plan costs, by POT."""
    require(importlib.util.find_spec("ot") is not None, "ot", 'pip install -e ".[test]"')
    import ot

    return ot.emd2(*(weights or ([], [])), cost)


@pytest.mark.parametrize("d", [1, 2, 16, 512])
def test_a_set_is_at_distance_0_of_itself(d):
    """In any order, with any weights, far from the origin, all points equal, and of one point."""
    x = normal(30, d)
    weight = np.random.default_rng(1).random(30).astype(np.float32)
    order = np.random.default_rng(2).permutation(30)
    for points in (x, 100 + x, np.ones_like(x), np.repeat(x[:1], 30, axis=0)):
        found = jitted(points, points[order], weight, weight[order])
        assert found.defined
        assert 0 <= found.value <= 1e-5 * costs(points, points).mean()
    assert jitted(x[:1], x[:1]).value == 0


@pytest.mark.parametrize(("d", "length"), [(1, 0.5), (2, 0.5), (16, 0.5), (16, 30.0), (512, 0.5)])
def test_a_translation_moves_by_its_length(d, length):
    x = normal(40, d)
    step = normal(d, seed=1)
    y = (x + length * step / np.linalg.norm(step)).astype(np.float32)
    # Far away epsilon is not small beside the differences of costs, and the plan is blurred.
    within = 0.01 if length > 1 else 0.002
    np.testing.assert_allclose(jitted(x, y).value, length, atol=within * costs(x, y).mean())


def test_epsilon_is_in_mean_costs():
    """So that units do not matter; a large one is far from W1, as it is known to be."""
    x = normal(40, 2)
    y = (x + np.float32([0.3, 0.4])).astype(np.float32)
    near, far = jitted(x, y).value, jitted(x, y, epsilon=0.29).value
    np.testing.assert_allclose(near, 0.5, rtol=0.01)
    assert abs(far - 0.5) > 0.05
    for unit in (1e-6, 1e6):
        np.testing.assert_allclose(jitted(unit * x, unit * y).value, unit * near, rtol=1e-4)
        scaled = jitted(unit * x, unit * y, epsilon=0.29).value
        np.testing.assert_allclose(scaled, unit * far, rtol=1e-4)


@pytest.mark.parametrize("unit", [1e-30, 1e-4, 1e4, 1e30])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_units_and_the_origin_do_not_matter(unit, offset):
    """Even where squares are out of float32's range."""
    x, y = normal(40, 8), 0.3 + normal(40, 8, seed=1)
    expected = exact(costs(x, y))
    found = jitted(*(np.float32(unit * (offset + np.float64(one))) for one in (x, y)))
    within = 0.002 * costs(x, y).mean()
    np.testing.assert_allclose(np.float64(found.value) / unit, expected, atol=within)


def test_a_set_far_away_does_not_blur_the_others():
    """Distances of sets that are near each other, where another pair is 1e5 apart."""
    shape = normal(16, 8)
    along = np.eye(8, dtype=np.float32)[0]
    x = np.stack([shape, shape + 1e5 * along])
    y = np.stack([shape + 3 * along, shape + along, shape + 1e5 * along, 0 * shape])
    weight = np.ones((4, 16), np.float32)
    weight[3] = 0
    found = matrix(x, y, None, weight).value
    np.testing.assert_allclose(found[0, :2], [3, 1], rtol=0.02)
    np.testing.assert_allclose(found[0, 2], 1e5, rtol=0.01)
    assert found[1, 2] < 0.05 and nearest_cluster(matrix(x, y, None, weight))[0].tolist() == [1, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_points_that_are_not_finite_count_as_zeros(value):
    x, y = 5 + normal(12, 3), normal(12, 3, seed=1)
    given, zeros = x.copy(), x.copy()
    given[[2, 7], [0, 1]] = value
    zeros[[2, 7]] = 0
    expected = jitted(zeros, y).value
    assert jitted(given, y).value == expected
    assert abs(expected - jitted(x, y).value) > 0.5
    np.testing.assert_allclose(jitted(y, given).value, expected, rtol=1e-3)


def test_on_a_line_it_is_the_sorted_difference():
    for seed in range(5):
        x, y = normal(25, 1, seed=seed), 0.7 + normal(25, 1, seed=100 + seed)
        expected = np.abs(np.sort(x[:, 0]) - np.sort(y[:, 0])).mean()
        within = costs(x, y).mean()
        np.testing.assert_allclose(exact_in_1d(x, y).value, expected, atol=0.0005 * within)
        np.testing.assert_allclose(jitted(x, y).value, expected, atol=0.005 * within)


def test_two_points_by_hand():
    """One half at 0 goes to 3; of the other half at 4 a quarter to 3 and a quarter stays."""
    x, y = np.float32([[0], [4]]), np.float32([[3], [4]])
    found = exact_in_1d(x, y, np.float32([1, 1]), np.float32([3, 1]))
    np.testing.assert_allclose(found.value, 0.5 * 3 + 0.25 * 1, rtol=0.002)
    # A single point takes all: the mean distance to it.
    np.testing.assert_allclose(jitted(x, y[:1]).value, 2, rtol=1e-5)
    np.testing.assert_allclose(jitted(x[:1], y[:1]).value, 3, rtol=1e-6)


@pytest.mark.parametrize("d", [1, 2, 16, 512])
@pytest.mark.parametrize("kind", ["normal", "overlapping", "clustered"])
def test_agrees_with_exact_transport(d, kind):
    """Of random sizes and weights, within the error that is stated: of the mean cost."""
    rng = np.random.default_rng(d)
    errors = []
    for _ in range(20):
        n, m = rng.integers(1, 40, 2)
        x, y = rng.normal(size=(40, d)), rng.normal(size=(40, d)) + 0.5 * rng.normal(size=d)
        if kind == "overlapping":  # y among x: as a TrustSet and a sub-cluster may be
            y = x[rng.permutation(40)]
        if kind == "clustered":
            x += 8 * rng.integers(0, 2, (40, 1))
            y += 8 * rng.integers(0, 2, (40, 1))
        a = np.where(np.arange(40) < n, rng.exponential(size=40), 0)
        b = np.where(np.arange(40) < m, rng.exponential(size=40), 0)
        cost = costs(x[:n], y[:m])
        a64, b64 = a[:n] / a[:n].sum(), b[:m] / b[:m].sum()
        found = jitted(*map(np.float32, (x, y, a, b)))
        assert found.defined
        errors.append((float(found.value) - exact(cost, a64, b64)) / (a64 @ cost @ b64))
    # The stated error: .11 % in the mean, .17 % of clusters, 2 % at most.
    errors = np.abs(errors)
    assert errors.mean() < 0.003
    assert errors.max() < 0.02


def test_more_stages_and_a_smaller_epsilon_come_nearer():
    x, y = normal(30, 8), 0.3 + normal(24, 8, seed=1)
    expected = exact(costs(x, y))
    errors = [
        abs(float(jitted(x, y, epsilon=epsilon, stages=stages, iterations=20).value) - expected)
        for epsilon, stages in ((0.1, 10), (0.01, 10), (0.001, 30))
    ]
    assert errors[0] > 4 * errors[1] > 16 * errors[2]
    assert errors[2] < 0.001 * expected


def test_padding_changes_nothing():
    x, y = 5 + normal(10, 4), normal(7, 4, seed=1)
    expected = jitted(x, y).value
    for filling in (0.0, 1e6, np.nan, np.inf):
        padded = np.full((2, 16, 4), filling, np.float32)
        padded[0, 3:13], padded[1, :7] = x, y
        mask = ~np.zeros((2, 16), bool)
        mask[0, :3] = mask[0, 13:] = mask[1, 7:] = False
        found = jitted(*padded, *mask)
        assert found.defined
        np.testing.assert_allclose(found.value, expected, rtol=1e-5)


def test_weights_have_any_sum_and_count_like_copies():
    x, y = normal(6, 3), 0.5 + normal(5, 3, seed=1)
    copies = np.array([1, 3, 1, 2, 1, 1])
    repeated = jitted(np.repeat(x, copies, axis=0), y).value
    for scale in (1.0, 1e-6, 1e6):
        found = jitted(x, y, np.float32(scale * copies)).value
        np.testing.assert_allclose(found, repeated, rtol=2e-3)
    np.testing.assert_allclose(
        jitted(x, y, np.float32([1e-30, 1, 1, 1, 1, 1])).value, jitted(x[1:], y).value, rtol=1e-4
    )


def test_a_point_far_away():
    """Potentials start in the log domain: exp(-cost) alone would be 0 for all of its row."""
    x, y = normal(300, 2), normal(300, 2, seed=1)
    x[0] += 1e4
    y[7] -= 1e4
    value = jitted(x, y).value
    np.testing.assert_allclose(value, exact(costs(x, y)), rtol=0.01)


def test_symmetric():
    x, y = normal(20, 5), 0.4 + normal(11, 5, seed=1)
    np.testing.assert_allclose(jitted(x, y).value, jitted(y, x).value, rtol=2e-4)


def test_nothing_is_at_no_defined_distance():
    x, y = normal(8, 3), normal(5, 3, seed=1)
    none = np.zeros(8, bool), np.zeros(5, bool)
    for weights in ((none[0], None), (None, none[1]), none):
        found = jitted(x, y, *weights)
        assert (found.value, found.defined) == (0, False)


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16])
def test_other_dtypes_are_computed_in_float32(dtype):
    x, y = normal(30, 8).astype(dtype), normal(20, 8, seed=1).astype(dtype)
    found = jitted(x, y)
    assert found.value.dtype == jnp.float32
    assert found.value == jitted(np.float32(x), np.float32(y)).value
    assert jitted(np.int32([[0]]), np.int32([[3]])).value == 3


@pytest.mark.parametrize("block", [1, 400, 2**20])
def test_matrix_is_every_pair(block, monkeypatch):
    """Whatever is held at once, with padding and an empty set among them."""
    monkeypatch.setattr("jal.bral_t.distance._BLOCK", block)
    x, y = 3 + normal(5, 12, 4), 3 + normal(3, 9, 4, seed=1)
    rng = np.random.default_rng(0)
    x_mask, y_mask = rng.random((5, 12)) < 0.7, rng.random((3, 9)) < 0.7
    x_mask[2] = False
    found = jax.jit(lambda *a: sinkhorn_matrix(*a))(x, y, x_mask, y_mask)
    assert found.value.shape == found.defined.shape == (5, 3)
    for i in range(5):
        for j in range(3):
            pair = jitted(x[i], y[j], x_mask[i], y_mask[j])
            np.testing.assert_allclose(found.value[i, j], pair.value, rtol=1e-4)
            assert found.defined[i, j] == pair.defined == (i != 2)
    one = sinkhorn_matrix(x[:1], y[:1], epsilon=0.01, stages=4, iterations=3).value
    pair = sinkhorn(x[0], y[0], epsilon=0.01, stages=4, iterations=3).value
    np.testing.assert_allclose(one[0, 0], pair, rtol=1e-4)
    assert abs(float(pair) - float(jitted(x[0], y[0]).value)) > 1e-3  # options arrive


def test_under_vmap():
    x, y = normal(4, 12, 3), normal(4, 9, 3, seed=1)
    found = jax.jit(jax.vmap(lambda x, y: sinkhorn(x, y).value))(x, y)
    expected = [float(jitted(*pair).value) for pair in zip(x, y, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_gaussian():
    x = Moments(jnp.array([1.0, 2.0]), jnp.array([4.0, 9.0]), jnp.int32(5))
    y = Moments(jnp.array([4.0, 6.0]), jnp.array([1.0, 16.0]), jnp.int32(1))
    found = gaussian(x, y)
    assert (found.value, found.defined) == (9 + 16 + 1 + 1, True)
    assert gaussian(x, x).value == 0
    empty = y._replace(size=jnp.int32(0))
    assert tuple(gaussian(x, empty)) == tuple(gaussian(empty, x)) == (0, False)


def test_gaussian_of_all_pairs():
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(size=(5, 3)), rng.random((5, 3))
    size = np.array([1, 0, 2, 3, 4])
    every = Moments(*map(jnp.asarray, (mean, variance, size)))
    rows = jax.tree.map(lambda leaf: leaf[:2, None], every)
    columns = jax.tree.map(lambda leaf: leaf[None, 2:], every)
    found = gaussian(rows, columns)
    expected = ((mean[:2, None] - mean[None, 2:]) ** 2).sum(axis=2)
    expected += ((np.sqrt(variance[:2, None]) - np.sqrt(variance[None, 2:])) ** 2).sum(axis=2)
    np.testing.assert_allclose(found.value[0], expected[0], rtol=1e-5)
    np.testing.assert_array_equal(found.value[1], 0)
    np.testing.assert_array_equal(found.defined, [[True] * 3, [False] * 3])


def test_nearest_cluster():
    value = jnp.array([[3.0, 1.0, 0.0], [2.0, 2.0, 5.0], [0.0, 0.0, 0.0]])
    defined = jnp.array([[True, True, False], [True, True, True], [False] * 3])
    index, found = nearest_cluster(Distances(value, defined))
    np.testing.assert_array_equal(index, [1, 0, 0])
    np.testing.assert_array_equal(found, [True, True, False])
    assert index.dtype == jnp.int32


X, Y = np.zeros((3, 2)), np.zeros((4, 2))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((X[0], Y), {}, r"sinkhorn takes x \[n, D\] with no axis of 0, got shape \(2,\)."),
        ((X, Y[:0]), {}, r"sinkhorn takes y \[m, D\] with no axis of 0, got shape \(0, 2\)."),
        ((X, Y[:, :1]), {}, "sinkhorn takes x and y of the same D, got 2 and 1."),
        ((X, Y, np.ones(4)), {}, r"x_weight of shape \(3,\), one for each .*, got shape \(4,\)."),
        ((X, Y, None, -np.ones(4)), {}, "y_weight of at least 0, got -1."),
        ((X, Y, np.array([1, np.nan, 1])), {}, "x_weight of at least 0, got nan."),
        ((X, Y), {"epsilon": 0.0}, r"epsilon as a finite number above 0 and below 0.3, got 0.0."),
        ((X, Y), {"epsilon": 0.3}, r"below 0.3, got 0.3."),
        ((X, Y), {"stages": 1}, "stages as an integer of at least 2, got 1."),
        ((X, Y), {"stages": 3}, r"stages of at least 4 with epsilon 0\.005, got 3."),
        (
            (X, Y),
            {"stages": 5, "epsilon": 1e-4},
            r"at least 6 with epsilon 0\.0001, got 5.",
        ),
        ((X, Y), {"iterations": 0}, "iterations as an integer of at least 1, got 0."),
    ],
)
def test_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        sinkhorn(*arguments, **options)
    if options or "weight" in message:
        with pytest.raises(InputError if "at least 0" in message or options else ValueError):
            sinkhorn_matrix(*(a if a is None else a[None] for a in arguments), **options)


@pytest.mark.parametrize(("epsilon", "stages"), [(0.005, 4), (1e-4, 6), (0.1, 2)])
def test_the_fewest_stages_are_finite(epsilon, stages):
    """Of a point far from 31 others, whose potentials differ most, and of noise in many columns."""
    far = np.append(np.zeros(31), 100.0)[:, None].astype(np.float32)
    noise = np.random.default_rng(0).normal(size=(32, 512)).astype(np.float32)
    for x in (far, noise):
        value = float(jitted(x, x, epsilon=epsilon, stages=stages).value)
        assert 0 <= value < 0.1 * np.abs(x).max()


@pytest.mark.parametrize("epsilon", [0.005, 0.05])
def test_the_cost_of_a_set_onto_itself(epsilon):
    """As many iterations as it takes have it in float64."""
    rng = np.random.default_rng(0)
    x, a = rng.normal(size=(40, 1)), rng.exponential(size=40)
    a /= a.sum()
    cost = costs(x, x) / (a @ costs(x, x) @ a)
    f = np.zeros(40)
    for _ in range(5000):
        f = (f - epsilon * np.log(np.exp((f - cost) / epsilon) @ a)) / 2
    plan = a[:, None] * np.exp((f[:, None] + f - cost) / epsilon) * a
    found = distance._self_cost(*map(np.float32, (cost, a)), epsilon)
    np.testing.assert_allclose(found, np.sum(plan * cost), rtol=0.01)
