"""What launch/bench.py times: each worker runs in a process of its own and prints one JSON line.

Each tool is imported by the worker that times it, so that none pays for another's memory.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS, BATCH = 20, 10  # of the protocol
WIDTH, CLASSES, LABELLED, PICKS = 512, 10, 500, 100  # of the selectors' pool

Result = dict[str, Any]


def jal_seeds(seeds: int, at_once: int | None = None) -> Result:
    """One compiled program for all seeds, by the machinery and settings of launch/run.py."""
    import jax
    import numpy as np

    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        jax.config.update("jax_num_cpu_devices", os.cpu_count())
    jax.config.update("jax_enable_compilation_cache", False)
    from jal.data import load
    from jal.experiment import Experiment, LogisticRegression
    from jal.experiment.program import Program
    from jal.strategies import registry

    data = load("sklearn:digits")
    experiment = Experiment(
        learners={"logistic_regression": LogisticRegression()},
        strategies=("margin",),
        seeds=seeds,
        rounds=ROUNDS,
        batch=BATCH,
        initial_indices=tuple(tuple(_start(data.train.y, seed)) for seed in range(seeds)),
        seeds_at_once=at_once,
    )
    program = Program(experiment, data, registry)
    program.compile(0)

    def run() -> np.ndarray:
        state = program.advance(0, program.start(0), 0, ROUNDS + 1)
        return np.asarray(state.metrics["accuracy"])

    seconds = steady(run)
    return _rates(seeds, program.compile_seconds, seconds, run()[:, -1]) | device()


def sklearn_loop(seeds: int) -> Result:
    """The plain loop: fit, measure, label the smallest margins."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    x, x_test, y, y_test = _digits()

    def episode(seed: int) -> float:
        labelled = np.array(_start(y, seed))
        for t in range(ROUNDS + 1):
            model = LogisticRegression(C=1.0, max_iter=300).fit(x[labelled], y[labelled])
            accuracy = model.score(x_test, y_test)
            if t < ROUNDS:
                free = np.setdiff1d(np.arange(len(y)), labelled)
                top = np.sort(model.predict_proba(x[free]), axis=1)
                picks = np.argsort(top[:, -1] - top[:, -2])[:BATCH]
                labelled = np.concatenate([labelled, free[picks]])
        return float(accuracy)

    return _loop(episode, seeds)


def modal_loop(seeds: int) -> Result:
    """The same by modAL's ActiveLearner, which refits on all labels whenever it is taught."""
    import numpy as np
    from modAL.models import ActiveLearner  # pyright: ignore[reportMissingImports]
    from modAL.uncertainty import margin_sampling  # pyright: ignore[reportMissingImports]
    from sklearn.linear_model import LogisticRegression

    x, x_test, y, y_test = _digits()

    def episode(seed: int) -> float:
        picks = _start(y, seed)
        model = LogisticRegression(C=1.0, max_iter=300)
        learner = ActiveLearner(model, margin_sampling, x[picks], y[picks])
        free_x, free_y = np.delete(x, picks, axis=0), np.delete(y, picks)
        for _ in range(ROUNDS):
            learner.score(x_test, y_test)
            picks, _ = learner.query(free_x, n_instances=BATCH)
            learner.teach(free_x[picks], free_y[picks])
            free_x, free_y = np.delete(free_x, picks, axis=0), np.delete(free_y, picks)
        return float(learner.score(x_test, y_test))

    return _loop(episode, seeds)


def jal_select(name: str, points: int) -> Result:
    """jal's selector, jitted alone, as in anyone's JAX program."""
    import functools

    import jax
    import jax.numpy as jnp

    from jal import select

    jax.config.update("jax_enable_compilation_cache", False)
    x, logits, labelled = (jnp.asarray(array) for array in _pool(points))
    inputs = (x, labelled) if name == "k_center" else (jax.random.key(0), logits, x, labelled)
    jax.block_until_ready(inputs)
    began = time.perf_counter()
    selector = jax.jit(functools.partial(getattr(select, name), k=PICKS))
    compiled = selector.lower(*inputs).compile()
    compile_s = time.perf_counter() - began
    steady_s = steady(lambda: jax.block_until_ready(compiled(*inputs)))
    picks = compiled(*inputs).tolist()
    return _selected(compile_s, steady_s, picks, x, logits, labelled) | device()


