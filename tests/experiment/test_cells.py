"""What was measured of a block, by learner."""

import numpy as np

from jal.experiment.cells import by_learner


def test_a_blocks_lanes_are_the_first_learners_seeds_then_the_next_ones():
    """Two learners of two seeds: each has its lanes, and half of the seconds."""
    accuracy, labelled = np.arange(8.0).reshape(4, 2), np.arange(12).reshape(4, 3)
    first, second = by_learner({"accuracy": accuracy}, labelled, 6.0, 2)
    np.testing.assert_array_equal(first["metrics"]["accuracy"], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(second["metrics"]["accuracy"], [[4, 5], [6, 7]])
    np.testing.assert_array_equal(second["labelled"], [[6, 7, 8], [9, 10, 11]])
    assert float(first["seconds"]) == float(second["seconds"]) == 3.0
