"""The episode: labelling, what a strategy sees, segments, batch sizes that differ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jal import learners, metrics, strategies
from jal.episode import episode, look
from jal.labels import balanced_start, label, labelled_mask, revealed
from jal.types import Labels, Pool, Strategy

EVALUATE = metrics.evaluator(["accuracy"])
ROUNDS = 6
LEARNER = learners.registry["logistic_regression"]((64,), 10, max_labels=70)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 20), k=st.integers(0, 5), own=st.booleans())
def test_label_moves_the_first_k_picks_behind_the_labelled(seed, n, k, own):
    rng = np.random.default_rng(seed)
    order = rng.permutation(20)
    picks = rng.permutation(order[n:])[:5]
    if len(picks) < 5:  # asked for more than is left: label() cuts k
        # N from a selector; a strategy of one's own may repeat itself, or name labelled points.
        rest = np.r_[picks, order[:5]] if own else np.full(5, 20)
        picks = np.r_[picks, rest[: 5 - len(picks)]]
    after = label(Labels(jnp.asarray(order, jnp.int32), jnp.int32(n)), jnp.asarray(picks), k)
    k = min(k, 20 - n)
    rest = [i for i in order[n:] if i not in picks[:k]]
    assert after.n == n + k
    np.testing.assert_array_equal(after.order, [*order[:n], *picks[:k], *rest])
    mask = np.zeros(20, bool)
    mask[[*order[:n], *picks[:k]]] = True
    np.testing.assert_array_equal(labelled_mask(after), mask)


def test_a_strategy_cannot_see_labels_ahead(digits):
    pool, _ = digits
    labels = Labels(jnp.arange(1000, dtype=jnp.int32)[::-1], jnp.int32(30))
    data = LEARNER.prepare(pool.x)
    variables = LEARNER.init(jax.random.key(0), data)
    seen = look(LEARNER, variables, pool.x, data, revealed(pool.y, labels), labels, LEARNER.hyper)
    np.testing.assert_array_equal(seen.y[-30:], pool.y[-30:])
    assert (seen.y[:-30] == -1).all()
    assert seen.labelled[-30:].all() and not seen.labelled[:-30].any()
    assert seen.logits.shape == (1000, 10) and seen.features.shape == (1000, 64)


@pytest.mark.parametrize("used", [True, False])
def test_the_pool_is_scored_only_where_it_is_looked_at(digits, used):
    """Static, or as a traced flag of which only one branch runs."""
    pool, _ = digits
    calls = []

    def predict(variables, x):
        jax.debug.callback(lambda: calls.append(1))
        return LEARNER.predict(variables, x)

    learner = LEARNER._replace(predict=predict)
    labels = Labels(jnp.arange(1000, dtype=jnp.int32), jnp.int32(30))
    data = LEARNER.prepare(pool.x)
    variables = LEARNER.init(jax.random.key(0), data)._replace(bias=jnp.arange(10.0))

    def looked(flag):
        return look(
            learner, variables, pool.x, data, revealed(pool.y, labels), labels, LEARNER.hyper, flag
        )

    for see in (lambda: looked(used), lambda: jax.jit(looked)(jnp.bool_(used))):
        seen = see()
        jax.effects_barrier()
        assert bool(calls) == used and bool(seen.logits.any()) == used
        assert seen.logits.shape == (1000, 10) and seen.features.shape == (1000, 64)
        calls.clear()


def start(seed, pool, made, data):
    key_start, key = jax.random.split(jax.random.key(seed))
    return made.init(key, balanced_start(key_start, pool.y, 10, 1), jnp.int32(10), pool, data)


def run_all(made, pool, test, schedule, seeds, stops=(ROUNDS + 1,), learner=LEARNER):
    """Vmapped over the seeds; the schedule is shared, or one for each seed."""
    data = learner.prepare(pool.x)
    axis = 0 if schedule.ndim == 2 else None
    run = jax.jit(
        jax.vmap(
            lambda state, start, stop, schedule: made.run(
                state, start, stop, pool, data, test, learner.hyper, schedule
            ),
            in_axes=(0, None, None, axis),
        )
    )
    state = jax.vmap(lambda seed: start(seed, pool, made, data))(seeds)
    begin = 0
    for stop in stops:
        state = run(state, jnp.int32(begin), jnp.int32(stop), schedule)
        begin = stop
    assert run._cache_size() <= 2  # the first state's n and a later one's may be placed otherwise
    return state


@pytest.fixture(scope="module")
def by_margin():
    return episode(LEARNER, strategies.registry["margin"](), EVALUATE, ROUNDS, 10)


SHARED = 10 + 10 * jnp.arange(ROUNDS + 1, dtype=jnp.int32)
SEEDS = jnp.arange(3)


@pytest.fixture(scope="module")
def whole(digits, by_margin):
    return run_all(by_margin, *digits, SHARED, SEEDS)


def test_measures_in_every_round(whole):
    accuracy = np.asarray(whole.metrics["accuracy"])
    assert accuracy.shape == (3, ROUNDS + 1) and np.isfinite(accuracy).all()
    assert (accuracy[:, -1] > accuracy[:, 0] + 0.1).all()
    np.testing.assert_array_equal(whole.metrics["labels"][0], SHARED)
    np.testing.assert_array_equal(whole.labels.n, 70)
    for order in np.asarray(whole.labels.order):
        assert sorted(order) == list(range(1000))


@pytest.mark.parametrize("stops", [(1, 2, 3, 4, 5, 6, 7), (4, 7)])
def test_segments_equal_the_whole(digits, by_margin, whole, stops):
    parts = run_all(by_margin, *digits, SHARED, SEEDS, stops)
    np.testing.assert_array_equal(parts.labels.order, whole.labels.order)
    for name, values in whole.metrics.items():
        np.testing.assert_array_equal(parts.metrics[name], values)


@pytest.mark.parametrize("name", ["margin", "committee_kl"])
def test_unbought_labels_change_nothing(digits, whole, name):
    """A committee trains learners of its own, in the query."""
    made = episode(LEARNER, strategies.registry[name](), EVALUATE, ROUNDS, 10)
    pool, test = digits
    same_start = whole.labels.order[0]

    @jax.jit
    def run(y):
        known = Pool(pool.x, y)
        data = LEARNER.prepare(known.x)
        state = made.init(jax.random.key(0), same_start, jnp.int32(10), known, data)
        return made.run(state, 0, ROUNDS + 1, known, data, test, LEARNER.hyper, SHARED)

    a = run(pool.y)
    bought = np.zeros(1000, bool)
    bought[np.asarray(a.labels.order[:70])] = True
    b = run(jnp.where(bought, pool.y, (pool.y + 1) % 10))
    np.testing.assert_array_equal(a.labels.order[:70], b.labels.order[:70])
    np.testing.assert_array_equal(a.metrics["accuracy"], b.metrics["accuracy"])


@pytest.mark.parametrize("kind", ["logistic_regression", "mlp"])
def test_schedules_that_differ_between_seeds(digits, kind):
    """A seed with its own number of labels is that seed alone with the same schedule."""
    options = {"mlp": {"hidden": (8,), "epochs": 2}, "logistic_regression": {}}[kind]
    learner = learners.registry[kind]((64,), 10, max_labels=70, **options)
    made = episode(learner, strategies.registry["margin"](), EVALUATE, ROUNDS, 10)
    own = jnp.stack([SHARED, 10 + 3 * (SHARED - 10) // 10, 10 + (SHARED - 10) // 2])
    together = run_all(made, *digits, own, SEEDS, learner=learner)
    np.testing.assert_array_equal(together.metrics["labels"], own)
    for i in range(3):
        alone = run_all(made, *digits, own[i], SEEDS[i : i + 1], learner=learner)
        difference = together.metrics["accuracy"][i] - alone.metrics["accuracy"][0]
        # Rounding may flip a near-tie; a wrong n would show in every round.
        assert np.abs(difference).max() < 0.02, kind
        assert np.mean(np.asarray(difference) == 0) > 0.5


def test_a_strategy_chooses_its_batch_sizes_in_each_seed(digits):
    """k is decided inside the program, from what the strategy sees."""
    margin = strategies.registry["margin"]()

    def few_when_sure(key, state, round):
        del key, state
        top = jax.lax.top_k(jax.nn.softmax(round.logits), 2)[0]
        return jnp.int32(1) + jnp.sum(top[:, 0] - top[:, 1] < 0.004).astype(jnp.int32)

    chooser = Strategy(margin.init, margin.select, few_when_sure)
    made = episode(LEARNER, chooser, EVALUATE, ROUNDS, 10)
    state = run_all(made, *digits, SHARED, SEEDS)
    labels = np.asarray(state.metrics["labels"])
    steps = np.diff(labels, axis=1)
    assert steps.min() >= 1 and steps.max() <= 10
    assert len({tuple(row) for row in steps}) == 3 and len(np.unique(steps)) > 3
    # The same decisions as a schedule give the same curve.
    fixed = episode(LEARNER, margin, EVALUATE, ROUNDS, 10)
    again = run_all(fixed, *digits, jnp.asarray(labels, jnp.int32), SEEDS)
    np.testing.assert_allclose(again.metrics["accuracy"], state.metrics["accuracy"], atol=0.02)


@pytest.mark.parametrize("name", ["random", "k_center", "kmeans", "badge"])
def test_fewer_left_than_the_largest_batch(digits, name):
    """Asked for 60 picks of 30 that are left, a selector gives N: none is labelled twice."""
    pool, test = digits
    small = Pool(pool.x[:100], pool.y[:100])
    learner = learners.registry["logistic_regression"]((64,), 10)
    made = episode(learner, strategies.registry[name](), EVALUATE, 2, 60)
    schedule = jnp.array([10, 70, 100], jnp.int32)
    state = run_all(made, small, test, schedule, SEEDS, (3,), learner)
    for order in np.asarray(state.labels.order):
        assert sorted(order) == list(range(100))


def test_every_round_has_keys_of_its_own(digits):
    """The same points score differently in every round, in selection and in fitting."""

    def remember(key, state, round, k_max):
        picks = jnp.argsort(round.labelled, stable=True)[:k_max].astype(jnp.int32)
        return picks, jnp.concatenate([state[1:], jax.random.uniform(key, (1,))])

    def fit(key, variables, data, y, labels, hyper):
        return variables, {"draw": jax.random.uniform(key)}

    strategy = Strategy(lambda key, x: jnp.zeros(ROUNDS), remember)
    made = episode(LEARNER._replace(fit=fit), strategy, EVALUATE, ROUNDS, 10)
    state = run_all(made, *digits, SHARED, SEEDS)
    draws = np.concatenate([state.strategy, state.metrics["draw"]], axis=1)
    assert len(np.unique(draws)) == draws.size == 3 * (2 * ROUNDS + 1)


def test_the_whole_pool_can_be_bought(digits):
    pool, test = digits
    small = Pool(pool.x[:60], pool.y[:60])
    learner = learners.registry["logistic_regression"]((64,), 10)
    made = episode(learner, strategies.registry["entropy"](), EVALUATE, 5, 10)
    schedule = 10 + 10 * jnp.arange(6, dtype=jnp.int32)
    state = run_all(made, small, test, schedule, SEEDS, (6,), learner)
    assert (state.labels.n == 60).all()
    # Everything is labelled in every seed: one model, whatever the order.
    final = np.asarray(state.metrics["accuracy"])[:, -1]
    np.testing.assert_allclose(final, final[0], atol=2e-3)
