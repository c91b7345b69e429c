"""Pictures of a pool in a plane."""

import numpy as np

from jal.report import plane, pool_groups, pool_values

AT = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 2.0]])
LABELLED = np.array([True, True, False, False, False])


def test_the_plane_is_that_of_the_largest_variances():
    """Of two long directions and a short one, turned: lengths are kept, the short one is gone."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    points = np.array([[3, 0, 0], [-3, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 1], [0, 0, -1.0]])
    found = plane(points @ turn + 7)
    wanted = [[3, 0], [3, 0], [0, 2], [0, 2], [0, 0], [0, 0]]
    np.testing.assert_allclose(np.abs(found), wanted, atol=1e-12)


def test_groups_are_of_what_is_unlabelled():
    figure = pool_groups(AT, [9, 9, 0, 1, 1], LABELLED, marked=[True, False, True, False, False])
    sizes = [len(one.get_offsets()) for one in figure.axes[0].collections]
    assert sizes == [1, 2, 2, 1]  # two groups, what is labelled, and its star


def test_values_and_picks():
    """A pick of 5 points' index 5 is none."""
    figure = pool_values(AT, [7, 7, 1.0, 2.0, 3.0], LABELLED, picks=[4, 5], meaning="worth")
    panel, bar = figure.axes
    drawn, ring = panel.collections
    np.testing.assert_array_equal(drawn.get_array(), [1, 2, 3])
    np.testing.assert_array_equal(ring.get_offsets(), [[2, 2]])
    assert bar.get_ylabel() == "worth"
    assert len(pool_values(AT, np.arange(5), LABELLED).axes[0].collections) == 1
