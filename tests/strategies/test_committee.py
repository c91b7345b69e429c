import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from jal import learners, scores
from jal.episode import look
from jal.labels import labelled_mask, revealed
from jal.strategies import committee
from jal.types import InputError, Labels, Learner, Outputs, Round

N, LABELLED, MEMBERS, BUY = 1000, 100, 5, 12
key = jax.random.key(3)


def entropy_of(p: np.ndarray) -> np.ndarray:
    return -np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=-1)


@functools.cache
def run_committee_kl():
    """The picks on the digits by logistic regression."""
    learner = learners.registry["logistic_regression"]((64,), 10, max_labels=LABELLED)
    strategy = committee.committee_kl()

    def run(key, pool, labels):
        data = learner.prepare(pool.x)
        start = learner.init(key, data)
        round_ = look(
            learner, start, pool.x, data, revealed(pool.y, labels), labels, learner.hyper, False
        )
        return strategy.select(key, (), round_, BUY)[0]

    return jax.jit(run)


def test_a_bootstrap_sample():
    order = np.random.default_rng(0).permutation(N).astype(np.int32)
    labels = Labels(jnp.asarray(order), jnp.int32(60))
    drawn = jax.vmap(lambda key: committee.bootstrap(key, labels))(jax.random.split(key, 500))
    found = np.asarray(drawn.order)
    assert (np.asarray(drawn.n) == 60).all() and found.dtype == np.int32
    np.testing.assert_array_equal(found[:, 60:], np.tile(order[60:], (500, 1)))
    counts = (found[:, :60, None] == order[:60]).sum(axis=(0, 1))
    assert counts.sum() == 500 * 60  # all are labelled
    assert ((counts - 500) ** 2 / 500).sum() < 100  # chi-square of 59 degrees
    distinct = np.mean([len(set(row)) for row in found[:, :60]])
    np.testing.assert_allclose(distinct / 60, 1 - (1 - 1 / 60) ** 60, atol=0.01)


def test_picks_where_scikit_learns_committee_disagrees(digits):
    pool, _ = digits
    order = np.random.default_rng(0).permutation(N).astype(np.int32)
    labels = Labels(jnp.asarray(order), jnp.int32(LABELLED))
    x, y = np.asarray(pool.x, np.float64), np.asarray(pool.y)
    p = np.zeros((MEMBERS, N, 10))
    for i, one in enumerate(jax.random.split(jax.random.split(key)[1], MEMBERS)):
        drawn = committee.bootstrap(jax.random.split(one)[0], labels).order[:LABELLED]
        model = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(x[drawn], y[drawn])
        p[i] = model.predict_proba(x)  # no sample lacks a class
    score = entropy_of(p.mean(axis=0)) - entropy_of(p).mean(axis=0)
    score[order[:LABELLED]] = -1.0
    picks = run_committee_kl()(key, pool, labels)
    np.testing.assert_array_equal(picks, np.argsort(-score)[:BUY])


def test_a_class_may_be_missing(digits):
    pool, _ = digits
    y = np.asarray(pool.y)
    two = np.r_[np.flatnonzero(y == 3)[:1], np.flatnonzero(y == 5)[:1]]
    order = np.r_[two, np.setdiff1d(np.arange(N), two)].astype(np.int32)
    labels = Labels(jnp.asarray(order), jnp.int32(2))
    picks = np.asarray(run_committee_kl()(key, pool, labels))
    assert len(set(picks.tolist())) == BUY
    assert not np.isin(picks, two).any()


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
    picks = np.asarray(jax.jit(lambda r: strategy.select(key, (), r, BUY)[0])(round_))
    np.testing.assert_allclose(score[picks], np.sort(score)[::-1][:BUY], atol=1e-5)
    assert score[picks].max() > np.median(score) + 0.1


def test_equal_votes_tie_whatever_the_classes():
    """The same members agree at every point, whatever class they vote for."""
    rng = np.random.default_rng(0)
    votes = np.stack([rng.permutation(7)[[0, 0, 0, 1, 1, 2, 3]] for _ in range(20)], axis=1)
    members = jax.nn.one_hot(votes, 7)  # [7, 20, 7]
    x, labels = jnp.zeros((20, 2)), Labels(jnp.arange(20, dtype=jnp.int32), jnp.int32(4))
    mask = labelled_mask(labels)

    def fit(members, key, labels):
        return members[jax.random.randint(key, (), 0, 7)]

    round_ = Round(
        x, jnp.where(mask, 0, -1), labels, mask, (), members[0], x,
        fit=Partial(fit, members), predict=Partial(lambda member, x: Outputs(member, x)),
    )  # fmt: skip
    score = jax.vmap(scores.vote_entropy, in_axes=1)(members)
    assert len(np.unique(score)) > 1  # rounding would decide
    strategy = committee.query_by_committee(members=7)
    keys = jax.random.split(key, 2000)
    picks = jax.jit(jax.vmap(lambda key: strategy.select(key, (), round_, 5)[0]))(keys)
    counts = np.bincount(np.asarray(picks).ravel(), minlength=20)
    assert (counts[:4] == 0).all()
    expected = 2000 * 5 / 16
    assert ((counts[4:] - expected) ** 2 / expected).sum() < 37  # chi-square of 15 degrees


