"""The three agents: what training does, what it refuses, and their policies as strategies."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal import data, files
from jal.data.splits import fractions
from jal.episode import episode, look
from jal.labels import revealed
from jal.learners import logistic_regression
from jal.metrics import evaluator
from jal.rl import (
    AbasRal,
    LalRl,
    SladeBranson,
    agent_data,
    check_parts,
    policy_of,
    prioritised_replay,
    train,
)
from jal.rl.observations import candidate_features, draw_candidates, sorted_scores
from jal.rl.policy import load_policy, save_policy
from jal.types import InputError, Labels, Parameters, Pool

SMALL = {
    "abas_ral": AbasRal(
        epochs=4,
        episodes=2,
        updates=5,
        warm_episodes=4,
        max_steps=12,
        state_size=10,
        capacity=100,
        initial=0.1,
    ),
    "abas_ral_steps": AbasRal(
        epochs=3,
        episodes=2,
        updates=1,
        update_after="step",
        warm_episodes=4,
        max_steps=12,
        hidden=(8,),
        action_scale="cap",
        terminal="and",
        reward="per_step",
        target_quality=0.8,
        target_budget=0.5,
    ),
    "lal_rl": LalRl(
        epochs=3,
        episodes=2,
        updates=5,
        warm_episodes=4,
        warm_updates=3,
        horizon=8,
        quality=0.75,
        candidates=20,
    ),
    "lal_rl_horizon": LalRl(
        mode="fixed_horizon",
        epochs=3,
        episodes=2,
        updates=5,
        warm_episodes=4,
        warm_updates=3,
        horizon=8,
        candidates=None,
    ),
    "slade_branson": SladeBranson(
        points=3,
        budget=8,
        epochs=3,
        episodes=2,
        updates=5,
        warm_episodes=4,
        warm_updates=3,
        candidates=20,
        hidden=(8, 8),
        target="as_printed",
        reduce="min",
        clock=True,
        policy_candidates=25,
    ),
}


@functools.cache
def parts():
    """AgentData of five classes, 16 features, made for logistic regression."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(5), 60)
    x = (rng.normal(size=(300, 16)) + 1.3 * np.eye(5, 16)[y]).astype(np.float32)
    state, warm, train, rest = fractions(y, (0.1, 0.2, 0.4, 0.3), 0)
    holdout = Pool(jnp.asarray(x[rest]), jnp.asarray(y[rest], jnp.int32))
    return agent_data(x, y, holdout, 5, state=state, warm=warm, train=train)


@functools.cache
def learner(max_labels: int = 120):
    return logistic_regression((16,), 5, tol=1e-3, max_labels=max_labels)


@functools.cache
def trained(name: str):
    """The trainer, the state after warm start, the compiled run, the state at the end."""
    trainer = SMALL[name].trainer(parts(), learner(), 5)
    start = jax.jit(trainer.init)(jax.random.key(3), trainer.warm)
    run = jax.jit(trainer.run)
    return trainer, start, run, run(start, 0, trainer.epochs, trainer.train)


def flat(tree):
    leaves = jax.tree.map(
        lambda leaf: (
            jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        ),
        jax.tree.leaves(tree),
    )
    return [np.asarray(leaf) for leaf in leaves]


# One of the default run: each is two programs of seconds to compile.
every_agent = pytest.mark.parametrize(
    "name",
    [
        "abas_ral",
        *(
            pytest.param(name, marks=pytest.mark.agents)
            for name in ("abas_ral_steps", "lal_rl", "slade_branson")
        ),
    ],
)


@every_agent
def test_training_in_segments_is_training_in_one_go(name):
    trainer, start, run, end = trained(name)
    state = start
    for epoch in range(trainer.epochs):
        state = run(state, epoch, epoch + 1, trainer.train)
    for one, other in zip(flat(state), flat(end), strict=True):
        np.testing.assert_array_equal(one, other)


@every_agent
def test_training_changes_the_policy_and_measures_itself(name):
    _, start, _, end = trained(name)
    assert any(
        (one != other).any()
        for one, other in zip(flat(start.agent.online), flat(end.agent.online), strict=True)
    )
    for metric, values in end.history.items():
        assert np.isfinite(values).all(), metric
    np.testing.assert_allclose(end.history["epsilon"][jnp.array([0, -1])], (1.0, 0.1), rtol=1e-6)
    assert (np.asarray(end.history["quality"]) <= 1).all()


