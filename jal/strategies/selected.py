"""Strategies that hand a round's arrays to a selector of `jal.select`, and do nothing else."""

from __future__ import annotations

from jal import select
from jal.strategies.from_selector import from_selector

__all__ = ["members"]

_SIMILAR = "Kothawade et al., 2021"
_ETA = "code: DISTIL's"
_QUERIES = "ours: bounds memory at N x 256, or the square of it; the code takes all"
members = (
    from_selector(
        select.k_center, paper="Sener and Savarese, 2018", cost="N D (L + b)", cold_start=True
    ),
    from_selector(
        select.kmeans,
        paper="Lloyd, 1982",
        cost="N D b per iteration",
        defaults={},
        cold_start=True,
    ),
    from_selector(select.badge, paper="Ash et al., 2020", cost="N (D + K) b"),
    from_selector(
        select.typi_clust,
        paper="Hacohen et al., 2022",
        cost="S D (L + b) per iteration (S sampled points), and n^2 D in each cluster of n",
        defaults={
            "max_clusters": "code",
            "neighbours": "code",
            "min_size": "code",
            "sample": "ours: bounds time; the code has mini-batches of 5,000 above 50 clusters",
        },
        cold_start=True,
    ),
    from_selector(
        select.active_ft,
        paper="Xie et al., 2023",
        cost="N D b per iteration",
        defaults={
            "temperature": "code",
            "iterations": "code: on the CIFARs; 100 on ImageNet",
            "learning_rate": "code",
            "diversity": "code",
            "objective": "code: on the digits with 20 labels .76 of the test set are right, as "
            "printed .60, at random .57",
            "minibatch": "code: on the CIFARs; 100,000 on ImageNet",
        },
        cold_start=True,
    ),
    from_selector(
        select.bait,
        paper="Ash et al., 2021",
        cost="N d K^2 b, d at most 128",
        defaults={
            "ridge": "code",
            "oversample": "code",
            "weights": "ours: 1.8 +- .45 points of accuracy more than the code's at ridge 1",
            "max_features": "ours: bounds M at 2,048 x 2,048; the code's is 5,120 x 5,120 for 10 "
            "classes of 512 features",
            "max_classes": "ours: likewise",
        },
    ),
    from_selector(
        select.alfa_mix,
        paper="Parvaneh et al., 2022",
        cost="N D (K^2 + b)",
        defaults={"cap_step": "code: its instructions for the closed form"},
    ),
    from_selector(
        select.alfa_mix,
        name="alfa_mix_optimised",
        summary="ALFA-Mix with each mixture found by gradient steps; slower (Parvaneh et al., "
        "2022).",
        paper="Parvaneh et al., 2022",
        cost="N D K^2 per step and cap, N D b per iteration",
        own={"optimise": True, "cap_step": 0.03125},
        defaults={
            "cap_step": "code: of the learnt mixture",
            "steps": "code",
            "learning_rate": "code",
            "penalty": "code",
        },
    ),
    from_selector(
        select.flqmi,
        paper=_SIMILAR,
        cost="N Q (D + b), Q at most 256 queries",
        defaults={"eta": _ETA, "max_queries": _QUERIES},
    ),
    from_selector(
        select.fl1mi,
        paper=_SIMILAR,
        cost="S (N + b) D, S at most 2,000 points",
        defaults={
            "eta": _ETA,
            "max_queries": _QUERIES,
            "sample": "ours: bounds memory at N x 2,000; the code's N x N is 10 GB at N = 50,000",
        },
    ),
    from_selector(select.gcmi, paper=_SIMILAR, cost="N K D", defaults={"max_queries": _QUERIES}),
    from_selector(
        select.logdetmi,
        paper=_SIMILAR,
        cost="N (D + Q + b) b",
        defaults={"eta": _ETA, "ridge": _ETA, "max_queries": _QUERIES},
    ),
    from_selector(select.galaxy, paper="Zhang et al., 2022", cost="N (K log N + b)"),
)