def skactiveml_select(name: str, points: int) -> Result:
    """scikit-activeml's query, given features and probabilities: no model takes any time."""
    import numpy as np
    from scipy.special import softmax
    from skactiveml.base import SkactivemlClassifier  # pyright: ignore[reportMissingImports]
    from skactiveml.pool import Badge, CoreSet  # pyright: ignore[reportMissingImports]

    x, logits, labelled = _pool(points)
    probabilities = softmax(logits, axis=1)[~labelled]
    y = np.where(labelled, 0.0, np.nan)

    class Fitted(SkactivemlClassifier):
        def fit(self, X, y, sample_weight=None):
            return self

        def predict_proba(self, X):  # asked for the unlabelled rows only
            return probabilities

    began = time.perf_counter()
    if name == "k_center":
        picks = CoreSet(random_state=0).query(x, y, batch_size=PICKS)
    else:
        picks = Badge(random_state=0).query(x, y, Fitted(), fit_clf=False, batch_size=PICKS)
    steady_s = time.perf_counter() - began
    return _selected(0.0, steady_s, np.array(picks).tolist(), x, logits, labelled)


def _start(y: Any, seed: int) -> list[int]:
    """One random pool index of each class, the same for all tools."""
    import numpy as np

    random = np.random.default_rng(seed)
    return [int(random.choice(np.flatnonzero(y == label))) for label in range(10)]


def _digits() -> list[Any]:
    """The protocol's x, x_test, y, y_test, in float64."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits: Any = load_digits()
    x, y = digits.data / 16.0, digits.target
    return train_test_split(x, y, test_size=797, random_state=0, stratify=y)


def _pool(points: int) -> list[Any]:
    """Clustered features `[N, D]`, logits `[N, K]` of a random linear head, labelled `[N]`."""
    import numpy as np

    random = np.random.default_rng(0)
    centers = random.standard_normal((CLASSES, WIDTH), dtype=np.float32)
    y = random.integers(CLASSES, size=points)
    x = random.standard_normal((points, WIDTH), dtype=np.float32)
    for label in range(CLASSES):
        x[y == label] += centers[label]
    head = random.standard_normal((WIDTH, CLASSES), dtype=np.float32) / np.float32(WIDTH**0.5)
    labelled = np.zeros(points, bool)
    labelled[random.choice(points, LABELLED, replace=False)] = True
    return [x, x @ head, labelled]


def _loop(episode: Callable[[int], float], seeds: int) -> Result:
    """Seeds one by one, with the one BLAS thread that is fastest; fails where there are more."""
    import numpy as np
    from threadpoolctl import threadpool_info

    if any(pool["num_threads"] > 1 for pool in threadpool_info()):
        raise RuntimeError("BLAS took more than one thread")
    episode(0)
    began = time.perf_counter()
    final = [episode(seed) for seed in range(seeds)]
    return _rates(seeds, 0.0, time.perf_counter() - began, np.array(final))


def _rates(seeds: int, compile_s: float, steady_s: float, final: Any) -> Result:
    return {
        "seeds": seeds,
        "compile_s": compile_s,
        "steady_s": steady_s,
        "seeds_per_s": seeds / steady_s,
        "peak_mib": peak_mib(),
        "accuracy": float(final.mean()),
    }


def _selected(compile_s: float, steady_s: float, picks: list[int], *arrays: Any) -> Result:
    return {
        "compile_s": compile_s,
        "steady_s": steady_s,
        "picks": picks,
        "peak_mib": peak_mib(),
        "inputs_mib": sum(array.nbytes for array in arrays) / 2**20,
    }


def steady(run: Callable[[], Any], budget: float = 4.0) -> float:
    """Median seconds of warm runs: at least three, at most twenty, for about `budget` seconds."""
    run()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < budget and len(times) < 20):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def peak_mib() -> float:
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage counts the parent's memory at the fork too
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def device() -> Result:
    """An accelerator's name and peak memory; nothing on CPUs."""
    import jax

    device = jax.devices()[0]
    peak = (device.memory_stats() or {}).get("peak_bytes_in_use", 0)
    found = {"device": device.device_kind, "device_mib": peak / 2**20}
    return {} if device.platform == "cpu" else found


def main(*workers: Callable[..., Result]) -> None:
    """Runs the worker that the first argument names, with the second's options, as JSON."""
    by_name = {worker.__name__: worker for worker in workers}
    print(json.dumps(by_name[sys.argv[1]](**json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main(jal_seeds, sklearn_loop, modal_loop, jal_select, skactiveml_select)