@every_agent
def test_the_buffer_holds_the_steps_that_were_taken_and_no_other(name):
    agent = SMALL[name]
    _, start, _, end = trained(name)
    warm = round(float(start.warm_result.length) * agent.warm_episodes)
    assert int(start.replay.filled) == warm
    taken = warm + round(float(end.history["length"].sum()) * agent.episodes)
    capacity = end.replay.items.reward.shape[0]
    assert int(end.replay.filled) == min(taken, capacity)
    stored = jax.tree.map(lambda leaf: np.asarray(leaf[: end.replay.filled]), end.replay.items)
    state = stored.observation.state
    assert np.isfinite(state).all()
    if getattr(agent, "clock", False):  # after the sorted scores
        state, left = state[:, :-1], state[:, -1]
        episode = np.cumsum(stored.terminal) - stored.terminal
        step = np.arange(len(left)) - np.searchsorted(episode, episode)
        np.testing.assert_allclose(left, 1 - step * agent.points / agent.budget, atol=1e-6)
    assert (np.diff(state, axis=1) >= 0).all()
    # A masked step would hold zeros: no state of a fitted classifier is all 0.
    assert (np.abs(state).sum(axis=1) > 0).all()
    assert not (np.asarray(end.replay.weights).ravel()[int(end.replay.filled) : capacity] > 0).any()


@pytest.mark.agents
def test_seeds_are_independent_of_those_beside_them():
    trainer, *_ = trained("abas_ral")
    keys = jax.random.split(jax.random.key(0), 3)

    def whole(key):
        state = trainer.init(key, trainer.warm)
        return trainer.run(state, 0, 2, trainer.train)

    several = jax.jit(lambda keys: jax.lax.map(whole, keys))
    together, alone = several(keys), jax.jit(whole)(keys[1])
    for one, own in zip(flat(together), flat(alone), strict=True):
        np.testing.assert_array_equal(one[1], own)
    assert np.ptp(together.history["return"][:, :2], axis=0).min() > 0


def test_warm_start_gives_targets_and_bias():
    trainer, start, *_ = trained("abas_ral")
    agent = SMALL["abas_ral"]
    items = jax.tree.map(lambda leaf: np.asarray(leaf[: start.replay.filled]), start.replay.items)
    np.testing.assert_allclose(items.reward.mean(), start.warm_result.reward, rtol=1e-4)
    np.testing.assert_allclose(
        start.agent.online["value"]["bias"], start.warm_result.reward, rtol=1e-6
    )
    assert start.goal.quality == start.warm_result.quality
    assert start.goal.budget == start.warm_result.budget
    assert items.terminal.sum() <= agent.warm_episodes
    # The budget is what is labelled after some step: at the next item, or at an episode's end.
    bought = len(trainer.warm.pool.y) - items.observation.unlabelled
    sizes = items.action[:, 0] + 1
    assert round(60 * float(start.goal.budget)) in np.minimum(bought + sizes, 60)


@pytest.mark.agents
def test_given_targets_are_the_goal():
    _, start, *_ = trained("abas_ral_steps")
    np.testing.assert_allclose((start.goal.quality, start.goal.budget), (0.8, 0.5))


@pytest.mark.agents
@pytest.mark.parametrize(
    ("agent", "wanted"),
    [
        ("abas_ral", {"target_quality": 1.0}),
        ("abas_ral", {"target_quality": 1.0, "target_budget": 0.9}),
        ("lal_rl", {"quality": 2.0}),
    ],
)
def test_a_target_that_warm_start_never_reached(agent, wanted):
    never = dataclasses.replace(SMALL[agent], **wanted)
    says = r"warm start of \w+, training 0, never reached the target of [12.\d]+: its best is 0.\d"
    with pytest.raises(InputError, match=says):
        train(jax.random.key(0), parts(), never, learner(), 5)


