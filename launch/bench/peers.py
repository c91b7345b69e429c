"""The peers that launch/bench.py times beside jal's strategies, on arrays that are given.

scikit-activeml, baal and small-text, each imported by the process that times it; none needs JAX.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.selections import CLASSES
from bench.timing import Result, peak_mib, steady

PASSES = 10  # dropout passes, or members of a committee

# Tool -> strategy -> the class that does the same, and options of it. On the same arrays as jal's.
PEERS: dict[str, dict[str, tuple[str, Result]]] = {
    "scikit-activeml": {
        "random": ("RandomSampling", {}),
        "least_confidence": ("UncertaintySampling", {"method": "least_confident"}),
        "margin": ("UncertaintySampling", {"method": "margin_sampling"}),
        "entropy": ("UncertaintySampling", {"method": "entropy"}),
        "k_center": ("CoreSet", {}),
        "badge": ("Badge", {}),
        "typi_clust": ("TypiClust", {"k": 20}),
        "prob_cover": ("ProbCover", {"n_classes": CLASSES}),
        "bald": ("GreedyBALD", {}),
        "batch_bald": ("BatchBALD", {"n_MC_samples": 1000}),  # as many as jal's configurations
        "query_by_committee": ("QueryByCommittee", {"method": "vote_entropy"}),
        "committee_kl": ("QueryByCommittee", {"method": "KL_divergence"}),
    },
    "baal": {
        "random": ("Random", {"seed": 0}),
        "least_confidence": ("Certainty", {}),
        "margin": ("Margin", {}),
        "entropy": ("Entropy", {}),
        "bald": ("BALD", {}),
        "batch_bald": ("BatchBALD", {"num_samples": 100, "num_draw": 100}),  # 100 for each pass
    },
    "small-text": {
        "random": ("RandomSampling", {}),
        "least_confidence": ("LeastConfidence", {}),
        "margin": ("BreakingTies", {}),
        "entropy": ("PredictionEntropy", {}),
        "k_center": ("GreedyCoreset", {"distance_metric": "euclidean", "normalize": False}),
        "kmeans": ("EmbeddingKMeans", {"normalize": False}),
        "bald": ("BALD", {"dropout_samples": PASSES}),
    },
}


def sizes(points: int) -> tuple[int, int]:
    """How many of the points are labelled, and how many are picked."""
    return min(1000, points // 5), min(100, points // 5)


def peer_strategy(name: str, points: int, tool: str, folder: str) -> Result:
    """A peer's query on jal's arrays, with all threads and nearly all memory of the machine."""
    import numpy as np

    arrays = dict(np.load(pool_file(points, folder)))
    make = {"scikit-activeml": _skactiveml, "baal": _baal, "small-text": _small_text}[tool]
    query = make(*PEERS[tool][name], arrays, sizes(points)[1])
    found: Result = {}

    def run() -> None:
        found["picks"] = np.asarray(query()).tolist()

    free = _allow_what_is_free()
    try:
        found["steady_s"] = steady(run)
    except (MemoryError, RuntimeError) as error:  # RuntimeError is PyTorch's
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        return {"over_mib": free}
    return found | {"peak_mib": peak_mib()}


def _skactiveml(kind: str, options: Result, arrays: Result, picks: int) -> Callable[[], Any]:
    import numpy as np
    import skactiveml.pool as pool  # pyright: ignore[reportMissingImports]
    from skactiveml.base import SkactivemlClassifier  # pyright: ignore[reportMissingImports]

    class Fitted(SkactivemlClassifier):
        def fit(self, X, y, sample_weight=None):
            return self

        def predict_proba(self, X):  # asked for the unlabelled rows only
            return probabilities

        def sample_passes(self, X):
            return passes.copy()  # is clipped in place

    labelled, x = arrays["labelled"], arrays["features"]
    probabilities, passes = arrays["probabilities"][~labelled], arrays["passes"][:, ~labelled]
    y = np.where(labelled, arrays["y"], np.nan)
    model = Fitted(classes=list(range(CLASSES))).fit(x, y)
    model.classes_ = np.arange(CLASSES)
    arguments: Result = {"X": x, "y": y, "batch_size": picks}
    make = getattr(pool, kind)
    wanted = inspect.signature(make.query).parameters
    if "ensemble" in wanted:
        options = options | {"sample_predictions_method_name": "sample_passes"}
        arguments |= {"ensemble": model, "fit_ensemble": False}
    elif "clf" in wanted:
        arguments |= {"clf": model, "fit_clf": False}
    if kind == "ProbCover":  # its radii are of unit vectors, which jal makes itself
        arguments["X"] = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    # Made anew each time: ProbCover keeps its distances.
    return lambda: make(random_state=0, **options).query(**arguments)


def _baal(kind: str, options: Result, arrays: Result, picks: int) -> Callable[[], Any]:
    import numpy as np

    heuristics = importlib.import_module("baal.active.heuristics")
    free = np.flatnonzero(~arrays["labelled"])
    if "num_samples" in options:
        options = options | {"num_samples": picks}
    of_passes = kind in ("BALD", "BatchBALD")
    given = np.moveaxis(arrays["passes"], 0, 2) if of_passes else arrays["probabilities"]
    given = np.ascontiguousarray(given[free])
    heuristic = getattr(heuristics, kind)(**options)
    return lambda: free[heuristic(given)[:picks]]


def _small_text(kind: str, options: Result, arrays: Result, picks: int) -> Callable[[], Any]:
    import numpy as np

    strategies = importlib.import_module("small_text.query_strategies")
    passes = np.ascontiguousarray(np.moveaxis(arrays["passes"], 0, 1))

    class Fitted:
        def predict_proba(self, dataset, dropout_sampling=1):
            return arrays["probabilities"] if dropout_sampling == 1 else passes

    labelled, x = arrays["labelled"], arrays["features"]
    unlabelled, known = np.flatnonzero(~labelled), np.flatnonzero(labelled)
    strategy = getattr(strategies, kind)(**options)
    more: Result = {}
    if "embeddings" in inspect.signature(strategy.query).parameters:
        more["embeddings"] = x[np.concatenate([unlabelled, known])]
    return lambda: strategy.query(Fitted(), x, unlabelled, known, arrays["y"][known], picks, **more)


def pool_file(points: int, folder: str) -> Path:
    """Where `strategy_pool` writes the arrays of a pool."""
    return Path(folder) / f"{points}.npz"


def _allow_what_is_free() -> float:
    """Bounds this process to what the machine has free; MiB, infinite where that is not known."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text()
        free = int(lines.split("MemAvailable:")[1].split()[0]) * 1024 - 2**30
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + free, now + free))
        return free / 2**20
    return float("inf")
