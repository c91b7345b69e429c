"""Ten-line NumPy versions of what jal computes, in float64 and independent of it."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(np.float64(logits) - np.max(np.float64(logits), axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def top_two_gap(values: np.ndarray) -> np.ndarray:
    ascending = np.sort(np.float64(values), axis=-1)
    return ascending[..., -1] - ascending[..., -2]


def margin(logits: np.ndarray) -> np.ndarray:
    return top_two_gap(softmax(logits))


def least_confidence(logits: np.ndarray) -> np.ndarray:
    return 1 - softmax(logits).max(axis=-1)


def entropy(logits: np.ndarray) -> np.ndarray:
    p = softmax(logits)
    return -np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=-1)


def top_k(scores: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """All unlabelled points, highest score first, NaN last, ties by index."""
    free = np.flatnonzero(~labelled)
    return free[np.argsort(-np.float64(scores)[free], kind="stable")]


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.square(np.float64(a)[:, None] - np.float64(b)[None]).sum(axis=-1)


def k_center(features: np.ndarray, labelled: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Greedy picks, and how far each was from all centres before it."""
    squared = squared_distances(features, features)
    centres, picks, radii = list(np.flatnonzero(labelled)), [], []
    for _ in range(k):
        nearest = squared[:, centres].min(axis=1, initial=np.inf)
        nearest[centres] = -np.inf
        picks.append(int(np.argmax(nearest)))
        radii.append(math.sqrt(nearest[picks[-1]]))
        centres.append(picks[-1])
    return np.array(picks), np.array(radii)


def covering_radius(features: np.ndarray, centres: np.ndarray) -> float:
    return math.sqrt(squared_distances(features, features[centres]).min(axis=1).max())


def smallest_covering_radius(features: np.ndarray, labelled: np.ndarray, k: int) -> float:
    """By trying every set of k unlabelled points beside the labelled ones."""
    fixed = list(np.flatnonzero(labelled))
    sets = itertools.combinations(np.flatnonzero(~labelled), k)
    return min(covering_radius(features, np.array([*fixed, *chosen])) for chosen in sets)


def lloyd(
    features: np.ndarray, labelled: np.ndarray, seeds: np.ndarray, iterations: int
) -> tuple[list[int], np.ndarray]:
    """k-means from given seeds; each centroid's nearest point, largest cluster first; the sizes."""
    free = np.flatnonzero(~labelled)
    centroids = np.float64(features)[seeds]
    for _ in range(iterations):
        cluster = squared_distances(features[free], centroids).argmin(axis=1)
        for c in np.unique(cluster):
            centroids[c] = np.float64(features)[free][cluster == c].mean(axis=0)
    squared = squared_distances(features[free], centroids)
    sizes = np.bincount(squared.argmin(axis=1), minlength=len(seeds))
    picks: list[int] = []
    for c in np.argsort(-sizes, kind="stable"):
        nearest = free[np.argsort(squared[:, c], kind="stable")]
        picks.append(next(int(i) for i in nearest if i not in picks))
    return picks, sizes


def gradient_embeddings(logits: np.ndarray, features: np.ndarray) -> np.ndarray:
    """BADGE's last-layer gradients `[N, K D]` for the predicted class."""
    residual = np.eye(logits.shape[1])[np.argmax(logits, axis=1)] - softmax(logits)
    return np.einsum("nk,nd->nkd", residual, np.float64(features)).reshape(len(logits), -1)


def largest_array(program: Any) -> int:
    """Elements of the largest array that a jaxpr forms, in its loops and branches too."""
    program = getattr(program, "jaxpr", program)
    largest = 0
    for equation in program.eqns:
        largest = max(largest, *(math.prod(out.aval.shape) for out in equation.outvars), 0)
        for parameter in equation.params.values():
            for inner in parameter if isinstance(parameter, (tuple, list)) else [parameter]:
                if hasattr(getattr(inner, "jaxpr", inner), "eqns"):
                    largest = max(largest, largest_array(inner))
    return largest
