"""jal's k-center beside scikit-activeml's CoreSet, pick by pick."""

import jax
import numpy as np
import pytest
from peers.given import missing
from skactiveml.pool import CoreSet

from jal.select import k_center

jitted = jax.jit(k_center, static_argnums=2)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("labelled", [1, 40])
def test_every_pick_of_core_set(seed, labelled):
    """Normal points in 20 dimensions, 60 picks: no two distances tie."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(400, 20)).astype(np.float32)
    mask = rng.permutation(np.arange(400) < labelled)
    theirs = CoreSet(random_state=seed).query(features, missing(mask), batch_size=60)
    np.testing.assert_array_equal(jitted(features, mask, 60), theirs)


def test_far_from_the_origin():
    """Distances are far smaller than norms, which loses digits unless points are centred."""
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(300, 8)) + 100.0).astype(np.float32)
    mask = np.arange(300) < 5
    theirs = CoreSet(random_state=0).query(
        features.astype(np.float64), missing(mask), batch_size=40
    )
    np.testing.assert_array_equal(jitted(features, mask, 40), theirs)


def test_all_that_is_left():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 6)).astype(np.float32)
    mask = rng.permutation(np.arange(60) < 10)
    theirs = CoreSet(random_state=0).query(features, missing(mask), batch_size=50)
    np.testing.assert_array_equal(jitted(features, mask, 50), theirs)
