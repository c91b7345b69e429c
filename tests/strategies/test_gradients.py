import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from named_round import ROUND, given_to_selector

from jal import networks
from jal.episode import look
from jal.learners import sgd
from jal.select.saal import perturbed_losses
from jal.strategies import gradients
from jal.types import InputError, Labels, Pool, Round

N, D, K, PICKS = 40, 6, 3, 5
MEMBERS = {member.name: member for member in gradients.members}


def a_round(learner, uses_outputs: bool = True) -> Round:
    """With untrained variables: what matters here is only what is read."""
    keys = jax.random.split(jax.random.key(0), 4)
    pool = Pool(jax.random.normal(keys[0], (N, D)), jax.random.randint(keys[1], (N,), 0, K))
    labels = Labels(jax.random.permutation(keys[2], N).astype(jnp.int32), jnp.int32(10))
    data = learner.prepare(pool)
    variables = learner.init(keys[3], data)
    return look(learner, variables, pool, labels, data, learner.hyper, uses_outputs)


@pytest.fixture(scope="module")
def network():
    return networks.mlp((D,), K, hidden=(8,))


def select(name: str, seen, **options):
    strategy = MEMBERS[name](**options)
    run = jax.jit(lambda key, seen: strategy.select(key, (), seen, PICKS)[0])
    return np.asarray(run(jax.random.key(1), seen))


OPTIONS = {
    "bait": {"ridge": 0.1, "oversample": 1.5, "max_features": 3, "max_classes": 2},
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
    assert options == OPTIONS[name] | learnt
    assert make().needs == ({"head"} if selector == "alfa_mix" else set())
    assert make().uses_outputs == (name != "saal")


def test_alfa_mix_with_a_networks_head(network):
    seen = a_round(sgd(network))
    picks = select("alfa_mix", seen)
    assert len(set(picks)) == PICKS and not np.asarray(seen.labelled)[picks].any()


def test_saal_moves_the_networks_parameters(network):
    seen = a_round(sgd(network), uses_outputs=False)
    picks = select("saal", seen, maximum=True, rho=3.0)
    free = ~np.asarray(seen.labelled)

    def logits_of(params, x):
        return seen.predict(seen.variables._replace(params=params), x).logits

    losses = np.asarray(perturbed_losses(logits_of, seen.variables.params, seen.x, rho=3.0))
    best = np.flatnonzero(free)[np.argsort(-losses[free])][:PICKS]
    np.testing.assert_array_equal(picks, best)
    logits = seen.predict(seen.variables, seen.x).logits
    plain = -np.asarray(jax.nn.log_softmax(logits, axis=1).max(axis=1))
    assert (np.argsort(-plain[free])[:PICKS] != np.argsort(-losses[free])[:PICKS]).any()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bait", {"ridge": 0.0}),
        ("bait", {"oversample": 0.5}),
        ("bait", {"max_features": 0}),
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