@pytest.mark.agents
@pytest.mark.parametrize("name", ["lal_rl", "slade_branson"])
def test_the_bias_is_half_the_mean_return(name):
    trainer = SMALL[name].trainer(parts(), learner(), 5)
    agent = dataclasses.replace(SMALL[name], warm_updates=0)
    start = jax.jit(agent.trainer(parts(), learner(), 5).init)(jax.random.key(0), trainer.warm)
    np.testing.assert_allclose(
        start.agent.online["value"]["bias"], start.warm_result.episode / 2, rtol=1e-6
    )
    if name == "lal_rl":
        np.testing.assert_allclose(start.warm_result.episode, -start.warm_result.length, rtol=1e-6)


@pytest.mark.agents
def test_episodes_of_a_fixed_horizon_end_with_it_and_their_returns_are_averaged():
    trainer = SMALL["lal_rl_horizon"].trainer(parts(), learner(), 5)
    start = jax.jit(trainer.init)(jax.random.key(3), trainer.warm)
    items = jax.tree.map(lambda leaf: np.asarray(leaf[: start.replay.filled]), start.replay.items)
    assert start.warm_result.length == 8
    ends = np.flatnonzero(items.terminal)
    np.testing.assert_array_equal(ends, 8 * np.arange(1, 5) - 1)
    sums = np.add.reduceat(items.reward, np.r_[0, ends[:-1] + 1])
    np.testing.assert_allclose(sums.mean(), start.warm_result.episode, rtol=1e-5)


@pytest.mark.agents
def test_the_target_quality_is_a_share_of_that_with_all_labels():
    trainer, start, *_ = trained("lal_rl")
    pool = trainer.train.pool
    order = jnp.arange(len(pool.y), dtype=jnp.int32)
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(solver="newton-cholesky", tol=1e-7).fit(pool.x, pool.y)
    hold = trainer.train.holdout
    assert len(order) == 120
    wanted = 0.75 * model.score(np.asarray(hold.x), np.asarray(hold.y))
    np.testing.assert_allclose(start.goal.quality, wanted, atol=0.02)