def threshold(at: float) -> Learner:
    """Votes for class 1 above `at`, its hyper-parameter, by a step for each label so far; counts
    its fits."""

    def fit(key, fits, data, y, labels, hyper):
        step = jnp.sum((y >= 0) & (jnp.arange(len(y)) < labels.n)[jnp.argsort(labels.order)])
        return {"fits": fits["fits"] + 1, "step": step.astype(jnp.float32), "at": hyper}, {}

    def predict(fits, x):
        return Outputs(jnp.stack([0 * x[:, 0], fits["step"] * (x[:, 0] - fits["at"])], axis=1), x)

    start = {"fits": jnp.int32(0), "step": jnp.float32(0), "at": jnp.float32(jnp.nan)}
    return Learner(lambda x: x, lambda key, data: start, fit, predict, jnp.float32(at))


def line_round(n: int = 4) -> Round:
    """Points 0, 1, ..., 19 of which the first n are labelled; logits that nobody may read."""
    x, labels = jnp.arange(20.0)[:, None], Labels(jnp.arange(20, dtype=jnp.int32), jnp.int32(n))
    mask = labelled_mask(labels)
    logits = jnp.full((20, 2), jnp.nan)
    return Round(x, jnp.where(mask, 0, -1), labels, mask, (), logits, x)


def test_given_learners_are_the_members():
    """Above 7.5 one votes for class 1, above 11.5 two, above 15.5 all three."""
    members = {"a": threshold(7.5), "b": threshold(11.5), "c": threshold(15.5)}
    strategy = committee.query_by_committee(members)
    state = strategy.init(key, jnp.arange(20.0)[:, None])
    select = jax.jit(strategy.select, static_argnums=3)
    picks, state = select(key, state, line_round(), 8)
    assert sorted(picks.tolist()) == [8, 9, 10, 11, 12, 13, 14, 15]  # one vote is as two
    assert [int(one["fits"]) for one in state] == [1, 1, 1]
    # On all labels that there are, and from where the last round ended.
    assert [float(one["step"]) for one in state] == [4.0] * 3
    _, state = select(key, state, line_round(6), 8)
    assert [(int(one["fits"]), float(one["step"])) for one in state] == [(2, 6.0)] * 3
    assert strategy.uses_outputs is False
    some = [select(jax.random.key(i), state, line_round(), 8)[0][0] for i in range(9)]
    assert len(np.unique(some)) > 3  # ties are drawn


def test_uncertainty_by_another_learner():
    """The mean prediction of thresholds 7.5 and 11.5 is least sure at 9 and 10, then 8 and 11."""
    one = committee.query_by_committee({"a": threshold(6.2)}, "consensus_entropy")
    picks, _ = one.select(key, one.init(key, jnp.arange(20.0)[:, None]), line_round(), 4)
    assert picks.tolist() == [6, 7, 5, 8]
    members = {"a": threshold(7.5), "b": threshold(11.5)}
    two = committee.query_by_committee(members, "consensus_entropy")
    picks, _ = two.select(key, two.init(key, jnp.arange(20.0)[:, None]), line_round(), 4)
    assert sorted(picks[:2].tolist()) == [9, 10] and sorted(picks[2:].tolist()) == [8, 11]


def test_votes_of_scikit_learns_classifiers(digits):
    pool, _ = digits
    x, y = np.asarray(pool.x, np.float64), np.asarray(pool.y)
    order = np.random.default_rng(0).permutation(N).astype(np.int32)
    labels = Labels(jnp.asarray(order), jnp.int32(LABELLED))
    theirs = LogisticRegression(solver="newton-cholesky", tol=1e-8), LinearDiscriminantAnalysis()
    split = np.zeros(N, bool)
    first, second = (one.fit(x[order[:100]], y[order[:100]]).predict(x) for one in theirs)
    split[first != second] = True
    split[order[:LABELLED]] = False
    names = ("logistic_regression", "lda")
    members = {one: learners.registry[one]((64,), 10, max_labels=LABELLED) for one in names}
    strategy = committee.query_by_committee(members)

    def run(key, pool, labels):
        mask = labelled_mask(labels)
        round_ = Round(
            pool.x, revealed(pool.y, labels), labels, mask, (), jnp.zeros((N, 10)), pool.x
        )
        return strategy.select(key, strategy.init(key, pool.x), round_, int(split.sum()))[0]

    picks = np.asarray(jax.jit(run)(key, pool, labels))
    assert split.sum() > 20
    np.testing.assert_array_equal(np.sort(picks), np.flatnonzero(split))


def test_inputs():
    with pytest.raises(InputError, match="members must be at least 2, got 1: one agrees"):
        committee.query_by_committee({"a": threshold(0.0)})
    with pytest.raises(InputError, match=r"members must be at least 1, got 0\."):
        committee.query_by_committee({}, "consensus_entropy")
    assert committee.query_by_committee().uses_outputs is False
    assert committee.committee_kl().uses_outputs is False
    with pytest.raises(InputError, match="members must be at least 2, got 1"):
        committee.query_by_committee(members=1)
    with pytest.raises(InputError, match='got "kl"'):
        committee.query_by_committee(disagreement="kl")  # pyright: ignore
