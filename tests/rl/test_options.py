"""Options of the agents: defaults as the papers have them, each passed on to what it is for."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import captured, scripted

from jal.rl import (
    AbasRal,
    AgentData,
    DQNState,
    Goal,
    LalRl,
    Policy,
    SladeBranson,
    Trainer,
    TrainingState,
    Transition,
    WarmStartResult,
    train,
)
from jal.types import InputError, Pool

# LAL-RL: Konyushkova et al., 2018, and its code; what Slade and Branson leave open is LAL-RL's
# (their section 4.2), and what ABAS-RAL leaves open too. OURS: given by no paper.
LAL_RL = {
    "epochs": (1000, "LAL-RL"),
    "episodes": (10, "LAL-RL"),
    "updates": (60, "LAL-RL"),
    "warm_episodes": (128, "LAL-RL"),
    "warm_updates": (100, "LAL-RL"),
    "learning_rate": (1e-3, "LAL-RL"),
    "discount": (1.0, "LAL-RL"),
    "batch_size": (32, "LAL-RL"),
    "capacity": (10_000, "LAL-RL"),
    "exponent": (3.0, "LAL-RL"),
    "target_rate": (0.01, "LAL-RL"),
    "epsilon": ((1.0, 0.1), "LAL-RL"),
    "exploration": (1.0, "LAL-RL"),
    "episodes_at_once": (1, "OURS"),
    "candidates": (100, "OURS"),
    "policy_candidates": (None, "all points"),
    "clock": (False, "no paper's state has one"),
    "window": (0, "LAL-RL"),
    "mode": ("target_quality", "LAL-RL"),
    "quality": (0.98, "LAL-RL"),
    "horizon": (100, "OURS"),
}
DEFAULTS = {
    LalRl: LAL_RL,
    SladeBranson: {k: v for k, v in LAL_RL.items() if k not in ("mode", "quality", "horizon")}
    | {
        "points": (1, "section 4.3"),
        "budget": (20, "Figure 1"),
        "target": ("double", "section 3.4, but for equation 4's slip"),
        "score": ("largest", "section 3.2"),
        "reduce": ("mean", "section 3.2"),
        "hidden": ((128, 128, 128), "section 4.2"),
        "warm_episodes": (16, "section 4.2"),
        "learning_rate": (1e-4, "section 4.2"),
        "discount": (0.99, "section 3.1"),
        "exploration": (0.5, "OURS"),
        "window": (20, "OURS; early stopping, section 4.2"),
    },
    AbasRal: {
        name: LAL_RL[name]
        for name in (
            *("warm_episodes", "learning_rate", "discount", "batch_size", "epsilon"),
            *("exploration", "episodes_at_once"),
        )
    }
    | {
        "epochs": (50, "section 4.1"),
        "episodes": (5, "section 4.1"),
        "updates": (100, "section 4.1"),
        "update_after": ("epoch", "section 4.1"),
        "terminal": ("or", "section 3.8"),
        "reward": ("cumulative", "equation 1"),
        "price": (0.0, "equation 1 has none"),
        "action_scale": ("pool", "OURS"),
        "progress": (False, "section 3.2: margins alone"),
        "hidden": ((), "section 3.10"),
        "state_size": (None, "section 3.2"),
        "initial": (0.01, "OURS"),
        "cap": (0.1, "section 3.5"),
        "max_steps": (200, "OURS"),
        "target_quality": (None, "section 3.7: warm start's"),
        "target_budget": (None, "section 3.7: warm start's"),
        "capacity": (50_000, "section 3.10"),
        "exponent": (3.0, "section 3.10"),
        "target_rate": (0.01, "section 3.10"),
    },
}


@pytest.mark.parametrize("kind", DEFAULTS)
def test_defaults_are_the_papers(kind):
    own = {field.name: getattr(kind(), field.name) for field in dataclasses.fields(kind)}
    assert own == {name: value for name, (value, _) in DEFAULTS[kind].items()}


def data():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(40, 4, 2)).astype(np.float32))
    y = jnp.arange(40) % 2
    return AgentData(x[:3], Pool(x[:20], y[:20]), Pool(x, y), Pool(x[20:30], y[20:30]))


SHORT = {"epochs": 2, "episodes": 1, "updates": 1, "warm_episodes": 2}
ODD = {"discount": 0.5, "learning_rate": 0.02, "target_rate": 0.25, "exponent": 2.0}
AGENTS = {
    "abas_ral": AbasRal(max_steps=20, initial=0.2, **SHORT, **ODD),
    "abas_ral_relu": AbasRal(max_steps=20, initial=0.2, hidden=(4,), **SHORT, **ODD),
    "lal_rl": LalRl(horizon=5, **SHORT, **ODD),
    "slade_branson": SladeBranson(budget=5, **SHORT, **ODD),
    "as_printed": SladeBranson(budget=5, target="as_printed", **SHORT, **ODD),
}


def valued(weights, bias):
    """Weights of a network that gives every action the same value."""
    flat = jax.tree.map(jnp.zeros_like, weights)
    flat["value"]["bias"] = jnp.full_like(flat["value"]["bias"], bias)
    return flat


@pytest.mark.parametrize("name", AGENTS)
def test_one_update_by_hand(name):
    """Online values are 1, the target network's 3, and rewards 2; the second step is the last."""
    with captured("abas_ral" if name.startswith("abas") else "point_agent") as given:
        trainer = AGENTS[name].trainer(data(), scripted(), 2)
    agent, replay = given["agent"], given["replay"]
    params = trainer.train._replace(variables=jnp.int32(0))
    state, seen = jax.jit(given["env"].reset)(jax.random.key(0), params)
    assert not state.done
    pair = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), seen)
    step = Transition(
        pair, jnp.zeros((2, 1), jnp.int32), jnp.full(2, 2.0), jnp.array([False, True])
    )
    dqn_state = agent.init(jax.random.key(0), 0.0)
    dqn_state = dqn_state._replace(
        online=valued(dqn_state.online, 1.0), target=valued(dqn_state.online, 3.0)
    )
    after, errors, _ = jax.jit(agent.update)(dqn_state, step, pair)
    ahead = 1.0 if name == "as_printed" else 3.0  # evaluated with the other network
    np.testing.assert_allclose(errors, [2 + 0.5 * ahead - 1, 2 - 1], rtol=1e-6)
    bias, slow = (float(one["value"]["bias"][0]) for one in (after.online, after.target))
    assert bias == pytest.approx(1 + 0.02, rel=1e-5)  # Adam's first step is the learning rate
    assert slow == pytest.approx(3 + 0.25 * (bias - 3), rel=1e-5)

    memory = replay.init(jnp.float32(0))
    memory = replay.add(
        memory, *(jnp.ones(2, kind) for kind in (float, bool, bool)), jnp.zeros(2, bool)
    )
    memory = replay.update(memory, jnp.arange(2), jnp.array([2.0, -1.0]))
    weights = np.asarray(memory.weights).ravel()[:2]
    np.testing.assert_allclose(weights, [2.0001**2, 1.0001**2], rtol=1e-5)


