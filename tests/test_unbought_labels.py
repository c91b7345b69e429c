"""A label that was not bought cannot be read: by no way through a Round, with no learner."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal import learners, metrics
from jal.episode import episode, look
from jal.labels import revealed
from jal.learners import thresholded
from jal.rl.env import Actor, EnvParams, Goal, environment
from jal.types import Auxiliary, Labels, Pool, Strategy

N, D, K, START, ROUNDS, BATCH = 40, 4, 3, 6, 2, 5
BOUGHT = START + ROUNDS * BATCH
NETWORK = {"hidden": (4,), "epochs": 2, "batch_size": 4}
CRITIC = Auxiliary(
    init=lambda key, one: {"w": jax.random.normal(key, one.features.shape[1:])},
    loss=lambda key, params, seen: jnp.mean(
        seen.weight * jnp.square(seen.labelled.features @ params["w"] - seen.losses)
    ),
    score=lambda params, outputs: outputs.features @ params["w"],
)


def _mlp():
    return learners.registry["mlp"]((D,), K, **NETWORK)


LEARNERS = {
    "logistic_regression": lambda: learners.registry["logistic_regression"]((D,), K),
    "linear_svc": lambda: learners.registry["linear_svc"]((D,), K, C_grid=(0.1, 1.0), folds=2),
    "svc": lambda: learners.registry["svc"]((D,), K, C_grid=(0.1, 1.0), folds=2),
    "lda": lambda: learners.registry["lda"]((D,), K),
    "mlp": _mlp,
    "mlp, balanced": lambda: learners.registry["mlp"]((D,), K, class_weight="balanced", **NETWORK),
    "mlp, super": lambda: learners.registry["mlp"]((D,), K, loss="super", **NETWORK),
    "thresholded": lambda: thresholded(_mlp(), K),
    "with an auxiliary": lambda: _mlp().extend(CRITIC),
}
CONVEX = ["logistic_regression", "linear_svc", "svc", "lda"]


def _pool() -> Pool:
    rng = np.random.default_rng(0)
    y = rng.permuted(np.arange(N) % K).astype(np.int32)
    x = rng.normal(size=(N, D)).astype(np.float32) + 1.5 * np.eye(K, D, dtype=np.float32)[y]
    return Pool(jnp.asarray(x), jnp.asarray(y))


POOL = _pool()
ORDER = jnp.asarray(np.random.default_rng(1).permutation(N), jnp.int32)


def fingerprint(tree) -> jax.Array:
    """A number that changes with any leaf's element."""

    def number(leaf) -> jax.Array:
        leaf = jnp.asarray(leaf)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        return jnp.sum(jnp.sin(jnp.arange(1.0, leaf.size + 1)) * leaf.ravel().astype(jnp.float32))

    return jnp.stack([number(leaf) for leaf in jax.tree.leaves(tree)]).sum()


def everything(key, seen) -> jax.Array:
    """All that a cheat can lay hands on: what a Round holds, and fits on the whole pool."""
    whole = Labels(seen.labels.order, jnp.int32(N))
    fitted = seen.fit(key, whole)
    return fingerprint((seen, fitted, seen.predict(fitted, seen.x)))


def other_oracle(order, n) -> Pool:
    """The classes of all that was not bought are others."""
    unbought = order[n:]
    return Pool(POOL.x, POOL.y.at[unbought].set((POOL.y[unbought] + 1) % K))


@pytest.mark.parametrize("name", LEARNERS)
def test_a_strategy_that_tries(name):
    learner = LEARNERS[name]()

    def cheat(key, state, seen, k_max):
        left = jnp.argsort(seen.labelled, stable=True)[:k_max].astype(jnp.int32)
        return left, jnp.append(state[1:], everything(key, seen))

    strategy = Strategy(lambda key, x: jnp.zeros(ROUNDS), cheat)
    made = episode(learner, strategy, metrics.evaluator(["accuracy"]), ROUNDS, BATCH)
    schedule = START + BATCH * jnp.arange(ROUNDS + 1)

    @jax.jit
    def run(y):
        pool, data = Pool(POOL.x, y), learner.prepare(POOL.x)
        state = made.init(jax.random.key(0), ORDER, jnp.int32(START), pool, data)
        return made.run(state, 0, ROUNDS + 1, pool, data, POOL, learner.hyper, schedule)

    honest = run(POOL.y)
    changed = run(other_oracle(honest.labels.order, BOUGHT).y)
    np.testing.assert_array_equal(honest.strategy, changed.strategy)
    np.testing.assert_array_equal(honest.metrics["accuracy"], changed.metrics["accuracy"])
    # It is no blind eye: the class of a point that was bought shows.
    bought = honest.labels.order[0]
    seen = run(POOL.y.at[bought].set((POOL.y[bought] + 1) % K)).strategy
    assert (seen != honest.strategy).all()


