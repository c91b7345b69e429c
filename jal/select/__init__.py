"""Whole-pool selectors: arrays in, k distinct unlabelled indices out, in order of preference.

All compute in float32: other floats, integers and bools are cast. What a selector cannot take is a
ValueError of one sentence, before anything is computed; so are fewer unlabelled points than k,
where they can be counted. Under jit they cannot: there the unlabelled points come first, and N,
the pool's size, takes the places that are left. It is out of range, and JAX's scatters drop it.
Nor can NaN and infinity be refused under jit: picks stay distinct and unlabelled, and where such
points come is said by those selectors that put them last. `trust_set` alone chooses among the
labelled, and returns a mask.
"""

from jal.select.active_ft import active_ft
from jal.select.alfa_mix import alfa_mix
from jal.select.badge import badge
from jal.select.bait import bait
from jal.select.batch_bald import batch_bald
from jal.select.cluster_margin import cluster_margin, linkage_clusters
from jal.select.galaxy import galaxy
from jal.select.k_center import k_center
from jal.select.kmeans import kmeans
from jal.select.prob_cover import prob_cover, pure_radius
from jal.select.round_robin import round_robin
from jal.select.saal import saal
from jal.select.stream import stream_adaptive, stream_fixed
from jal.select.submodular import fl1mi, flqmi, gcmi, logdetmi
from jal.select.top_k import top_k
from jal.select.trust_set import trust_set
from jal.select.typi_clust import typi_clust

__all__ = [
    "active_ft",
    "alfa_mix",
    "badge",
    "bait",
    "batch_bald",
    "cluster_margin",
    "fl1mi",
    "flqmi",
    "galaxy",
    "gcmi",
    "k_center",
    "kmeans",
    "linkage_clusters",
    "logdetmi",
    "prob_cover",
    "pure_radius",
    "round_robin",
    "saal",
    "stream_adaptive",
    "stream_fixed",
    "top_k",
    "trust_set",
    "typi_clust",
]
