"""What a round of BRAL-T is given here: the same arrays for jal and for its peer, without JAX."""

from __future__ import annotations

from typing import Any, NamedTuple


class Sizes(NamedTuple):
    """A round's: `labelled` and `unlabelled` points, `width` D, `classes` K, `picks` b.

    Attributes:
      samples: pairs (L', U').
      steps: of SGD after each.
      hidden: widths of the reward network.
      size: labelled points drawn for a pair, at most.
      distance: "sinkhorn" or "gaussian".
    """

    labelled: int = 1000
    unlabelled: int = 10_000
    width: int = 512
    classes: int = 10
    picks: int = 500
    samples: int = 30
    steps: int = 20
    hidden: tuple[int, ...] = (512, 512)
    size: int = 1000
    distance: str = "sinkhorn"


ACTIONS, BATCH, RATE, SHARE, MEMBERS = 5, 100, 0.01, 0.2, 32  # as jal.bral_t.Policy has them
ITERATIONS, FOUND_BY = 20, 2048  # of Lloyd; points that find clusters
PARTS_BY = 32 * ACTIONS  # that find a cluster's sub-clusters


def sizes_of(options: dict[str, Any]) -> Sizes:
    """From JSON."""
    made = Sizes(**options)
    return made._replace(hidden=tuple(made.hidden))


def arrays(sizes: Sizes) -> dict[str, Any]:
    """`features [N, D]` of noisy classes after a ReLU, `logits [N, K]`, `y [N]`, `labelled [N]`."""
    import numpy as np

    random = np.random.default_rng(0)
    n = sizes.labelled + sizes.unlabelled
    y = random.integers(0, sizes.classes, n)
    centres = random.normal(size=(sizes.classes, sizes.width))
    features = np.maximum(centres[y] + random.normal(size=(n, sizes.width)), 0.0)
    logits = 2.0 * np.eye(sizes.classes)[y] + random.normal(size=(n, sizes.classes))
    labelled = np.zeros(n, bool)
    labelled[random.permutation(n)[: sizes.labelled]] = True
    return {
        "features": features.astype(np.float32),
        "logits": logits.astype(np.float32),
        "y": np.where(labelled, y, -1).astype(np.int32),
        "labelled": labelled,
    }


def pairs_of_sets(sizes: Sizes, count: int) -> tuple[Any, Any]:
    """Points `[count, m, D]` twice, of one class and of another: sets as the policy compares."""
    import numpy as np

    given = arrays(sizes)
    random = np.random.default_rng(1)
    known = np.flatnonzero(given["labelled"])
    of = {c: known[given["y"][known] == c] for c in range(sizes.classes)}
    drawn = [random.choice(sizes.classes, 2, replace=False) for _ in range(count)]
    m = min(MEMBERS, *(len(members) for members in of.values()))
    first, second = (
        np.stack([random.choice(of[pair[i]], m, replace=False) for pair in drawn]) for i in (0, 1)
    )
    return given["features"][first], given["features"][second]
