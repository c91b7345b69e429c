import jax
import jax.numpy as jnp
import numpy as np
from reference import oracles

from jal import networks
from jal.episode import look
from jal.labels import revealed
from jal.learners import sgd
from jal.learners.thresholding import ThresholdedVariables
from jal.select.saal import perturbed_losses
from jal.strategies import registry
from jal.strategies.saal import trained
from jal.types import Labels, NetworkVariables, Pool

N, D, K, PICKS = 40, 6, 3, 5


def test_moves_the_networks_parameters():
    network = sgd(networks.mlp((D,), K, hidden=(8,)))

    @jax.jit
    def run(key):
        keys = jax.random.split(key, 4)
        pool = Pool(jax.random.normal(keys[0], (N, D)), jax.random.randint(keys[1], (N,), 0, K))
        labels = Labels(jax.random.permutation(keys[2], N).astype(jnp.int32), jnp.int32(10))
        data = network.prepare(pool.x)
        variables = network.init(keys[3], data)
        seen = look(
            network,
            variables,
            pool.x,
            data,
            revealed(pool.y, labels),
            labels,
            network.hyper,
            uses_outputs=False,
        )

        def logits_of(params, x):
            return network.predict(variables._replace(params=params), x).logits

        strategy = registry["saal"](rho=3.0, maximum=True)
        picks, _ = strategy.select(key, (), seen, PICKS)
        losses = perturbed_losses(logits_of, variables.params, pool.x, rho=3.0)
        log_p = jax.nn.log_softmax(logits_of(variables.params, pool.x))
        return picks, seen.labelled, losses, -jnp.max(log_p, axis=1)

    picks, labelled, losses, plain = map(np.asarray, run(jax.random.key(0)))
    best = oracles.top_k(losses, labelled)[:PICKS]
    np.testing.assert_array_equal(picks, best)
    assert (oracles.top_k(plain, labelled)[:PICKS] != best).any()


def test_finds_the_parameters_of_a_learner_in_another():
    """Not the statistics beside them, nor the class frequencies of a thresholded one."""
    variables = NetworkVariables({"w": jnp.ones(2)}, {"mean": jnp.zeros(2)})
    for whole in (variables, ThresholdedVariables(variables, jnp.zeros(3))):
        params, with_params = trained(whole)
        assert params is variables.params
        moved = with_params({"w": jnp.zeros(2)})
        assert jax.tree.structure(moved) == jax.tree.structure(whole)
        assert sum(jnp.sum(leaf) for leaf in jax.tree.leaves(moved)) == 0  # w alone was not 0