NETWORKS = {
    "abas_ral": AbasRal(),
    "abas_ral, progress": AbasRal(progress=True),
    "abas_ral, relu": AbasRal(hidden=(8,)),
    "abas_ral, deeper": AbasRal(hidden=(8, 8)),
    "abas_ral, wider": AbasRal(hidden=(9,)),
    "lal_rl": LalRl(),
    "slade_branson": SladeBranson(hidden=(7,)),
    "slade_branson, clock": SladeBranson(hidden=(7, 7), clock=True),
}


@pytest.fixture(scope="module")
def policies():
    """Of each agent, for three numbers of state; of one training and of two."""
    made = {}
    for name, agent in NETWORKS.items():
        shapes = jax.eval_shape(lambda a=agent: a.network(3).init(jax.random.key(0), 0.0))
        weights = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes)
        one = Policy(weights, Goal(jnp.float32(1), jnp.float32(1)), ())
        made[name] = one, jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), one)
    return made


@pytest.mark.parametrize("name", NETWORKS)
def test_a_policy_is_applied_by_the_agent_that_it_is_of(name, policies):
    state_x = jnp.zeros((3, 4, 2))
    for policy in policies[name]:
        assert NETWORKS[name].trained_size(policy) == 3
        assert NETWORKS[name].strategy(policy, state_x).parameters is not None
    for other, (policy, _) in policies.items():
        # What a network has beside its state it sees as one more number of it.
        alike = {name, other} == {"abas_ral", "abas_ral, progress"}
        if name != other:
            says = "trained on states of . numbers" if alike else "of another Q-network than this"
            with pytest.raises(InputError, match=says):
                NETWORKS[name].strategy(policy, state_x)


def test_a_policy_of_one_number_of_state():
    agent = AbasRal(hidden=(8,))
    weights = agent.network(1).init(jax.random.key(0), 0.0)
    policy = Policy(weights, Goal(jnp.float32(1), jnp.float32(1)), ())
    assert agent.trained_size(policy) == 1


def test_training_shows_its_progress(capsys):
    """In segments of a hundredth, up to the epoch at which it stops; or not at all.

    It begins on warm start's pool, here a 1, and goes on with the training's, here a 2.
    """

    def run(state, start, stop, params):
        epochs = jnp.arange(250)
        now = state.history["return"]
        ran = (epochs >= start) & (epochs < stop) & (epochs < 99)
        history = {"return": jnp.where(ran, epochs * params, now)}
        return state._replace(history=history, stopped=stop >= 99)

    nothing = jnp.float32(0)
    state = TrainingState(*[None] * 9)._replace(
        agent=DQNState(nothing, (), ()),
        goal=Goal(nothing, jnp.float32(1)),
        stopped=jnp.bool_(False),
        history={"return": jnp.full(250, jnp.nan)},
    )

    def init(key, warm):
        return state._replace(warm_result=WarmStartResult(*[warm] * 6))

    class Mine:
        def trainer(self, data, learner, num_classes):
            return Trainer(init, run, jnp.float32(1), jnp.float32(2), 250, 0)

    for shown in (True, False):
        _, end = train(jax.random.key(0), data(), Mine(), scripted(), 2, progress=shown)
        assert np.isfinite(end.history["return"]).sum() == 99 and end.warm_result.length == 1
        said = capsys.readouterr().out
        assert ("trained Mine, 99 epochs: return 196.00" in said) == shown
        assert shown or not said


@pytest.mark.parametrize("kind", [AbasRal, LalRl, SladeBranson])
def test_words_that_are_none_of_an_options_are_refused(kind):
    words = {field.name for field in dataclasses.fields(kind) if "Literal" in str(field.type)}
    assert words, "an agent with no such option needs no such test"
    for name in words:
        with pytest.raises(InputError, match=f"^{name} of {kind.__name__} must be '.*, got 'odd'"):
            kind(**{name: "odd"})
