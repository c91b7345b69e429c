"""BRAL-T as a strategy, PseudoScore and the oracle: what each reads, keeps and picks."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal import learners, metrics, strategies
from jal.episode import episode
from jal.experiment import Query
from jal.experiment.queries import make
from jal.scores import super_el2n
from jal.strategies.strategy import initial_state
from jal.testing import check_strategy, linear_round
from jal.types import InputError, Outputs, Pool, Strategy

KEY = jax.random.key(7)
SMALL = {"samples": 2, "steps": 3, "hidden": (8,), "batch_size": 8, "actions": 2}
SMALL |= {"distance": "gaussian"}  # which compiles sooner
bral_t = functools.partial(strategies.registry["bral_t"], **SMALL)
# All that is no default, in few programs.
VARIANTS = {
    "two agents": {
        "retrain": (0, 2),
        "trust": "second",
        "curriculum": False,
        "clusters": 3,
        "use_labelled_cluster": False,
        "selection": "global",
    },
    "margin": {"ranking": "margin"},
    "novelty": {"ranking": "novelty"},
    "random": {"ranking": "random"},
}


@pytest.mark.parametrize(
    "name", ["two agents", *[pytest.param(one, marks=pytest.mark.slow) for one in [*VARIANTS][1:]]]
)
def test_every_ablation_keeps_the_contract(name):
    check_strategy(lambda: bral_t(**VARIANTS[name]))


@functools.cache
def rounds_of(retrain: tuple[int, ...] | None, count: int = 4):
    """The states after each of some rounds of the same round, and the picks."""
    strategy, round_ = bral_t(retrain=retrain), linear_round(jax.random.key(0))
    shapes = jax.eval_shape(lambda: Outputs(round_.logits, round_.features))
    state = initial_state(strategy, KEY, round_.x, shapes)
    select = jax.jit(lambda key, state: strategy.select(key, state, round_, 7))
    states, picks = [state], []
    for t in range(count):
        chosen, state = select(jax.random.fold_in(KEY, t), state)
        states.append(state)
        picks.append(chosen)
    return states, picks


def test_two_agents_switch_at_the_stated_round():
    states, picks = rounds_of((0, 2))
    kernels = [np.asarray(state.reward.layers[0].kernel) for state in states]
    changed = [not np.array_equal(a, b) for a, b in itertools.pairwise(kernels)]
    assert changed == [True, False, True, False]
    # In the rounds in which it learns it is the policy that learns in every round.
    _, anew = rounds_of(None)
    assert [np.array_equal(a, b) for a, b in zip(picks, anew, strict=True)][::2] == [True, True]
    assert not all(np.array_equal(a, b) for a, b in zip(picks, anew, strict=True))


@pytest.mark.slow
def test_two_agents_of_many_seeds():
    """Lanes learn together, and each keeps its own."""
    strategy, round_ = bral_t(retrain=(0, 2)), linear_round(jax.random.key(0))
    shapes = jax.eval_shape(lambda: Outputs(round_.logits, round_.features))
    keys = jax.random.split(KEY, 3)
    state = jax.vmap(lambda key: initial_state(strategy, key, round_.x, shapes))(keys)
    select = jax.jit(jax.vmap(lambda key, state: strategy.select(key, state, round_, 7), (0, 0)))
    _, first = select(keys, state)
    kernel = np.asarray(first.reward.layers[0].kernel)
    assert len({one.tobytes() for one in kernel}) == 3
    # Of three lanes one is in the round of the second agent.
    others = jax.random.split(jax.random.key(9), 3)
    _, second = select(others, first._replace(rounds=jnp.array([1, 2, 3])))
    same = [
        np.array_equal(*pair) for pair in zip(kernel, second.reward.layers[0].kernel, strict=True)
    ]
    assert same == [True, False, True]


@pytest.mark.parametrize(
    ("rounds", "says"),
    [
        ((1,), "retrain as ascending rounds from 0 on, such as"),
        ((0, 0), "retrain as ascending rounds from 0 on, such as"),
        ((0, 3, 2), "retrain as ascending rounds from 0 on, such as"),
        ((), "at least one of retrain, got none"),
        ((-1, 0), "retrain as an integer of at least 0, got -1"),
        ((0, 2.5), "retrain as an integer of at least 0, got 2.5"),
        (5, "retrain as a tuple of numbers, got 5"),
    ],
)
def test_rounds_to_learn_in(rounds, says):
    with pytest.raises(InputError, match=f"bral_t takes {says}"):
        bral_t(retrain=rounds)


def test_a_rival_of_the_reward_learns_nothing():
    with pytest.raises(InputError, match='retrain with ranking "learned"'):
        bral_t(retrain=(0, 2), ranking="margin")


@pytest.mark.parametrize("name", ["bral_t", "pseudo_score", "gradnd_oracle"])
def test_lambda_is_above_zero(name):
    with pytest.raises(InputError, match=f"^{name} takes lambda_ as a finite number above 0, got"):
        strategies.registry[name](lambda_=0.0)


def test_pseudo_score_by_hand():
    round_ = linear_round(jax.random.key(0))
    picks = strategies.registry["pseudo_score"](lambda_=0.25).select(KEY, (), round_, 7)[0]
    score = jax.vmap(lambda one: super_el2n(one, jnp.argmax(one), lambda_=0.25))
    left = np.flatnonzero(~round_.labelled)
    expected = left[np.argsort(-np.asarray(score(round_.logits))[left])][:7]
    np.testing.assert_array_equal(picks, expected)


def oracle_round():
    round_ = linear_round(jax.random.key(0))
    truth = jax.random.randint(jax.random.key(5), round_.y.shape, 0, 5)
    return round_._replace(truth=jnp.where(round_.labelled, round_.y, truth))


def test_the_oracle_takes_the_worst_of_each_true_class():
    round_ = oracle_round()
    oracle = strategies.registry["gradnd_oracle"](curriculum=False)
    picks = np.asarray(oracle.select(KEY, (), round_, 10)[0])
    error = np.asarray(jax.nn.softmax(round_.logits)) - np.eye(5)[round_.truth]
    score = np.where(round_.labelled, -1.0, np.linalg.norm(error, axis=1))
    for c in range(5):
        best = np.argsort(-np.where(round_.truth == c, score, -1.0))[:2]
        assert set(best.tolist()) == {i for i in picks.tolist() if round_.truth[i] == c}


def test_the_oracle_of_clusters_keeps_the_contract():
    round_ = oracle_round()
    oracle = strategies.registry["gradnd_oracle"](ranking="clusters", actions=2)
    picks = np.asarray(jax.jit(lambda key: oracle.select(key, (), round_, 10)[0])(KEY))
    assert len(set(picks.tolist())) == 10 and not np.asarray(round_.labelled)[picks].any()
    other = round_._replace(truth=(round_.truth + 1) % 5)
    assert not np.array_equal(picks, oracle.select(KEY, (), other, 10)[0])


def test_how_the_oracle_ranks():
    with pytest.raises(InputError, match='ranking as "points" or "clusters", got \'all\''):
        strategies.registry["gradnd_oracle"](ranking="all")


def spy(oracle: bool, name: str) -> Strategy:
    """Keeps what it sees as the truth of the first unlabelled point; -2 for nothing."""

    def select(key, state, round, k_max):
        left = jnp.argsort(round.labelled, stable=True)[:k_max].astype(jnp.int32)
        return left, jnp.int32(-2) if round.truth is None else round.truth[left[0]]

    return Strategy(lambda key, x: jnp.int32(-3), select, oracle=oracle, name=name)


def run(strategy):
    pool = Pool(jnp.arange(12.0)[:, None], jnp.arange(12, dtype=jnp.int32) % 3)
    learner = learners.registry["logistic_regression"]((1,), 3)
    played = episode(learner, strategy, metrics.evaluator(["accuracy"]), 1, 2)
    data = learner.prepare(pool.x)
    start = played.init(KEY, jnp.arange(12), jnp.int32(4), pool, data)
    schedule = jnp.array([4, 6])
    return played.run(start, 0, 2, pool, data, pool, learner.hyper, schedule).strategy


def test_only_an_oracle_sees_the_truth():
    assert run(spy(False, "spy")) == -2
    assert run(spy(True, "spy_oracle")) == 4 % 3


def test_an_oracle_says_so_in_its_name():
    with pytest.raises(InputError, match=r"^spy is given classes that nobody bought: its name"):
        run(spy(True, "spy"))
    assert make(Query("gradnd_oracle", name="upper_oracle"), False).name == "upper_oracle"


def test_of_the_registered_only_one_is_an_oracle():
    oracles = [name for name, one in strategies.registry.items() if one().oracle]
    assert oracles == ["gradnd_oracle"]
    assert [n for n, one in strategies.registry.items() if "truth" in one.reads] == oracles


def test_an_oracle_and_a_state_of_outputs_have_programs_of_their_own():
    margin = strategies.registry["margin"]()
    for own in (strategies.registry["gradnd_oracle"](), bral_t(retrain=(0, 2))):
        assert not strategies.is_shareable(own)
        with pytest.raises(ValueError, match="one_of takes strategies without"):
            strategies.one_of([margin, own], jnp.int32(0))
    assert strategies.is_shareable(bral_t())