def test_an_agent_that_tries():
    learner = LEARNERS["logistic_regression"]()

    def choose(key, state, seen, offered, action):
        del offered, action
        left = jnp.argsort(seen.labelled, stable=True)[:BATCH].astype(jnp.int32)
        return left, jnp.int32(BATCH), jnp.append(state[1:], everything(key, seen))

    env = environment(
        learner,
        start=lambda key, y: Labels(ORDER, jnp.int32(START)),
        actor=Actor(lambda key, x: jnp.zeros(ROUNDS), choose),
        observe=lambda key, seen, outputs, begun: (everything(key, seen), ()),
        quality=metrics.accuracy,
        reward=lambda before, after: after.quality,
        terminal=lambda after, goal: jnp.bool_(False),
        max_steps=ROUNDS,
    )
    data = learner.prepare(POOL.x)
    start = learner.init(jax.random.key(0), data)

    @jax.jit
    def run(y):
        pool = Pool(POOL.x, y)
        goal = Goal(jnp.float32(1), jnp.float32(1))
        params = EnvParams(pool, data, POOL, POOL.x, start, learner.hyper, goal)
        state, seen = env.reset(jax.random.key(0), params)
        for t in range(ROUNDS):
            state, after, *_ = env.step(jax.random.key(t), state, jnp.int32(0), params)
            seen = jnp.append(seen, after)
        return state, seen

    (honest, seen), bought = run(POOL.y), ORDER[0]
    state, same = run(other_oracle(honest.labels.order, honest.labels.n).y)
    np.testing.assert_array_equal(seen, same)
    np.testing.assert_array_equal(honest.actor, state.actor)
    assert (run(POOL.y.at[bought].set((POOL.y[bought] + 1) % K))[1] != seen).all()


@pytest.mark.parametrize("name", CONVEX)
def test_points_without_a_class_have_no_weight(name):
    """Half of what is labelled has none: the optimum is that of the other half alone."""
    learner = LEARNERS[name]()
    data = learner.prepare(POOL.x)
    known = ORDER[:24:2]
    y = jnp.full(N, -1).at[known].set(POOL.y[known])

    @jax.jit
    def logits(y, order, n):
        start = learner.init(jax.random.key(0), data)
        labels = Labels(order, n)
        variables, _ = learner.fit(jax.random.key(0), start, data, y, labels, learner.hyper)
        return learner.predict(variables, POOL.x).logits

    rest = np.setdiff1d(np.arange(N), known)
    # Folds are drawn by position: of one choice of C there are none.
    learner = learner if name == "logistic_regression" else learners.registry[name]((D,), K)
    alone = logits(POOL.y, jnp.r_[known, rest].astype(jnp.int32), jnp.int32(len(known)))
    np.testing.assert_allclose(logits(y, ORDER, jnp.int32(24)), alone, atol=2e-3)
    assert jnp.abs(logits(POOL.y, ORDER, jnp.int32(24)) - alone).max() > 0.1


def test_minibatches_of_points_without_a_class():
    """Steps of one point each, most of them without a class: the mean loss is the others'."""
    options = {"learning_rate": 0.0, "weight_decay": 0.0, "warm_start": True}
    learner = learners.registry["mlp"]((D,), K, epochs=1, batch_size=1, **options)
    data, labels = learner.prepare(POOL.x), Labels(ORDER, jnp.int32(N))
    known = ORDER[jnp.array([3, 17])]
    y = jnp.full(N, -1).at[known].set(POOL.y[known])
    start = learner.init(jax.random.key(0), data)
    found, info = jax.jit(learner.fit)(jax.random.key(1), start, data, y, labels, learner.hyper)
    logits = learner.predict(found, POOL.x[known]).logits
    losses = -jax.nn.log_softmax(logits)[jnp.arange(2), POOL.y[known]]
    np.testing.assert_allclose(info["train_loss"], losses.mean(), rtol=1e-5)
    np.testing.assert_allclose(info["chance_loss"], np.log(2), atol=1e-5)


def test_what_is_revealed():
    labels = Labels(jnp.array([3, 0, 2, 1]), jnp.int32(2))
    np.testing.assert_array_equal(revealed(jnp.array([5, 6, 7, 8]), labels), [5, -1, -1, 8])


def test_a_round_holds_the_revealed_labels():
    learner, labels = LEARNERS["logistic_regression"](), Labels(ORDER, jnp.int32(START))
    data = learner.prepare(POOL.x)
    start = learner.init(jax.random.key(0), data)
    y = revealed(POOL.y, labels)
    seen = look(learner, start, POOL.x, data, y, labels, learner.hyper)
    assert seen.y is y and sum(leaf is POOL.y for leaf in jax.tree.leaves(seen)) == 0
    assert (seen.y >= 0).sum() == START and (seen.labelled == (seen.y >= 0)).all()
