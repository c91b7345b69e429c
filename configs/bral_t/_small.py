"""What BRAL-T's small configs share: the ladder; of the digits protocol and network, too."""

from typing import Any

from jal.experiment import MLP, Protocol, Query, Random

NETWORK = MLP(hidden=(128,), normalise="none")
PROTOCOL = Protocol(seeds=32, splits=8, rounds=8, batch=20, start=Random(labels=100))


def ladder(**options: Any) -> tuple[Query, ...]:
    """Random points, BRAL-T, and what lies between and above, with these options of BRAL-T's.

    Each rung replaces one part of the one before: sub-clusters at random, in the order of learned
    rewards, of the true rewards; and the points that these stand for.
    """
    return (
        Query("random"),
        Query("bral_t", name="random_clusters", ranking="random", **options),
        Query("bral_t", **options),
        Query("gradnd_oracle", name="clusters_oracle", ranking="clusters", **options),
        Query("gradnd_oracle", **options),
    )
