import jax
import jax.numpy as jnp
import numpy as np

from jal.select.galaxy import galaxy as selected
from jal.strategies.galaxy import galaxy
from jal.types import Labels, Round


def test_reads_logits_and_labels_of_the_round():
    rng = np.random.default_rng(0)
    logits = jnp.asarray(rng.normal(size=(20, 3)), jnp.float32)
    labelled = jnp.arange(20) < 6
    y = jnp.where(labelled, jnp.arange(20) % 3, -1)
    labels = Labels(jnp.arange(20, dtype=jnp.int32), jnp.int32(6))
    round_ = Round(logits, y, labels, labelled, (), logits, logits)
    strategy, key = galaxy(), jax.random.key(0)
    picks, _ = strategy.select(key, strategy.init(key, logits), round_, 5)
    np.testing.assert_array_equal(picks, selected(logits, y, labelled, 5, key=key))
    moved = round_._replace(y=jnp.where(labelled, (jnp.arange(20) + 1) % 3, -1))
    assert (np.asarray(strategy.select(key, (), moved, 5)[0]) != np.asarray(picks)).any()
