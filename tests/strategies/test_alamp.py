import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracles

from jal.strategies.alamp import alamp, alamp_div, diversified, margin_div, random_div
from jal.types import InputError, Labels, Round

N, K, PICKS = 40, 4, 10
key = jax.random.key(0)


def make_round(seed: int, labelled: np.ndarray) -> Round:
    logits = jnp.asarray(2 * np.random.default_rng(seed).normal(size=(N, K)), jnp.float32)
    order = jnp.asarray(np.argsort(~labelled, kind="stable"), jnp.int32)
    labels = Labels(order, jnp.int32(labelled.sum()))
    return Round(logits, -jnp.ones(N, int), labels, jnp.asarray(labelled), (), logits, logits)


def three_rounds(strategy):
    """Each round's picks, what was labelled before it, and its logits."""
    select = jax.jit(strategy.select, static_argnums=3)
    labelled, state, seen = np.arange(N) < 5, strategy.init(key, jnp.zeros((N, 2))), []
    for t in range(3):
        round_ = make_round(t, labelled)
        picks, state = select(key, state, round_, PICKS)
        seen.append((np.asarray(picks), labelled.copy(), np.asarray(round_.logits)))
        labelled[picks] = True
    return seen


def turns(score: np.ndarray, classes: np.ndarray, labelled: np.ndarray) -> list[int]:
    """By (rank within the class, rank among all)."""
    ranked = oracles.top_k(score, labelled).tolist()
    within = {i: sum(classes[j] == classes[i] for j in ranked[:r]) for r, i in enumerate(ranked)}
    return sorted(ranked, key=lambda i: (within[i], ranked.index(i)))[:PICKS]


@pytest.mark.parametrize("margin", ["probability", "decision"])
@pytest.mark.parametrize("div", [False, True])
def test_compares_with_the_round_before(margin, div):
    gap = {"probability": oracles.margin, "decision": oracles.top_two_gap}[margin]
    seen = three_rounds((alamp_div if div else alamp)(margin=margin))
    before, classes = None, None
    for picks, labelled, logits in seen:
        now, predicted = gap(logits), logits.argmax(axis=1)
        first = before is None
        score = -now if first else (before - now) / (before + now)
        grouped = predicted if first else classes
        expected = turns(score, grouped, labelled) if div else oracles.top_k(score, labelled)
        np.testing.assert_array_equal(picks, expected[:PICKS])
        before, classes = now, predicted


@pytest.mark.parametrize("margin", ["probability", "decision"])
def test_margin_div_takes_the_classes_of_now(margin):
    gap = {"probability": oracles.margin, "decision": oracles.top_two_gap}[margin]
    for picks, labelled, logits in three_rounds(margin_div(margin=margin)):
        expected = turns(-gap(logits), logits.argmax(axis=1), labelled)
        np.testing.assert_array_equal(picks, expected)


def test_random_div_is_uniform_within_each_class():
    labelled = np.arange(N) < 5
    round_ = make_round(0, labelled)
    classes = np.asarray(round_.logits).argmax(axis=1)
    strategy = random_div()
    draw = jax.vmap(lambda key: strategy.select(key, (), round_, K)[0])
    picks = np.asarray(draw(jax.random.split(key, 4000)))
    np.testing.assert_array_equal(np.sort(classes[picks], axis=1), np.tile(np.arange(K), (4000, 1)))
    counts = np.bincount(picks.ravel(), minlength=N)
    size = np.bincount(classes[~labelled], minlength=K)
    expected = np.where(labelled, 0, 4000 / size[classes])
    assert (np.abs(counts - expected) <= 5 * np.sqrt(expected)).all()


def test_any_score_is_diversified():
    labelled = np.arange(N) < 5
    round_ = make_round(0, labelled)
    strategy = diversified(lambda key, round: round.logits[:, 0])
    picks, _ = strategy.select(key, (), round_, PICKS)
    logits = np.asarray(round_.logits)
    np.testing.assert_array_equal(picks, turns(logits[:, 0], logits.argmax(axis=1), labelled))


@pytest.mark.parametrize("make", [alamp, alamp_div, margin_div])
def test_unknown_margins(make):
    with pytest.raises(InputError, match="'probability' or 'decision', got 'logit'"):
        make(margin="logit")
