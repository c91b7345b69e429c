import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial
from reference import oracles
from sklearn.linear_model import LogisticRegression

from jal import learners
from jal.episode import labelled_mask, look
from jal.scores.disagreement import vote_entropy
from jal.strategies import committee
from jal.types import InputError, Labels, Outputs, Round

N, LABELLED, MEMBERS, BUY = 1000, 60, 5, 12
key = jax.random.key(3)


def entropy_of(p: np.ndarray) -> np.ndarray:
    return -np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=-1)


@functools.cache
def a_learner(name: str):
    options = {"mlp": {"epochs": 10}}.get(name, {})
    return learners.registry[name]((64,), 10, max_labels=LABELLED, **options)


def labelled_of(seed: int, count: int = LABELLED) -> Labels:
    order = np.random.default_rng(seed).permutation(N).astype(np.int32)
    return Labels(jnp.asarray(order), jnp.int32(count))


def round_of(learner, pool, labels: Labels) -> Round:
    data = learner.prepare(pool)
    variables = learner.init(key, data)
    return look(learner, variables, pool, labels, data, learner.hyper, False)


@functools.cache
def run_members(name: str, members: int):
    """Each member's bootstrap sample and logits, from the strategy's keys."""
    learner = a_learner(name)

    def one(key, round_: Round):
        key_draw, key_fit = jax.random.split(key)
        drawn = committee.bootstrap(key_draw, round_.labels)
        return drawn.order[:LABELLED], round_.predict(round_.fit(key_fit, drawn), round_.x).logits

    def run(key, pool, labels):
        round_ = round_of(learner, pool, labels)
        keys = jax.random.split(jax.random.split(key)[1], members)
        return jax.lax.map(lambda key: one(key, round_), keys)

    return jax.jit(run)


def members_of(name: str, pool, labels: Labels, members: int = MEMBERS):
    return jax.device_get(run_members(name, members)(key, pool, labels))


@functools.cache
def run_committee_kl():
    strategy, learner = committee.committee_kl(), a_learner("logistic_regression")

    def run(key, pool, labels):
        round_ = round_of(learner, pool, labels)
        return strategy.select(key, (), round_, BUY)[0]

    return jax.jit(run)


def test_a_bootstrap_sample():
    labels = labelled_of(0)
    drawn = jax.vmap(lambda key: committee.bootstrap(key, labels))(jax.random.split(key, 500))
    order = np.asarray(drawn.order)
    labelled = np.asarray(labels.order[:LABELLED])
    assert (np.asarray(drawn.n) == LABELLED).all() and order.dtype == np.int32
    assert np.isin(order[:, :LABELLED], labelled).all()
    np.testing.assert_array_equal(order[:, LABELLED:], np.tile(labels.order[LABELLED:], (500, 1)))
    counts = (order[:, :LABELLED, None] == labelled).sum(axis=(0, 1))
    assert ((counts - 500) ** 2 / 500).sum() < 100  # chi-square of 59 degrees
    distinct = np.mean([len(set(row)) for row in order[:, :LABELLED]])
    np.testing.assert_allclose(distinct / LABELLED, 1 - (1 - 1 / LABELLED) ** LABELLED, atol=0.01)


def test_picks_where_scikit_learns_committee_disagrees(digits):
    pool, _ = digits
    labels = labelled_of(0)
    draws, logits = members_of("logistic_regression", pool, labels)
    x, y = np.asarray(pool.x, np.float64), np.asarray(pool.y)
    p = np.zeros((MEMBERS, N, 10))
    for i, drawn in enumerate(draws):
        model = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(x[drawn], y[drawn])
        p[i][:, model.classes_] = model.predict_proba(x)
    # A class that a sample lacks has no probability there; ours leaves it a little.
    ours = oracles.softmax(logits)
    np.testing.assert_allclose(ours, p, atol=0.02)
    score = entropy_of(ours.mean(axis=0)) - entropy_of(ours).mean(axis=0)
    score = np.where(labelled_mask(labels), -1.0, score)
    picks = run_committee_kl()(key, pool, labels)
    np.testing.assert_array_equal(picks, np.argsort(-score)[:BUY])


@pytest.mark.parametrize("name", ["logistic_regression", "mlp"])
def test_members_differ(digits, name):
    pool, _ = digits
    _, logits = members_of(name, pool, labelled_of(1))
    assert np.isfinite(logits).all()
    votes = logits.argmax(axis=2)
    for i in range(MEMBERS):
        assert 0.02 < (votes[i] != votes[i - 1]).mean() < 0.7


