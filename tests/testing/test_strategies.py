"""What breaks the contract of strategies is found, each by its own sentence."""

import jax
import jax.numpy as jnp
import pytest

from jal import select, strategies
from jal.strategies import stateless
from jal.testing import check_strategy, linear_round
from jal.types import Strategy


def by_key(key, round, k_max, score=None):
    score = jnp.zeros(round.labelled.shape) if score is None else score
    return select.top_k(score, round.labelled, k_max, key=key)


def picking(change):
    """Random picks, changed by `(picks, round) -> picks`."""
    return lambda: stateless(lambda key, round, k: change(by_key(key, round, k), round))


def by_position():
    return stateless(lambda key, round, k: select.top_k(round.features[:, 0], round.labelled, k))


def grows():
    return Strategy(
        lambda key, x: jnp.zeros(1),
        lambda key, state, round, k: (by_key(key, round, k), jnp.append(state, 0.0)),
    )


def sized(size, largest=20):
    return lambda: strategies.registry["random"]()._replace(
        batch_size=lambda key, state, round: size, largest=lambda points: largest
    )


def reads_what_it_denies():
    return strategies.registry["margin"]()._replace(uses_outputs=False)


BROKEN = {
    "must be distinct": picking(lambda picks, round: picks.at[1].set(picks[0])),
    "must be unlabelled points": picking(
        lambda picks, round: picks.at[0].set(round.labels.order[0])
    ),
    r"must be int32 \[7\]": picking(lambda picks, round: picks.astype(jnp.float32)),
    "must be int32": picking(lambda picks, round: picks[:-1]),
    "must be N = 60": picking(lambda picks, round: jnp.where(picks == 60, picks[0], picks)),
    "uses_outputs is False": reads_what_it_denies,
    "a state must keep its shapes": grows,
    "a batch size must be at least 1": sized(jnp.int32(0)),
    "at most largest": sized(jnp.int32(21)),
    "a batch size must be an integer": sized(jnp.float32(2.0)),
    "copies of a point must be picked equally often": by_position,
}


@pytest.mark.parametrize("says", BROKEN)
def test_what_is_broken_is_said(says):
    with pytest.raises(AssertionError, match=says):
        check_strategy(BROKEN[says])


def test_a_strategy_that_breaks_on_what_is_not_a_number():
    def pick(key, round, k):
        picks = by_key(key, round, k)
        return jnp.where(jnp.isnan(round.x).any(), picks[0], picks)

    with pytest.raises(AssertionError, match="where one point is not a number"):
        check_strategy(lambda: stateless(pick))


def test_two_classes_and_all_equal_are_tried():
    """A strategy that breaks there alone."""

    def few_classes(key, round, k):
        picks = by_key(key, round, k)
        return jnp.where(round.y.max() < 2, picks[0], picks)

    def all_equal(key, round, k):
        picks = by_key(key, round, k)
        return jnp.where(jnp.ptp(round.logits) == 0, picks[0], picks)

    with pytest.raises(AssertionError, match="must be distinct"):
        check_strategy(lambda: stateless(few_classes))
    with pytest.raises(AssertionError, match="all of them equal"):
        check_strategy(lambda: stateless(all_equal))


def test_nothing_labelled_is_tried_where_it_is_claimed():
    def needs_a_label(key, round, k):
        picks = by_key(key, round, k)
        return jnp.where(round.labelled.any(), picks, picks[0])

    def by_position_at_first(key, round, k):
        return jnp.where(round.labelled.any(), by_key(key, round, k), jnp.arange(k))

    check_strategy(lambda: stateless(needs_a_label))
    with pytest.raises(AssertionError, match=r"must be distinct, .* with 60 points left"):
        check_strategy(lambda: stateless(needs_a_label)._replace(cold_start=True))
    with pytest.raises(AssertionError, match="copies of a point must be picked equally often"):
        check_strategy(lambda: stateless(by_position_at_first)._replace(cold_start=True))


def test_by_position_is_a_choice():
    check_strategy(by_position, ties_at_random=False)


def test_the_round():
    """12 of 60 are labelled, of the classes that are asked for; copies stand beside each other."""
    round_ = linear_round(jax.random.key(0), seen=2, copies=3)
    assert int(round_.labelled.sum()) == 12 and set(round_.y.tolist()) == {-1, 0, 1}
    assert len(jnp.unique(round_.x, axis=0)) == 3 and (round_.x[0] == round_.x[19]).all()
    assert (round_.head(round_.features) == round_.logits).all()
    equal = linear_round(jax.random.key(0), copies=1)
    assert not equal.logits.any() and not equal.auxiliary.any()
    fitted = round_.fit(jax.random.key(1), round_.labels)
    whole = round_.fit(jax.random.key(1), round_.labels._replace(n=jnp.int32(60)))
    assert (fitted == whole).all()  # of unlabelled points nothing is known
