"""BRAL-T's round as one writes it with PyTorch, scikit-learn and POT: jal's peer.

The same features, samples, caps and steps as jal's; distances are exact, by `ot.emd2`, which is
faster than Sinkhorn's in POT (see bral_t_distances.py), or between Gaussians.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.cluster import KMeans

from bench.bral_t_data import (
    ACTIONS,
    BATCH,
    FOUND_BY,
    ITERATIONS,
    MEMBERS,
    PARTS_BY,
    RATE,
    SHARE,
    Sizes,
    arrays,
    sizes_of,
)
from bench.timing import Result, peak_mib

ROUNDS = 3  # timed, each with a seed of its own
PARTS = ("clusters", "distances", "updates", "choose")


class Clock:
    """Seconds by part."""

    def __init__(self):
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Adds what happens inside to the part."""
        began = time.perf_counter()
        yield
        self.seconds[part] += time.perf_counter() - began


class Found(NamedTuple):
    """Actions of a pair: `inputs [M, 6 D]`, their points, and the cluster `[M]` of each."""

    inputs: np.ndarray
    points: list[np.ndarray]
    cluster: np.ndarray


def peer_round(sizes: Result, threads: int) -> Result:
    """Rounds one after another with so many threads: medians of their parts, in seconds."""
    from threadpoolctl import threadpool_limits

    given = sizes_of(sizes)
    data = arrays(given)
    torch.set_num_threads(threads)
    with threadpool_limits(threads):  # what is loaded at first use is not timed
        bral_t_round(data, given._replace(samples=1, steps=2), 0, Clock())
        found = []
        for seed in range(ROUNDS):
            clock = Clock()
            loss = bral_t_round(data, given, seed, clock)[1]
            found.append({**clock.seconds, "loss": loss})
    row = {f"{part}_s": statistics.median(one[part] for one in found) for part in PARTS}
    total = statistics.median(sum(one[part] for part in PARTS) for one in found)
    return row | {
        "seeds": 1,
        "compile_s": 0.0,
        "steady_s": total,
        "seeds_per_s": 1 / total,
        "loss": statistics.median(one["loss"] for one in found),
        "peak_mib": peak_mib(),
    }


def bral_t_round(
    data: dict[str, Any], sizes: Sizes, seed: int, clock: Clock
) -> tuple[np.ndarray, float]:
    """The picks `[b]`, and the mean loss of the last sample's steps."""
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    features, labelled = data["features"], data["labelled"]
    trusted = trust_set(data, sizes, random)
    inputs, targets = [], []
    for _ in range(sizes.samples):
        with clock.of("clusters"):
            known = np.flatnonzero(labelled)
            drawn = random.choice(known, min(sizes.size, len(known)), replace=False)
            first = round(SHARE * len(drawn))
            in_l, in_u = drawn[:first], drawn[first:]
        found = find_actions(features, in_l, in_u, sizes, random, clock)
        with clock.of("distances"):
            apart = rewards(features, found, trusted, in_u, sizes, random)
        inputs.append(found.inputs)
        targets.append(apart)
    with clock.of("updates"):
        network, standard, loss = train(inputs, targets, sizes)
    with clock.of("choose"):
        known, free = np.flatnonzero(labelled), np.flatnonzero(~labelled)
        found = find_actions(features, known, free, sizes, random, Clock())
        with torch.no_grad():
            expected = network(standard(torch.from_numpy(found.inputs)))[:, 0].numpy()
        picks = choose(expected, found, sizes, random)
    return picks, loss