@every_agent
def test_the_policy_is_a_strategy(name, tmp_path):
    agent, (trainer, _, _, end) = SMALL[name], trained(name)
    policy = policy_of(end)
    strategy = agent.strategy(policy, trainer.train.state_x)
    pool, hold = trainer.train.pool, trainer.train.holdout
    own = learner()
    run = episode(own, strategy, evaluator(["accuracy"]), 3, 12)
    schedule = jnp.array([10, 13, 16, 19], jnp.int32)
    parameters = Parameters(
        jax.tree.map(lambda leaf: leaf[0], strategy.parameters.own), strategy.parameters.shared
    )

    @jax.jit
    def whole(key, y):
        chosen = pool._replace(y=y)
        data_ = own.prepare(chosen.x)
        order = jax.random.permutation(jax.random.key(1), len(pool.y)).astype(jnp.int32)
        state = run.init(key, order, jnp.int32(10), chosen, data_)
        hyper = jax.tree.map(jnp.float32, own.hyper)
        return run.run(state, 0, 4, chosen, data_, hold, hyper, schedule, parameters)

    state = whole(jax.random.key(0), pool.y)
    labels = np.asarray(state.metrics["labels"])
    order, n = np.asarray(state.labels.order), int(state.labels.n)
    assert len(set(order.tolist())) == len(pool.y)
    assert n == labels[-1]
    if name.startswith("abas"):
        sizes = np.diff(labels)
        left = len(pool.y) - labels[:-1]
        assert ((sizes >= 1) & (sizes <= np.maximum(1, left // 10))).all()
    else:
        np.testing.assert_array_equal(labels, schedule)
    # Labels that are not bought change nothing.
    hidden = jnp.where(jnp.arange(len(pool.y))[None] == order[:n, None], 1, 0).sum(axis=0) == 0
    shuffled = jnp.where(hidden, (pool.y + 1) % 5, pool.y)
    np.testing.assert_array_equal(whole(jax.random.key(0), shuffled).labels.order[:n], order[:n])

    save_policy(tmp_path / "policy", agent, policy)
    loaded, again = load_policy(tmp_path / "policy", policy.classifier)
    assert loaded == agent
    for one, other in zip(flat(again), flat(policy), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_policy_of_many_trainings_is_saved_and_restored(tmp_path):
    *_, end = trained("abas_ral")
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf + 1]), policy_of(end))
    save_policy(tmp_path / "p", SMALL["abas_ral"], many)
    save_policy(tmp_path / "p", SMALL["abas_ral"], many)  # replaces
    _, again = load_policy(tmp_path / "p")
    np.testing.assert_array_equal(again.goal.quality, many.goal.quality)
    assert again.classifier == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p"]


def test_a_policy_that_is_not_there_or_damaged(tmp_path):
    with pytest.raises(InputError, match="holds no trained policy"):
        load_policy(tmp_path)
    *_, end = trained("abas_ral")
    save_policy(tmp_path / "p", SMALL["abas_ral"], policy_of(end))
    meta = (tmp_path / "p" / "policy.json").read_text()
    (tmp_path / "p" / "policy.json").write_text(meta.replace('"AbasRal"', '"Other"'))
    with pytest.raises(InputError, match=r"is damaged, in policy\.json: train it again"):
        load_policy(tmp_path / "p")
    files.seal(tmp_path / "p")
    with pytest.raises(InputError, match="is of the agent Other, which is none of AbasRal, LalRl"):
        load_policy(tmp_path / "p")
    (tmp_path / "p" / "policy.json").write_text("{}")
    files.seal(tmp_path / "p")
    with pytest.raises(InputError, match="is damaged: train it again"):
        load_policy(tmp_path / "p")
    save_policy(tmp_path / "p", SMALL["abas_ral"], policy_of(end))
    inside = [path for path in (tmp_path / "p" / "classifier").rglob("*") if path.is_file()]
    for path in inside:  # the classifier is not even asked for
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        with pytest.raises(InputError, match=r"is damaged, in classifier/.*: train it again"):
            load_policy(tmp_path / "p")
        path.write_bytes(whole)
    load_policy(tmp_path / "p")


@pytest.mark.agents
def test_a_policy_s_clock_runs_and_its_candidates_are_drawn():
    """As a strategy it values the same states and points that its environment would offer."""
    agent, (trainer, _, _, end) = SMALL["slade_branson"], trained("slade_branson")
    policy = policy_of(end)
    strategy = agent.strategy(policy, trainer.train.state_x)
    pool, own = trainer.train.pool, learner()
    order = jax.random.permutation(jax.random.key(2), len(pool.y)).astype(jnp.int32)
    labels = Labels(order, jnp.int32(9))  # four of eight bought
    data_ = own.prepare(pool.x)
    hyper = jax.tree.map(jnp.float32, own.hyper)
    untrained = own.init(jax.random.key(0), data_)
    variables, _ = own.fit(jax.random.key(0), untrained, data_, pool.y, labels, hyper)
    parameters = Parameters(
        jax.tree.map(lambda leaf: leaf[0], strategy.parameters.own), strategy.parameters.shared
    )
    round_ = look(own, variables, pool.x, data_, revealed(pool.y, labels), labels, hyper)
    round_ = round_._replace(parameters=parameters, predict=own.predict)
    for k in (1, 3):
        key = jax.random.key(k)
        picks, begun = strategy.select(key, jnp.int32(5), round_, k)
        assert begun == 5
        drawn = draw_candidates(key, round_.labelled, 25)
        assert not np.asarray(round_.labelled[drawn]).any()
        state = sorted_scores("largest")(own.predict(variables, parameters.shared).logits)
        features = candidate_features(round_, drawn, *agent.view())
        values = agent.network(30).apply(parameters.own, jnp.append(state, 0.5), features)
        np.testing.assert_array_equal(picks, drawn[jnp.argsort(-values)[:k]])
    _, begun = strategy.select(key, strategy.init(key, pool.x), round_, 1)
    assert begun == 9  # the clock starts in the first round
    with pytest.raises(InputError, match="a batch of 26 points cannot be chosen among 25"):
        strategy.select(jax.random.key(0), jnp.int32(5), round_, 26)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("abas_ral_steps", marks=pytest.mark.agents),
        pytest.param("lal_rl", marks=pytest.mark.agents),
        pytest.param("slade_branson", marks=pytest.mark.agents),
    ],
)
def test_a_policy_takes_states_of_its_own_size_alone(name):
    *_, end = trained(name)
    state_x = parts().state_x[:-1]
    with pytest.raises(InputError, match=r"trained on states of 30 numbers, .* gives 29"):
        SMALL[name].strategy(policy_of(end), state_x)


