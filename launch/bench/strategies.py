"""One query of each strategy, and of the peers that have it.

A pool of noisy clusters and a perceptron with dropout, fitted on the labelled points, are the same
for all. `strategy_pool` writes what it says of the pool for the peers, none of which pays for a
model or for JAX. Each worker runs in a process of its own and prints one JSON line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strategies import caps  # launch/strategies.py

from bench.measure import Step
from bench.peers import PASSES, PEERS, pool_file, sizes
from bench.selections import CLASSES, WIDTH
from bench.timing import Result, compiled, device, peak_mib, steady, without_cache
from jal.strategies import registry

LIMIT_S = 300.0  # of one process, from its start
LONG_S = 60.0  # what takes longer is measured once, not in every turn
GIVEN = "jal, given passes"

# Their peers are given passes or members, so jal is timed on given ones too.
OF_PASSES = ("bald", "batch_bald", "query_by_committee", "committee_kl")


def plan(pools: Sequence[int], names: Sequence[str], folder: str) -> dict[str, Step]:
    """Label -> step: jal and its peers in turn, given what `prepare` wrote."""
    steps = {}
    for points in pools:
        for name in names:
            tools = ["jal", *([GIVEN] if name in OF_PASSES else [])]
            tools += [tool for tool, known in PEERS.items() if name in known]
            for tool in tools:
                options = {"name": name, "points": points, "tool": tool, "folder": folder}
                worker = f"bench.{'peers:peer' if tool in PEERS else 'strategies:jal'}_strategy"
                steps[f"{name}, {points:,} points, {tool}"] = Step(worker, options, limit=LIMIT_S)
    return steps


def prepare(pools: Sequence[int], folder: str) -> dict[str, Step]:
    """What must be done before."""
    return {
        f"the pool of {points:,} points": Step(
            "bench.strategies:strategy_pool", {"points": points, "folder": folder}
        )
        for points in pools
    }


def strategy_pool(points: int, folder: str) -> Result:
    """Writes the arrays that the peers are given."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    seen = _round(points, None)
    keys = jax.random.split(jax.random.key(1), PASSES)
    passes = np.stack([jax.nn.softmax(seen.sample(key).logits) for key in keys])
    np.savez(
        pool_file(points, folder),
        features=seen.features,
        probabilities=jax.nn.softmax(seen.logits),
        labelled=seen.labelled,
        y=seen.y,
        passes=passes,
    )
    hit = jnp.argmax(seen.logits, axis=1) == jnp.asarray(_clusters(points)[1])
    return {"accuracy": float(jnp.mean(hit))}


def jal_strategy(name: str, points: int, tool: str, folder: str) -> Result:
    """jal's query, jitted alone; of strategies with a state, also the first one."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    without_cache()

    strategy = registry[name]()
    seen = _round(points, strategy.auxiliary)
    if tool == GIVEN:
        seen = _with_given(seen, jnp.log(np.load(pool_file(points, folder))["passes"]))
    key = jax.random.key(0)
    state = strategy.init(key, seen.x)
    count = sizes(points)[1]
    query, found = compiled(
        lambda key, state, seen: strategy.select(key, state, seen, count), key, state, seen
    )
    picks, later = jax.block_until_ready(query(key, state, seen))
    if jax.tree.leaves(state):
        found["first_s"] = steady(lambda: jax.block_until_ready(query(key, state, seen)))
    found["steady_s"] = steady(lambda: jax.block_until_ready(query(key, later, seen)))
    return found | {"picks": picks.tolist(), "peak_mib": peak_mib()} | device()


def finish(results: dict[str, Result], steps: dict[str, Step]) -> None:
    """Says what each row is of, and how many of its picks are also jal's in place of the picks."""
    for label, row in results.items():
        row |= {key: steps[label].options[key] for key in ("name", "points", "tool")}
        if row["tool"] not in PEERS:  # of today's defaults, which may change
            row["caps"] = caps(registry[row["name"]])
    ours = {
        (row["name"], row["points"]): {*row.get("picks", [])}
        for row in results.values()
        if row["tool"] not in PEERS
    }
    for row in results.values():
        if "picks" in row:
            row["in_common"] = len({*row.pop("picks")} & ours[row["name"], row["points"]])


def _round(points: int, auxiliary: Any) -> Any:
    """What a strategy sees of the pool: a fitted network's Round."""
    import jax
    import jax.numpy as jnp

    from jal.episode import look
    from jal.labels import revealed
    from jal.learners import registry
    from jal.types import Array, Labels, Pool

    x, y, order = (jnp.asarray(array) for array in _clusters(points))
    count = sizes(points)[0]
    learner = registry["mlp"](
        (WIDTH,), CLASSES, hidden=(WIDTH,), dropout=0.2, epochs=10, max_labels=count
    )
    if auxiliary is not None:
        assert learner.extend is not None
        learner = learner.extend(auxiliary)
    pool, labels = Pool(x, y), Labels(order, jnp.int32(count))
    data = learner.prepare(pool.x)

    def fit(key: Array, data: Any) -> Any:
        variables = learner.init(key, data)
        return learner.fit(key, variables, data, pool.y, labels, learner.hyper)[0]

    variables = jax.jit(fit)(jax.random.key(0), data)
    seen = look(learner, variables, pool.x, data, revealed(pool.y, labels), labels, learner.hyper)
    return jax.block_until_ready(seen)


def _with_given(seen: Any, passes: Any) -> Any:
    """The round whose dropout passes and committee are read from logits `[T, N, K]`."""
    import jax
    from jax.tree_util import Partial

    from jal.types import Array, Labels, Outputs

    def draw(key: Array) -> Array:
        return jax.random.randint(key, (), 0, passes.shape[0])

    def sample(passes: Array, features: Array, key: Array) -> Outputs:
        return Outputs(passes[draw(key)], features)

    def fit(key: Array, labels: Labels) -> Array:
        return draw(key)

    def predict(passes: Array, features: Array, variables: Array, x: Array) -> Outputs:
        return Outputs(passes[variables], features)

    arrays = passes, seen.features
    return seen._replace(
        sample=Partial(sample, *arrays), fit=Partial(fit), predict=Partial(predict, *arrays)
    )


def _clusters(points: int) -> tuple[Any, Any, Any]:
    """x `[N, D]` about ten centres so near that classes overlap, y `[N]`, a random order `[N]`."""
    import numpy as np

    random = np.random.default_rng(0)
    centers = 0.15 * random.standard_normal((CLASSES, WIDTH), dtype=np.float32)
    y = random.integers(CLASSES, size=points).astype(np.int32)
    x = random.standard_normal((points, WIDTH), dtype=np.float32)
    x += centers[y]
    return x, y, random.permutation(points).astype(np.int32)
