"""jal's TypiClust beside scikit-activeml's, both given the same clusters, pick by pick."""

import functools

import jax
import numpy as np
import pytest
from peers.given import missing
from skactiveml.pool import TypiClust

from jal.select.typi_clust import most_typical

SIZES = np.array([41, 34, 30, 27, 23, 20, 16, 13, 10, 8])  # no two tie, none is small


class Clustered:
    """A clustering that is known beforehand."""

    def __init__(self, n_clusters: int, clusters: np.ndarray):
        self.clusters = clusters

    def fit_predict(self, X: np.ndarray) -> np.ndarray:
        return self.clusters


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("neighbours", [3, 20])
def test_every_pick(seed, neighbours):
    """Three clusters hold labels, the seven others one pick each; some have < 20 neighbours."""
    rng = np.random.default_rng(seed)
    cluster = rng.permutation(np.repeat(np.arange(len(SIZES)), SIZES)).astype(np.int32)
    centers = 4.0 * rng.normal(size=(len(SIZES), 12))
    features = (centers[cluster] + rng.normal(size=(len(cluster), 12))).astype(np.float32)
    labelled = np.zeros(len(cluster), bool)
    for covered in rng.permutation(len(SIZES))[:3]:
        labelled[rng.choice(np.flatnonzero(cluster == covered), 2, replace=False)] = True
    strategy = TypiClust(
        random_state=0,
        cluster_algo=Clustered,
        cluster_algo_dict={"clusters": cluster},
        k=neighbours,
    )
    theirs = strategy.query(features, missing(labelled), batch_size=7)
    select = functools.partial(most_typical, k=7, clusters=len(SIZES), neighbours=neighbours)
    np.testing.assert_array_equal(jax.jit(select)(features, cluster, labelled), theirs)
