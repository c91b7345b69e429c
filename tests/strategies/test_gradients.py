import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal import learners, networks
from jal.episode import look
from jal.learners import sgd, thresholded
from jal.select.saal import perturbed_losses
from jal.strategies import gradients, similar
from jal.types import InputError, Labels, Pool

N, D, K, PICKS = 40, 6, 3, 5
NAMES = sorted(member.name for member in (*gradients.members, *similar.members))
MEMBERS = {member.name: member for member in (*gradients.members, *similar.members)}


def a_round(learner, uses_outputs: bool = True):
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


@pytest.mark.parametrize("name", NAMES)
def test_picks_of_a_network(network, name):
    strategy = MEMBERS[name]()
    assert strategy.needs == ({"head"} if name.startswith("alfa_mix") else set())
    assert strategy.uses_outputs == (name != "saal")
    seen = a_round(sgd(network), strategy.uses_outputs)
    picks, state = strategy.select(jax.random.key(1), (), seen, PICKS)
    assert state == () and len(set(picks.tolist())) == PICKS
    assert not np.asarray(seen.labelled)[picks].any()


def test_saal_moves_the_networks_parameters(network):
    seen = a_round(sgd(network))
    picks = gradients.saal(maximum=True).select(jax.random.key(1), (), seen, PICKS)[0]
    free = ~np.asarray(seen.labelled)

    def logits_of(params, x):
        return seen.predict(seen.variables._replace(params=params), x).logits

    losses = np.asarray(perturbed_losses(logits_of, seen.variables.params, seen.x))
    best = np.flatnonzero(free)[np.argsort(-losses[free])][:PICKS]
    np.testing.assert_array_equal(picks, best)
    plain = -jax.nn.log_softmax(seen.logits, axis=1).max(axis=1)
    assert (losses > np.asarray(plain)).all()


@pytest.mark.parametrize("name", ["saal", "alfa_mix"])
def test_learners_without_a_field_of_parameters(name):
    for learner in [
        thresholded(learners.logistic_regression((D,), K), K),
        learners.linear_svc((D,), K),
    ]:
        picks, _ = MEMBERS[name]().select(jax.random.key(1), (), a_round(learner), PICKS)
        assert len(set(picks.tolist())) == PICKS


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
        ("flqmi", {"eta": -1.0}),
        ("fl1mi", {"sample": 0}),
        ("gcmi", {"max_queries": 0}),
        ("logdetmi", {"eta": 1.5}),
        ("logdetmi", {"ridge": 0.0}),
    ],
)
def test_options_that_cannot_work(name, options):
    with pytest.raises(InputError, match=str(next(iter(options.values())))):
        MEMBERS[name](**options)