def test_quantiles_take_a_state_set_of_any_size():
    *_, end = trained("abas_ral")
    assert SMALL["abas_ral"].strategy(policy_of(end), parts().state_x[:-7]).batch_size is not None


def test_parts_that_share_points_or_are_too_small():
    y = np.repeat(np.arange(3), 4)
    with pytest.raises(InputError, match="state set and the warm pool share 1 points, the first 5"):
        check_parts(y, 3, state=np.array([5, 6]), warm=np.array([0, 1, 5]))
    with pytest.raises(InputError, match="the train pool has 1 points of class 1"):
        check_parts(y, 3, state=np.array([0]), train=np.array([2, 3, 4, 8, 9]))


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        (AbasRal(capacity=20), "buffer of 20 transitions is too small for a batch of 32"),
        (AbasRal(initial=1.0), "would be labelled at the start"),
        (AbasRal(epsilon=(1.0, 2.0)), "epsilon must be two shares"),
        (AbasRal(epochs=0), "epochs must be at least 1"),
        (AbasRal(epsilon=(1.0,)), "epsilon must be two shares"),
        (AbasRal(max_steps=1), "give max_steps of at least 2"),
        (AbasRal(target_quality=95.0), "target_quality of abas_ral must be a share"),
        (AbasRal(discount=3.0), "discount of abas_ral must be a share"),
        (AbasRal(exponent=-1.0), "exponent of priorities must not be negative"),
        (LalRl(horizon=0), "lal_rl takes a positive horizon, got 0"),
        (LalRl(horizon=1), "give a horizon of at least 2"),
        (AbasRal(learning_rate=-1.0), "abas_ral takes a positive learning_rate, got -1.0"),
        (AbasRal(state_size=0), "abas_ral takes a positive state_size, got 0"),
        (LalRl(capacity=20), "buffer of 20 transitions is too small"),
        (LalRl(horizon=500, capacity=5000), "lower the budget or horizon"),
        (SladeBranson(capacity=20), "buffer of 20 transitions is too small"),
        (SladeBranson(budget=500), "lower the budget or horizon"),
        (SladeBranson(points=30, candidates=20, budget=60), "cannot choose 30 points of 20"),
        (SladeBranson(points=3, policy_candidates=2), "cannot choose 3 points of 2 candidates"),
        (SladeBranson(exploration=0.0), "exploration must be a share"),
        (SladeBranson(hidden=()), "one or more hidden layers"),
        (LalRl(policy_candidates=0), "lal_rl takes a positive policy_candidates, got 0"),
    ],
)
def test_what_agents_refuse(agent, says):
    with pytest.raises(InputError, match=says):
        agent.trainer(parts(), learner(), 5)


@pytest.mark.parametrize(
    "agent",
    [
        LalRl(horizon=2),
        SladeBranson(hidden=(1,)),
        SladeBranson(points=2, candidates=2, policy_candidates=2, budget=2, exploration=1.0),
        AbasRal(max_steps=2, epsilon=(0.0, 1.0), discount=1.0, exponent=0.0, state_size=1),
    ],
)
def test_the_ends_of_what_agents_take(agent):
    agent.trainer(parts(), learner(), 5)


def test_a_replay_buffer_that_does_not_fit(monkeypatch):
    monkeypatch.setattr("jal.memory.free_bytes", lambda devices: 1_000)
    says = r"the replay buffers of AbasRal take .* lower the agent's capacity"
    with pytest.raises(InputError, match=says):
        train(jax.random.key(0), parts(), SMALL["abas_ral"], learner(), 5)


def test_learners_hold_all_labels_that_are_fitted():
    assert SMALL["abas_ral"].max_labels(parts(), 5) == 120
    assert SMALL["slade_branson"].max_labels(parts(), 5) == 13
    assert SMALL["lal_rl_horizon"].max_labels(parts(), 5) == 13
    # The quality with all labels is fitted too.
    assert SMALL["lal_rl"].max_labels(parts(), 5) == 120


def test_digits_divide_as_the_paper_s_shares():
    y = data.load("sklearn:digits", test_size=797).train.y
    assert [len(part) for part in fractions(y, (0.1, 0.1, 0.6, 0.2), 0)] == [100, 100, 600, 200]
    assert prioritised_replay(10).init(jnp.zeros(3)).items.shape == (10, 3)
