import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference import oracles

from jal.scores import disagreement

REFERENCE = Path(__file__).parents[1] / "reference"
T, N, K = 5, 6, 4
NAMES = ["bald", "consensus_kl", "mean_std", "vote_entropy"]

fast = settings(max_examples=25, deadline=None, derandomize=True)
# Quarters are exact in float32, so that shifts by whole numbers lose no digit.
logits_of_passes = arrays(
    np.float32, (T, N, K), elements=st.integers(-60, 60).map(lambda quarters: quarters / 4)
)
pooled = {name: jax.jit(jax.vmap(getattr(disagreement, name), in_axes=1)) for name in NAMES}


def golden(name: str) -> dict[str, np.ndarray]:
    return {key: np.array(v) for key, v in json.loads((REFERENCE / name).read_text()).items()}


def entropy_of(p: np.ndarray) -> np.ndarray:
    return -np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=-1)


def expected(name: str, logits: np.ndarray) -> np.ndarray:
    p = oracles.softmax(logits)
    mean = p.mean(axis=0)
    if name == "bald":
        return entropy_of(mean) - entropy_of(p).mean(axis=0)
    if name == "consensus_kl":
        ratio = np.log(np.where(p > 0, p, 1.0)) - np.log(np.where(p > 0, mean, 1.0))
        return (p * ratio).sum(axis=-1).mean(axis=0)
    if name == "mean_std":
        return np.sqrt((p**2).mean(axis=0) - mean**2 + 1e-18).mean(axis=-1)
    tied = logits == logits.max(axis=-1, keepdims=True)
    votes = np.where(tied, np.round(mean * 1e5), -1).argmax(axis=-1)
    return entropy_of(np.eye(K)[votes].mean(axis=0))


@pytest.mark.parametrize("name", NAMES)
@fast
@given(logits=logits_of_passes)
def test_agrees_with_float64(name, logits):
    np.testing.assert_allclose(pooled[name](logits), expected(name, logits), rtol=1e-4, atol=2e-6)


@fast
@given(logits=logits_of_passes)
def test_bounds(logits):
    most = {"mean_std": 0.5}
    for name in NAMES:
        score = np.asarray(pooled[name](logits))
        upper = most.get(name, np.log(min(K, T))) + 1e-6
        assert ((score >= 0) & (score <= upper)).all(), (name, score)


@pytest.mark.parametrize("name", NAMES)
@fast
@given(logits=logits_of_passes)
def test_identical_passes_do_not_disagree(name, logits):
    same = np.broadcast_to(logits[:1], logits.shape)
    np.testing.assert_allclose(pooled[name](same), 0.0, atol=1e-7)


@pytest.mark.parametrize("passes", [2, 4])
@pytest.mark.parametrize("zero", [-200.0, -np.inf], ids=["certain", "probability 0"])
def test_distinct_certainties(passes, zero):
    logits = jnp.where(jnp.eye(passes, K) > 0, 0.0, zero)
    for name in ("bald", "consensus_kl", "vote_entropy"):
        found = getattr(disagreement, name)(logits)
        np.testing.assert_allclose(found, np.log(passes), rtol=1e-6)
    share = 1 / passes
    std = np.sqrt(share * (1 - share)) * passes / K
    np.testing.assert_allclose(disagreement.mean_std(logits), std, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@fast
@given(logits=logits_of_passes, passes=st.permutations(range(T)), order=st.permutations(range(K)))
def test_orders_and_shifts_change_nothing(name, logits, passes, order):
    if name == "vote_entropy":  # where the means tie as well, the first class takes the vote
        order = sorted(order)
    moved = logits[passes][:, :, order] + np.arange(T, dtype=np.float32)[:, None, None]
    np.testing.assert_allclose(pooled[name](moved), pooled[name](logits), rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2], [2, 1, 0], [1, 2, 0]])
def test_a_tied_vote_goes_where_the_others_lean(order):
    """The first member cannot tell two classes apart; the second is for one of them."""
    logits = jnp.array([[3.0, 3.0, 0.0], [0.0, 4.0, 1.0], [0.0, 4.0, 4.5]])[:, jnp.array(order)]
    expected = entropy_of(np.array([0, 2, 1]) / 3)
    np.testing.assert_allclose(disagreement.vote_entropy(logits), expected, rtol=1e-6)


@fast
@given(logits=logits_of_passes)
def test_mutual_information_of_means_is_bald(logits):
    p = oracles.softmax(logits)
    found = jax.vmap(disagreement.mutual_information)(p.mean(axis=0), entropy_of(p).mean(axis=0))
    np.testing.assert_allclose(found, pooled["bald"](logits), rtol=1e-4, atol=2e-6)


def test_agrees_with_baal():
    reference = golden("baal_bald.json")
    found = np.asarray(pooled["bald"](reference["logits"].astype(np.float32)))
    np.testing.assert_allclose(found, reference["bald"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(np.argsort(-found), reference["ranks"])


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("vote_entropy", "vote_entropy"), ("consensus_kl", "average_kl_divergence")],
)
def test_agrees_with_scikit_activeml(name, theirs):
    reference = golden("skactiveml_disagreement.json")
    found = pooled[name](reference["logits"].astype(np.float32))
    np.testing.assert_allclose(found, reference[theirs], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(), (4,), (0, 3), (5, 1), (5, 6, 3)])
def test_takes_one_example_only(name, shape):
    with pytest.raises(ValueError) as error:
        getattr(disagreement, name)(jnp.zeros(shape))
    assert str(error.value).startswith(f"{name} takes one example's logits [T, K]")
    assert f"got shape {shape}" in str(error.value)
    assert f"jax.vmap({name})" in str(error.value)


def test_infinite_logits_are_certainties():
    """Two passes that are sure of different classes, and one that is torn between them."""
    sure = np.array([[np.inf, 0, 5.0], [-np.inf, np.inf, 0], [np.inf, np.inf, -np.inf]], np.float32)
    p = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]])
    information = np.log(2) - np.log(2) / 3
    assert_one = functools.partial(np.testing.assert_allclose, rtol=1e-6)
    assert_one(disagreement.bald(sure), information)
    assert_one(disagreement.consensus_kl(sure), information)
    assert_one(disagreement.mean_std(sure), p.std(axis=0).mean())
    assert_one(disagreement.vote_entropy(sure), entropy_of(np.array([2, 1, 0]) / 3))


@pytest.mark.parametrize("name", NAMES)
def test_nan_is_no_agreement(name):
    logits = np.zeros((T, K), np.float32)
    logits[1, 2] = np.nan
    assert np.isnan(getattr(disagreement, name)(logits))
