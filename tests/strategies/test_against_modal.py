"""Scores and picks beside modAL's, on probabilities with ties, zeros and certainties."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal import scores, strategies
from jal.scores import disagreement
from jal.types import Labels, Round

GOLDEN = dict(np.load(Path(__file__).parents[1] / "reference" / "modal.npz"))  # by make_modal.py


def logits() -> np.ndarray:
    """`[T, N, K]` of the members; -inf where the probability is 0."""
    with np.errstate(divide="ignore"):
        return np.log(GOLDEN["members"]).astype(np.float32)


def of_members(score) -> np.ndarray:
    return np.asarray(jax.vmap(score, in_axes=1)(logits()))


@pytest.mark.parametrize("name", ["least_confidence", "margin", "entropy"])
def test_scores(name):
    found = jax.vmap(getattr(scores, name))(logits()[0])
    np.testing.assert_allclose(found, GOLDEN[name], atol=1e-6)


@pytest.mark.parametrize("name", ["least_confidence", "margin", "entropy"])
def test_picks(name):
    """Of the points without ties: the same ten, most uncertain first."""
    one = jnp.asarray(logits()[0])
    n = one.shape[0]
    labelled = jnp.arange(n) < 6
    labels = Labels(jnp.arange(n, dtype=jnp.int32), jnp.int32(6))
    y = jnp.where(labelled, 0, -1)
    round_ = Round(one, y, labels, labelled, (), one, jnp.zeros((n, 2)))
    key = jax.random.key(0)
    picks = np.asarray(strategies.registry[name]().select(key, (), round_, 10)[0])
    np.testing.assert_array_equal(np.sort(picks), GOLDEN[f"{name}_picks"])
    uncertain = GOLDEN[name][picks] * (-1 if name == "margin" else 1)
    assert (np.diff(uncertain) < 0).all()


def test_vote_entropy():
    """Where no member's vote ties; modAL's goes to the lowest class then."""
    largest = GOLDEN["members"] == GOLDEN["members"].max(axis=2, keepdims=True)
    clear = (largest.sum(axis=2) == 1).all(axis=0)
    assert 40 < clear.sum() < 48
    found = of_members(disagreement.vote_entropy)
    np.testing.assert_allclose(found[clear], GOLDEN["vote_entropy"][clear], atol=1e-6)


@pytest.mark.parametrize("name", ["bald", "consensus_kl"])
def test_mean_divergence_from_the_consensus(name):
    """Its mean over members is the entropy of the consensus less the members' mean entropy."""
    expected = GOLDEN["consensus_entropy"] - GOLDEN["member_entropy"].mean(axis=0)
    found = of_members(getattr(disagreement, name))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    # modAL's own disagreement is the largest member's; the mean lies at most there.
    assert (found <= GOLDEN["largest_kl"] + 1e-6).all()
    assert found[2] == pytest.approx(GOLDEN["consensus_entropy"][2], abs=1e-6)