def trust_set(data: dict[str, Any], sizes: Sizes, random: np.random.Generator) -> np.ndarray:
    """`[N]` bool: of each class the largest EL2N under SuperLoss."""
    from scipy.special import lambertw, log_softmax

    known = np.flatnonzero(data["labelled"])
    y = data["y"][known]
    log_p = log_softmax(data["logits"][known].astype(np.float64), axis=1)
    loss = -log_p[np.arange(len(y)), y]
    least = np.maximum(-2 / np.e + 1e-12, loss - np.log(sizes.classes))
    sigma = np.exp(-np.real(lambertw(0.5 * least)))
    error = np.linalg.norm(np.exp(log_p) - np.eye(sizes.classes)[y], axis=1)
    score = sigma * error + 1e-9 * random.random(len(y))
    trusted = np.zeros(len(data["y"]), bool)
    for c in range(sizes.classes):
        of_class = known[y == c]
        best = np.argsort(-score[y == c])[: -(-sizes.picks // sizes.classes)]
        trusted[of_class[best]] = True
    return trusted


def find_actions(
    features: np.ndarray,
    in_l: np.ndarray,
    in_u: np.ndarray,
    sizes: Sizes,
    random: np.random.Generator,
    clock: Clock,
) -> Found:
    """Clusters both sets, splits those of U, and describes each part."""
    with clock.of("clusters"):
        of_l = clusters(features[in_l], sizes.classes, FOUND_BY, random)
        of_u = clusters(features[in_u], sizes.classes, FOUND_BY, random)
        left = [in_l[of_l == c] for c in np.unique(of_l)]
        right = [in_u[of_u == c] for c in np.unique(of_u)]
        seen = [moments(features[part]) for part in left]
    with clock.of("distances"):
        nearest = [
            int(np.argmin([between(features, one, other, sizes, random) for other in left]))
            for one in right
        ]
    with clock.of("clusters"):
        inputs, points, cluster = [], [], []
        for c, whole in enumerate(right):
            part = clusters(features[whole], ACTIONS, PARTS_BY, random)
            state = seen[nearest[c]] + moments(features[whole])
            for a in np.unique(part):
                points.append(whole[part == a])
                inputs.append(np.concatenate(state + moments(features[points[-1]])))
                cluster.append(c)
    return Found(np.stack(inputs), points, np.array(cluster))


def clusters(points: np.ndarray, k: int, sample: int, random: np.random.Generator) -> np.ndarray:
    """Of each point, found by at most `sample` of them."""
    k = min(k, len(points))
    seed = int(random.integers(2**31))
    model: Any = KMeans(k, n_init=1, max_iter=ITERATIONS, random_state=seed)  # pyright: ignore
    if len(points) <= sample:
        return model.fit_predict(points)
    return model.fit(points[random.choice(len(points), sample, replace=False)]).predict(points)


def moments(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance `[D]`."""
    return points.mean(axis=0), points.var(axis=0)


def rewards(
    features: np.ndarray,
    found: Found,
    trusted: np.ndarray,
    in_u: np.ndarray,
    sizes: Sizes,
    random: np.random.Generator,
) -> np.ndarray:
    """Minus the distances `[M]` to the TrustSet's points in the cluster; NaN where it has none."""
    wanted = {
        c: np.concatenate([found.points[i] for i in np.flatnonzero(found.cluster == c)])
        for c in np.unique(found.cluster)
    }
    wanted = {c: points[trusted[points]] for c, points in wanted.items()}
    return np.array(
        [
            -between(features, points, wanted[c], sizes, random) if len(wanted[c]) else np.nan
            for points, c in zip(found.points, found.cluster, strict=True)
        ],
        np.float32,
    )


def between(
    features: np.ndarray, x: np.ndarray, y: np.ndarray, sizes: Sizes, random: np.random.Generator
) -> float:
    """The distance of two sets, of at most so many members."""
    if sizes.distance == "gaussian":
        (mean_x, var_x), (mean_y, var_y) = moments(features[x]), moments(features[y])
        apart = np.square(mean_x - mean_y) + np.square(np.sqrt(var_x) - np.sqrt(var_y))
        return float(apart.sum())
    x, y = (
        one if len(one) <= MEMBERS else random.choice(one, MEMBERS, replace=False) for one in (x, y)
    )
    return exact(features[x], features[y])


def exact(x: np.ndarray, y: np.ndarray) -> float:
    """The Wasserstein-1 distance of two sets of points."""
    import ot  # pyright: ignore[reportMissingImports]

    value: Any = ot.emd2([], [], ot.dist(x, y, metric="euclidean"))
    return float(value)


def train(inputs: list[Any], targets: list[Any], sizes: Sizes) -> tuple[Any, Any, float]:
    """The network, what standardises its inputs, and the mean loss of the last sample's steps."""
    upto = np.cumsum([np.isfinite(one).sum() for one in targets])
    x, y = np.concatenate(inputs), np.concatenate(targets)
    x, y = (torch.from_numpy(one[np.isfinite(y)]) for one in (x, y))
    mean, scale = x.mean(dim=0), x.std(dim=0, correction=0)
    scale[scale == 0] = 1.0
    x, y = (x - mean) / scale, (y - y.mean()) / y.std(correction=0)
    widths = (x.shape[1], *sizes.hidden)
    layers: list[Any] = []
    for into, out in itertools.pairwise(widths):
        layers += [torch.nn.Linear(into, out), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], 1))
    rule = torch.optim.SGD(network.parameters(), lr=RATE)
    losses = []
    for known in upto:
        for _ in range(sizes.steps):
            index = torch.randint(0, int(known), (BATCH,))
            rule.zero_grad()
            loss = torch.nn.functional.mse_loss(network(x[index])[:, 0], y[index])
            loss.backward()
            rule.step()
            losses.append(loss.detach())
    return network, lambda x: (x - mean) / scale, float(torch.stack(losses[-sizes.steps :]).mean())


def choose(
    expected: np.ndarray, found: Found, sizes: Sizes, random: np.random.Generator
) -> np.ndarray:
    """From every cluster as many, of the best sub-clusters first."""
    walks = []
    for c in np.unique(found.cluster):
        own = np.flatnonzero(found.cluster == c)
        own = own[np.argsort(-expected[own])]
        walks.append((-expected[own[0]], [random.permutation(found.points[i]) for i in own]))
    walks = [np.concatenate(walk) for _, walk in sorted(walks, key=lambda one: one[0])]
    turns = range(max(len(walk) for walk in walks))
    picks = [walk[turn] for turn in turns for walk in walks if turn < len(walk)]
    return np.array(picks[: sizes.picks])
