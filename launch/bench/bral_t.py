"""The reinforcement-learning part of one round of BRAL-T, beside PyTorch, scikit-learn and POT.

Pairs (L', U') are sampled, clustered and compared, the reward network is trained on them, and the
pool's points are chosen by it. The peer is in bral_t_peer.py, distances alone in
bral_t_distances.py, GraNd in grand.py. Each worker runs in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench.bral_t_data import MEMBERS, Sizes, arrays, sizes_of
from bench.markdown import counted
from bench.measure import Step
from bench.timing import (
    Result,
    compiled,
    compiler_options,
    cpu_devices,
    peak_mib,
    steady,
    without_cache,
)

SEEDS = 16
TINY: Result = {  # with --quick
    "labelled": 60,
    "unlabelled": 90,
    "width": 8,
    "classes": 3,
    "picks": 6,
    "samples": 2,
    "steps": 2,
    "hidden": (16, 16),
    "size": 40,
}
# Labelled points, how many are drawn for a pair, the distance.
ROUNDS = (
    (1000, 1000, "sinkhorn"),
    (10_000, 10_000, "sinkhorn"),
    (10_000, 1000, "sinkhorn"),
    (1000, 1000, "gaussian"),
    (10_000, 1000, "gaussian"),
)
GROWING = (500, 2000, 5000)  # labelled, all drawn, beside those of ROUNDS
ONE = ("1 x 1 threads", "1 x 2 threads")  # of the peer: processes, threads of each
TWO = "2 x 1 threads"
WAYS = {ONE[0]: (1, 1), ONE[1]: (1, 2), TWO: (2, 1)}
GRAND_POINTS = 10_000
GRANDS = (("jal", 32, 2), ("torch.func", 128, 1), ("torch.func", 128, 2))  # at a time, threads


def plan(path: str, quick: bool) -> dict[str, Step]:
    """Label -> step: jal and its peer in turn; `path` is of `prepare_grand`; with quick, tiny."""
    tiny = TINY if quick else {}
    count = {"sizes": tiny, "count": 10 if quick else 200}
    steps = {}
    for i, (what, given) in enumerate(rounds(quick).items()):
        options = {"sizes": given}
        steps[f"{what}, jal, 1 seed"] = Step("bench.bral_t:jal_round", options | {"seeds": 1})
        steps |= {
            f"{what}, peer, {way}": Step(
                "bench.bral_t_peer:peer_round", options | {"threads": threads}, copies
            )
            for way, (copies, threads) in WAYS.items()
        }
        for way in ("map", "vmap") if i == 0 else ("map",):
            many = {"seeds": SEEDS, "at_once": 1 if way == "map" else None}
            steps[f"{what}, jal, {SEEDS} seeds, {way}"] = Step(
                "bench.bral_t:jal_round", options | many
            )
    for n in (80,) if quick else GROWING:
        given = tiny | {"labelled": n, "size": n}
        steps[f"growth, {n:,} labelled"] = Step("bench.bral_t:jal_growth", {"sizes": given})
    steps["distances"] = Step("bench.bral_t_distances:distances", count)
    for tool, chunk, threads in GRANDS:
        options = {"path": path, "points": grand_points(quick), "chunk": chunk}
        if tool == "jal":
            steps[f"GraNd, jal, {chunk} at a time"] = Step("bench.grand:jal_grand", options)
        else:
            steps[f"GraNd, {tool}, {chunk} at a time, {counted(threads, 'thread')}"] = Step(
                "bench.grand_torch:torch_grand", options | {"threads": threads}
            )
    return steps


def grand_points(quick: bool) -> int:
    """Of how many examples GraNd is taken."""
    return 20 if quick else GRAND_POINTS


def rounds(quick: bool) -> dict[str, Result]:
    """Sizes by name, such as "1,000 labelled, 1,000 drawn, sinkhorn"."""
    given: list[Result]
    if quick:
        given = [TINY | {"distance": distance} for distance in ("sinkhorn", "gaussian")]
    else:
        names = ("labelled", "size", "distance")
        given = [dict(zip(names, one, strict=True)) for one in ROUNDS]
    return {
        f"{one['labelled']:,} labelled, {one['size']:,} drawn, {one['distance']}": one
        for one in given
    }


def jal_round(sizes: Result, seeds: int, at_once: int | None = 1) -> Result:
    """So many seeds in one program, over a device for each core; one seed has both cores.

    `learn_s` and `choose_s` are of all seeds, `updates_s` and `distances_s` what these parts of
    `learn` take in programs of their own, which is measured with one seed.
    """
    cpu_devices(seeds)
    without_cache()
    import jax
    import jax.numpy as jnp

    from jal.parallel import over_seeds, replicate, seed_mesh

    given = sizes_of(sizes)
    mesh = seed_mesh(min(seeds, jax.device_count()))
    seen = replicate(_seen(given), mesh)
    keys = jax.random.split(jax.random.key(0), seeds)

    def spread(one: Callable[..., Any]) -> Any:
        return jax.jit(over_seeds(one, mesh, at_once), **compiler_options())

    learn, found = compiled(spread(lambda key, seen: _learn(key, seen, given)), keys, seen)
    reward, losses = jax.block_until_ready(learn(keys, seen))
    chooses = spread(lambda seed, seen: _choose(seed[0], seed[1], seen, given))
    choose, of_choice = compiled(chooses, (keys, reward), seen)
    found |= {"choose_compile_s": of_choice["compile_s"], "seeds": seeds}
    found["learn_s"] = steady(lambda: jax.block_until_ready(learn(keys, seen)))
    found["choose_s"] = steady(lambda: jax.block_until_ready(choose((keys, reward), seen)))
    found["steady_s"] = found["learn_s"] + found["choose_s"]
    found["loss"] = float(jnp.mean(losses[:, -given.steps :]))
    if not jnp.isfinite(found["loss"]):
        raise RuntimeError("a loss is not finite")
    if seeds == 1:
        found |= _parts(given)
    return found | {"peak_mib": peak_mib()}


def jal_growth(sizes: Result) -> Result:
    """`jal_round` of one seed, without the choice, whose pool does not grow."""
    cpu_devices(1)
    without_cache()
    import jax

    given = sizes_of(sizes)
    seen, key = _seen(given), jax.random.key(0)

    def learn(key: Any, seen: Any) -> Any:
        return _learn(key, seen, given)

    program, found = compiled(learn, key, seen, **compiler_options())
    found["steady_s"] = steady(lambda: jax.block_until_ready(program(key, seen)))
    found |= _parts(given)
    return found | {"peak_mib": peak_mib()}


def _options(sizes: Sizes) -> Any:
    from jal.bral_t import Policy

    return Policy(
        samples=sizes.samples,
        steps=sizes.steps,
        hidden=sizes.hidden,
        size=sizes.size,
        distance=sizes.distance,  # pyright: ignore[reportArgumentType]
    )


def _learn(key: Any, seen: Any, sizes: Sizes) -> Any:
    from jal.bral_t import learn

    return learn(key, seen, sizes.picks, _options(sizes))


def _choose(key: Any, reward: Any, seen: Any, sizes: Sizes) -> Any:
    from jal.bral_t import choose, rank_by_reward

    return choose(key, rank_by_reward(reward), seen, sizes.picks, _options(sizes))


def _seen(sizes: Sizes) -> Any:
    import jax.numpy as jnp

    from jal.bral_t import Seen

    return Seen(**{name: jnp.asarray(array) for name, array in arrays(sizes).items()})


def _parts(sizes: Sizes) -> Result:
    """Two parts of `learn` in programs of their own: `updates_s`, `distances_s`."""
    import jax
    import jax.numpy as jnp

    from jal.bral_t import train_reward

    options = _options(sizes)
    each = sizes.classes * options.actions
    keys = jax.random.split(jax.random.key(1), 4)
    shape = (sizes.samples, each)
    inputs = jax.random.normal(keys[0], (*shape, 6 * sizes.width))
    targets, known = jax.random.normal(keys[1], shape), jnp.ones(shape, bool)

    def updates(key: Any, inputs: Any, targets: Any, known: Any) -> Any:
        return train_reward(key, inputs, targets, known, steps=sizes.steps, hidden=sizes.hidden)

    runs: dict[str, Sequence[Any]] = {
        "updates": (updates, keys[2], inputs, targets, known),
        "distances": (_distances(sizes), *_sets(sizes)),
    }
    found: Result = {}
    for name, (f, *given) in runs.items():
        program, made = compiled(f, *given, **compiler_options())
        found[f"{name}_compile_s"] = made["compile_s"]
        found[f"{name}_s"] = steady(
            lambda program=program, given=given: jax.block_until_ready(program(*given))
        )
    return found


def _sets(sizes: Sizes) -> tuple[Any, Any, Any]:
    """Labelled and unlabelled clusters `[C, m, D]`, and sub-clusters `[C, A, m, D]`."""
    import jax

    keys = jax.random.split(jax.random.key(2), 3)
    actions = _options(sizes).actions
    shape = (MEMBERS, sizes.width)
    x, y = (jax.random.normal(key, (sizes.classes, *shape)) for key in keys[:2])
    return x, y, jax.random.normal(keys[2], (sizes.classes, actions, *shape))


def _distances(sizes: Sizes) -> Callable[..., Any]:
    """What `learn` asks of them: for each pair C C and C A distances, of sets that differ."""
    import jax
    import jax.numpy as jnp

    from jal.bral_t import Moments, gaussian, sinkhorn_matrix

    def moments(points: Any) -> Any:
        size = jnp.full(points.shape[:-2], points.shape[-2])
        return Moments(jnp.mean(points, axis=-2), jnp.var(points, axis=-2), size)

    def pair(i: Any, x: Any, y: Any, parts: Any) -> Any:
        x = x + 0.01 * i
        if sizes.distance == "gaussian":
            parts, x, y = moments(parts), moments(x), moments(y)
            rows, columns, tall = (
                jax.tree.map(lambda leaf, at=at: jnp.expand_dims(leaf, at), of)
                for of, at in ((x, 1), (y, 0), (y, 1))
            )
            return gaussian(rows, columns).value, gaussian(parts, tall).value
        split = jax.lax.map(lambda one: sinkhorn_matrix(one[0], one[1][None]).value, (parts, x))
        return sinkhorn_matrix(x, y).value, split

    def all_pairs(x: Any, y: Any, parts: Any) -> Any:
        return jax.lax.map(lambda i: pair(i, x, y, parts), jnp.arange(sizes.samples))

    return all_pairs
