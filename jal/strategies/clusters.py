"""ProbCover and Cluster-Margin: what they hand to their selectors has to be found first."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jal import scores, select
from jal.select.lanes import in_any_lane
from jal.select.options import check_options, counts
from jal.select.prob_cover import GRID
from jal.strategies.strategy import Registered, stateless
from jal.types import Array, Round, Strategy

__all__ = ["cluster_margin", "members", "prob_cover"]


def prob_cover(
    delta: float | None = None,
    deltas: tuple[float, ...] = GRID,
    alpha: float = 0.95,
    purity_sample: int = 2_000,
) -> Strategy:
    """Greedy maximum coverage by balls of radius delta (Yehuda et al., 2022).

    The clusters of the purity test have their centroids from 10,000 points drawn at random.

    Args:
      delta: the radius, on features of norm 1; None for the largest of `deltas` that is pure
        enough, on each round's features anew.
      deltas: see `select.pure_radius`, as are the others; not read with a delta.
      alpha: the share of balls that must be pure.
      purity_sample: about how many points balls are looked at.
    """
    if delta is not None:
        check_options("prob_cover", select.prob_cover, {"delta": delta})
    check_options("prob_cover", select.pure_radius, {"deltas": deltas, "alpha": alpha})
    counts()("prob_cover", "purity_sample", purity_sample)

    def pick(key: Array, round: Round, k_max: int) -> Array:
        key_radius, key_ties = jax.random.split(key)
        radius = delta
        if radius is None:
            classes = round.logits.shape[1]
            radius = select.pure_radius(
                key_radius, round.features, classes, deltas=deltas, alpha=alpha,
                sample=purity_sample,
            )  # fmt: skip
        return select.prob_cover(key_ties, round.features, round.labelled, k_max, delta=radius)

    return stateless(pick)


def cluster_margin(
    ratio: float = 1.25, clusters: int | None = None, sample: int = 10_000
) -> Strategy:
    """Small margins, spread over clusters by average linkage (Citovsky et al., 2021).

    The clusters are those of the first query's features, and are kept. Candidates are counted for
    k_max, also where fewer are labelled in the end.

    Args:
      ratio: candidates per pick.
      clusters: how many; None for 1 / `ratio` of the points.
      sample: how many points, drawn at random, are clustered, in 8 sample^2 bytes; the others join
        the nearest of these, or are clusters of their own.
    """
    options = {"clusters": clusters, "sample": sample, "ratio": ratio}
    check_options("cluster_margin", select.linkage_clusters, options)

    def init(key: Array, x: Array) -> tuple[Array, Array]:
        return jnp.zeros(x.shape[0], jnp.int32), jnp.bool_(False)

    def pick(
        key: Array, state: tuple[Array, Array], round: Round, k_max: int
    ) -> tuple[Array, tuple[Array, Array]]:
        cluster, known = state
        key_cluster, key_pick = jax.random.split(key)

        def first() -> Array:
            found = select.linkage_clusters(key_cluster, round.features, **options)
            return jnp.where(known, cluster, found)

        cluster = jax.lax.cond(in_any_lane(~known), first, lambda: cluster)
        margins = jax.vmap(scores.margin)(round.logits)
        picks = select.cluster_margin(
            key_pick, margins, cluster, round.labelled, k_max, ratio=ratio
        )
        return picks, (cluster, jnp.bool_(True))

    return Strategy(init, pick)


members = (
    Registered(
        prob_cover,
        "Yehuda et al., 2022",
        ("features",),
        "N^2 D",
        defaults={
            "delta": "paper: the largest radius that is pure enough",
            "deltas": "ours: steps of .05 up to 2, the largest distance there is",
            "alpha": "paper",
            "purity_sample": "ours: a share of .95 is known to within .005 (its standard error)",
        },
        cold_start=True,
    ),
    Registered(
        cluster_margin,
        "Citovsky et al., 2021",
        ("logits", "features"),
        "N K, once S D (N + S) for S sampled points",
        defaults={
            "ratio": "paper: of its smaller pools; 10 of its largest",
            "clusters": "paper: a cluster has as many points as there are candidates for a pick",
            "sample": "ours: 800 MB of distances; the paper has linkage spread over machines",
        },
    ),
)
