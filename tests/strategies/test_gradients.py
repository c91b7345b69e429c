import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from named_round import ROUND, given_to_selector
from reference import oracles

from jal import networks
from jal.episode import look
from jal.labels import revealed
from jal.learners import sgd
from jal.learners.thresholding import ThresholdedVariables
from jal.networks import NetworkVariables
from jal.select.saal import perturbed_losses
from jal.strategies import gradients
from jal.types import InputError, Labels, Pool

N, D, K, PICKS = 40, 6, 3, 5
MEMBERS = {member.name: member for member in gradients.members}


OPTIONS = {
    "bait": {
        "ridge": 0.1,
        "oversample": 1.5,
        "weights": "published",
        "max_features": 3,
        "max_classes": 2,
    },
    "alfa_mix": {"cap_step": 0.5},
    "alfa_mix_optimised": {"cap_step": 0.5, "steps": 2, "learning_rate": 0.3, "penalty": 0.0},
    "saal": {"rho": 0.1, "sample": 9, "maximum": True, "chunk": 3},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_what_reaches_the_selector(monkeypatch, name):
    make = MEMBERS[name]
    assert inspect.signature(make.make).parameters.keys() == OPTIONS[name].keys()
    selector = name.removesuffix("_optimised")
    args, options = given_to_selector(monkeypatch, selector, make, OPTIONS[name])
    outputs = ROUND.logits, ROUND.features
    if name == "bait":
        assert args == (*outputs, ROUND.labelled, 5)
    elif name == "saal":
        assert (args[0], *args[2:]) == ("key", ROUND.variables, ROUND.x, ROUND.labelled, 5)
    else:
        assert args == ("key", *outputs, ROUND.y, ROUND.labelled, 5, ROUND.head)
    learnt = {"optimise": True} if name == "alfa_mix_optimised" else {}
    ties = {"key": "key"} if name == "bait" else {}
    assert options == OPTIONS[name] | learnt | ties
    assert make().needs == (set() if name == "bait" else {"head"})
    assert make().uses_outputs == (name != "saal")


def test_saal_moves_the_networks_parameters():
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

        strategy = gradients.saal(rho=3.0, maximum=True)
        picks, _ = strategy.select(key, (), seen, PICKS)
        losses = perturbed_losses(logits_of, variables.params, pool.x, rho=3.0)
        log_p = jax.nn.log_softmax(logits_of(variables.params, pool.x))
        return picks, seen.labelled, losses, -jnp.max(log_p, axis=1)

    picks, labelled, losses, plain = map(np.asarray, run(jax.random.key(0)))
    best = oracles.top_k(losses, labelled)[:PICKS]
    np.testing.assert_array_equal(picks, best)
    assert (oracles.top_k(plain, labelled)[:PICKS] != best).any()


def test_saal_finds_the_parameters_of_a_learner_in_another():
    """Not the statistics beside them, nor the class frequencies of a thresholded one."""
    variables = NetworkVariables({"w": jnp.ones(2)}, {"mean": jnp.zeros(2)})
    for whole in (variables, ThresholdedVariables(variables, jnp.zeros(3))):
        params, with_params = gradients._trained(whole)
        assert params is variables.params
        moved = with_params({"w": jnp.zeros(2)})
        assert jax.tree.structure(moved) == jax.tree.structure(whole)
        assert sum(jnp.sum(leaf) for leaf in jax.tree.leaves(moved)) == 0  # w alone was not 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bait", {"ridge": 0.0}),
        ("bait", {"oversample": 0.5}),
        ("bait", {"max_features": 0}),
        ("bait", {"weights": "paper"}),
        ("alfa_mix", {"cap_step": 0.0}),
        ("alfa_mix_optimised", {"steps": 0}),
        ("saal", {"rho": -0.1}),
        ("saal", {"sample": 0}),
        ("alfa_mix_optimised", {"penalty": -1.0}),
    ],
)
def test_options_that_cannot_work(name, options):
    (value,) = options.values()
    with pytest.raises(InputError, match=f"{name} takes .*, got {value}"):
        MEMBERS[name](**options)