def test_picks_the_largest_vote_entropy():
    """Members by hand: class means of their samples, in the plane."""
    x = jax.random.normal(key, (200, 2))
    labels = Labels(jax.random.permutation(key, 200).astype(jnp.int32), jnp.int32(12))
    y = jnp.argmax(x @ jnp.array([[1.0, 0, -1], [0, 1, -1]]), axis=1)

    def fit(x, y, key, labels):
        del key
        member = jax.nn.one_hot(y[labels.order], 3) * (jnp.arange(200) < labels.n)[:, None]
        return member.T @ x[labels.order] / jnp.maximum(member.sum(axis=0), 1)[:, None]

    def predict(means, x):
        return Outputs(-jnp.square(x[:, None] - means).sum(axis=2), x)

    mask = labelled_mask(labels)
    round_ = Round(
        x, jnp.where(mask, y, -1), labels, mask, (), jnp.zeros((200, 3)), x,
        fit=Partial(fit, x, y), predict=Partial(predict),
    )  # fmt: skip
    keys = jax.random.split(jax.random.split(key)[1], 7)
    drawn = [committee.bootstrap(jax.random.split(one)[0], labels) for one in keys]
    logits = jnp.stack([predict(fit(x, y, key, one), x).logits for one in drawn])
    votes = np.eye(3)[np.asarray(logits).argmax(axis=2)].mean(axis=0)
    score = np.where(mask, -1.0, entropy_of(votes))

    strategy = committee.query_by_committee(members=7)
    run = jax.jit(lambda key, round_: strategy.select(key, (), round_, BUY)[0])
    picks = np.asarray(run(key, round_))
    assert len(set(picks.tolist())) == BUY
    np.testing.assert_allclose(score[picks], np.sort(score)[::-1][:BUY], atol=1e-5)
    assert score[picks].max() > np.median(score) + 0.1

    keys = jax.random.split(key, 3)
    together = jax.jit(jax.vmap(run, in_axes=(0, None)))(keys, round_)
    np.testing.assert_array_equal(together, [run(key, round_) for key in keys])


def stub(logits) -> Round:
    """A round whose members are given: the one of `logits [S, N, K]` that the key draws."""
    n = logits.shape[1]
    labels = Labels(jnp.arange(n, dtype=jnp.int32), jnp.int32(4))
    x = jnp.zeros((n, 2))
    fit = Partial(
        lambda all_, key, labels: all_[jax.random.randint(key, (), 0, all_.shape[0])], logits
    )
    predict = Partial(lambda variables, x: Outputs(variables, x))
    mask = labelled_mask(labels)
    y = jnp.where(mask, 0, -1)
    return Round(x, y, labels, mask, (), logits[0], x, fit=fit, predict=predict)


def test_identical_members_leave_ties():
    """All scores are 0: votes pick at random, every point as often; the divergence by index."""
    logits = jnp.tile(jax.random.normal(key, (1, 20, 3)), (2, 1, 1))
    round_ = stub(logits)
    by_index = committee.committee_kl().select(key, (), round_, 5)[0]
    np.testing.assert_array_equal(by_index, np.arange(4, 9))
    strategy = committee.query_by_committee()
    keys = jax.random.split(key, 2000)
    picks = jax.jit(jax.vmap(lambda key: strategy.select(key, (), round_, 5)[0]))(keys)
    counts = np.bincount(np.asarray(picks).ravel(), minlength=20)
    assert (counts[:4] == 0).all()
    expected = 2000 * 5 / 16
    assert ((counts[4:] - expected) ** 2 / expected).sum() < 37  # chi-square of 15 degrees


def test_equal_votes_tie_whatever_the_classes():
    """Of seven votes three, two, one and one: the same entropy in any order of classes."""
    rng = np.random.default_rng(0)
    votes = np.stack([rng.permutation(7)[[0, 0, 0, 1, 1, 2, 3]] for _ in range(40)])
    score = jax.vmap(vote_entropy)(jax.nn.one_hot(votes, 7))
    assert len(np.unique(score)) > 1  # rounding would decide
    ranks = jax.vmap(lambda key: committee._ranks(key, score))(jax.random.split(key, 1000))
    np.testing.assert_allclose(np.asarray(ranks).mean(axis=0), 19.5, atol=1.6)  # 4.4 deviations


def test_a_class_may_be_missing(digits):
    pool, _ = digits
    y = np.asarray(pool.y)
    two = np.r_[np.flatnonzero(y == 3)[:1], np.flatnonzero(y == 5)[:1]]
    order = np.r_[two, np.setdiff1d(np.arange(N), two)].astype(np.int32)
    labels = Labels(jnp.asarray(order), jnp.int32(2))
    picks = np.asarray(run_committee_kl()(key, pool, labels))
    assert len(set(picks.tolist())) == BUY
    assert not np.isin(picks, two).any()


def test_outputs_are_not_used():
    assert committee.query_by_committee().uses_outputs is False
    assert committee.committee_kl().uses_outputs is False


def test_errors():
    with pytest.raises(InputError, match="members must be at least 2, got 1"):
        committee.query_by_committee(members=1)
    with pytest.raises(InputError, match='got "kl"'):
        committee.query_by_committee(disagreement="kl")  # pyright: ignore
