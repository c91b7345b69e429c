"""What launch/bench.py times of a training's parts: fits, gradient steps, and replay buffers.

Each in a compiled loop, warm, as in a training; flashbax's buffer beside jal's. Each worker runs in
a process of its own and prints one JSON line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import timing
from bench.agents import learner_of
from bench.timing import Result, compiler_options, device, peak_mib, steady, without_cache

STATES, POOL, BATCH = 100, 600, 32  # |V| and |X_train| of ABAS-RAL on digits
CAPACITY, EXPONENT, ADDED, STEPS = 50_000, 3.0, 1e-4, 200
FITS, UPDATES = 50, 200  # in one loop


def rl_fit(learner: str, labels: int) -> Result:
    """A fit that goes on from one with a quarter fewer labels, as after a batch of that size."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    without_cache()
    from sklearn.datasets import load_digits

    from jal.types import Array, Labels, PyTree

    digits: Any = load_digits()
    x, y = np.float32(digits.data[:POOL] / 16.0), np.int32(digits.target[:POOL])
    made = learner_of(learner)
    data = made.prepare(jnp.asarray(x))
    keys = jax.random.split(jax.random.key(0), FITS)
    hyper = jax.tree.map(jnp.float32, made.hyper)

    def fit(key: Array, variables: PyTree, order: Array, n: Array) -> PyTree:
        return made.fit(key, variables, data, jnp.asarray(y), Labels(order, n), hyper)[0]

    def before(key: Array) -> tuple[PyTree, Array]:
        order = jax.random.permutation(key, POOL).astype(jnp.int32)
        return fit(key, made.init(key, data), order, jnp.int32(labels - labels // 4)), order

    def run(keys: Array, starts: tuple[PyTree, Array], n: Array) -> PyTree:
        def one(given: tuple[Array, PyTree, Array]) -> PyTree:
            key, variables, order = given
            return fit(key, variables, order, n)

        return jax.lax.map(one, (keys, *starts))

    starts = jax.jit(lambda keys: jax.lax.map(before, keys))(keys)
    compiled = _compiled(run, keys, starts, jnp.int32(labels))
    taken = steady(lambda: jax.block_until_ready(compiled(keys, starts, jnp.int32(labels))), 2.0)
    return {"us": 1e6 * taken / FITS, "peak_mib": peak_mib()} | device()


def rl_update(actions: int) -> Result:
    """A gradient step of ABAS-RAL's Q-network on a pool with so many batch sizes."""
    import jax
    import jax.numpy as jnp

    without_cache()
    from jal.rl.dqn import DQNState, Transition, dqn
    from jal.rl.observations import Batches, batch_candidates
    from jal.rl.q_networks import lal_rl_network
    from jal.types import Array

    agent = dqn(lal_rl_network(STATES, 1), batch_candidates(actions))
    groups = 16  # of transitions, so that no loop is over one and the same

    def seen(key: Array) -> Batches:
        key_state, key_left = jax.random.split(key)
        shape = (groups, BATCH)
        begun = jnp.full(shape, 10 * actions, jnp.int32)
        left = jax.random.randint(key_left, shape, 10, 10 * actions)
        return Batches(jax.random.uniform(key_state, (*shape, STATES)), left, begun)

    keys = jax.random.split(jax.random.key(0), 5)
    chosen = jax.random.randint(keys[1], (groups, BATCH, 1), 0, actions)
    reward = jax.random.normal(keys[2], (groups, BATCH))
    terminal = jax.random.bernoulli(keys[3], 0.1, (groups, BATCH))
    given = Transition(seen(keys[0]), chosen, reward, terminal), seen(keys[4])

    def run(state: DQNState, given: Any) -> DQNState:
        def one(i: Array, state: DQNState) -> DQNState:
            steps, following = jax.tree.map(lambda leaf: leaf[i % groups], given)
            return agent.update(state, steps, following)[0]

        return jax.lax.fori_loop(0, UPDATES, one, state)

    state = agent.init(jax.random.key(1), 1.0)
    compiled = _compiled(run, state, given)
    taken = steady(lambda: jax.block_until_ready(compiled(state, given)), 2.0)
    return {"us": 1e6 * taken / UPDATES, "peak_mib": peak_mib()} | device()


def rl_replay(tool: str, seeds: int) -> Result:
    """A full buffer of STATES numbers an item: adding an episode; drawing, then new priorities."""
    import jax
    import jax.numpy as jnp

    without_cache()
    from jal.types import Array, PyTree

    init, add, sample, update = {"jal": _jal_replay, "flashbax": _flashbax}[tool]()

    def adds(state: PyTree, key: Array) -> PyTree:
        items = jax.random.uniform(key, (STEPS, STATES))
        return jax.lax.fori_loop(0, UPDATES, lambda i, state: add(state, items + i), state)

    def draws(state: PyTree, key: Array) -> tuple[PyTree, Array]:
        def one(i: Array, carry: tuple[PyTree, Array]):
            # Else the sums over priorities, which stay as they are here, leave the loop.
            state, total = jax.lax.optimization_barrier(carry)
            index, items = sample(jax.random.fold_in(key, i), state)
            return state, total + jnp.sum(items) + jnp.sum(index)

        return jax.lax.fori_loop(0, UPDATES, one, (state, jnp.float32(0)))

    def updates(state: PyTree, key: Array) -> PyTree:
        def one(i: Array, state: PyTree) -> PyTree:
            key_index, key_error = jax.random.split(jax.random.fold_in(key, i))
            index = jax.random.randint(key_index, (BATCH,), 0, CAPACITY)
            return update(state, index, jax.random.uniform(key_error, (BATCH,)))

        return jax.lax.fori_loop(0, UPDATES, one, state)

    def steps(state: PyTree, key: Array) -> PyTree:
        def one(i: Array, state: PyTree) -> PyTree:
            index, items = sample(jax.random.fold_in(key, i), state)
            return update(state, index, jnp.sum(items, axis=1))

        return jax.lax.fori_loop(0, UPDATES, one, state)

    keys = jax.random.split(jax.random.key(0), seeds)
    state = jax.jit(jax.vmap(lambda _: init()))(keys)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    held: list[PyTree] = [state]
    found: Result = {"seeds": seeds, "replay_mib": size / seeds / 2**20}
    # The first fill the buffer; the next make its priorities differ.
    for name, loop in {"add": adds, "update": updates, "sample": draws, "step": steps}.items():
        compiled = _compiled(jax.vmap(loop), held[0], keys, donated=True)

        def run(compiled: Any = compiled, name: str = name) -> None:
            made = jax.block_until_ready(compiled(held[0], keys))
            held[0] = made[0] if name == "sample" else made

        found[f"{name}_us"] = 1e6 * steady(run, budget=2.0) / UPDATES / seeds
    return found | {"peak_mib": peak_mib()} | device()


def _jal_replay() -> tuple[Callable[..., Any], ...]:
    """`init`, `add`, `sample` and `update` of jal's buffer."""
    import jax.numpy as jnp

    from jal.rl.replay import ReplayState, prioritised_replay
    from jal.types import Array

    replay = prioritised_replay(CAPACITY, exponent=EXPONENT)
    valid, cut = jnp.ones(STEPS, bool), jnp.zeros(STEPS, bool)
    terminal = jnp.arange(STEPS) == STEPS - 1

    def sample(key: Array, state: ReplayState) -> tuple[Array, Array]:
        drawn = replay.sample(key, state, BATCH)
        return drawn.index, drawn.items + drawn.successors

    return (
        lambda: replay.init(jnp.zeros(STATES)),
        lambda state, items: replay.add(state, items, valid, terminal, cut),
        sample,
        replay.update,
    )


def _flashbax() -> tuple[Callable[..., Any], ...]:
    """Likewise of flashbax's prioritised flat buffer."""
    import jax
    import jax.numpy as jnp
    from flashbax import make_prioritised_flat_buffer  # pyright: ignore[reportMissingImports]

    from jal.types import Array, PyTree

    buffer = make_prioritised_flat_buffer(
        CAPACITY,
        BATCH,
        BATCH,
        add_sequences=True,
        priority_exponent=1.0,  # takes none above 1: the power is taken beforehand
        device=jax.default_backend(),
    )

    def sample(key: Array, state: PyTree) -> tuple[Array, Array]:
        drawn = buffer.sample(state, key)
        return drawn.indices, drawn.experience.first + drawn.experience.second

    def update(state: PyTree, index: Array, errors: Array) -> PyTree:
        return buffer.set_priorities(state, index, (jnp.abs(errors) + ADDED) ** EXPONENT)

    return lambda: buffer.init(jnp.zeros(STATES)), buffer.add, sample, update


def _compiled(f: Callable[..., Any], *inputs: Any, donated: bool = False) -> Any:
    donate = {"donate_argnums": (0,)} if donated else {}
    return timing.compiled(f, *inputs, **donate, **compiler_options())[0]
