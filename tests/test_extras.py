"""Without the extras jal's lower rooms work, and the others say what to install."""

import subprocess
import sys

import pytest

from jal.extras import require

# What the extras alone bring along.
OPTIONAL = (
    "array_record", "filelock", "flax", "matplotlib", "orbax", "pandas", "PIL", "pyarrow", "rich",
    "rlax", "sklearn", "tensorflow_datasets", "tensorflow_probability", "tensorstore", "tyro",
)  # fmt: skip
BARE = f"""
import importlib.util, sys
hidden = {OPTIONAL!r}
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in hidden else found(name, *rest)
"""


def bare(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BARE + code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


EPISODES = """
import jax, jax.numpy as jnp
import jal.scores, jal.select, jal.metrics, jal.labels, jal.memory, jal.parallel
from jal import learners, strategies
from jal.episode import episode
from jal.types import Pool
x = jax.random.normal(jax.random.key(0), (20, 3))
pool = Pool(x, (x[:, 0] > 0).astype(jnp.int32))
picks = jal.select.top_k(-jax.vmap(jal.scores.margin)(x), jnp.zeros(20, bool), k=2)
assert set(picks.tolist()) <= set(range(20))
for name in ("logistic_regression", "linear_svc", "svc"):
    learner = learners.registry[name]((3,), 2)
    made = episode(
        learner, strategies.registry["margin"](), jal.metrics.evaluator(["accuracy"]), 2, 3
    )
    data = learner.prepare(x)
    state = made.init(jax.random.key(1), jnp.arange(20), jnp.int32(4), pool, data)
    state = made.run(state, 0, 3, pool, data, pool, learner.hyper, jnp.array([4, 7, 10]))
    print(int(state.labels.n))
"""


def test_the_lower_rooms_need_no_extra():
    assert bare(EPISODES) == "10\n10\n10"


# A network of one's own is trained without Flax, and so is every strategy made but VAAL.
OWN_NETWORK = """
import jax, jax.numpy as jnp
from jal.learners import sgd
from jal.strategies import registry
from jal.types import Labels, Network, NetworkVariables, Outputs
network = Network(
    lambda key: NetworkVariables(jnp.zeros((2, 2)), ()),
    lambda variables, x, train: (Outputs(x @ variables.params, x), ()),
)
learner = sgd(network, epochs=20)
x, y = jnp.array([[1.0, 0.0], [0.0, 1.0]]), jnp.array([0, 1])
data, labels = learner.prepare(x), Labels(jnp.arange(2), jnp.int32(2))
start = learner.init(jax.random.key(0), data)
fitted, _ = learner.fit(jax.random.key(1), start, data, y, labels, learner.hyper)
print(learner.predict(fitted, x).logits.argmax(axis=1))
for name in registry:
    try:
        registry[name]()
    except ModuleNotFoundError:
        print(name)
"""


def test_a_network_of_ones_own_needs_no_flax():
    assert bare(OWN_NETWORK) == "[0 1]\nvaal"


@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet", "vit"])
def test_a_network_says_what_to_install(name):
    code = f"""
from jal import learners
try:
    learners.registry[{name!r}]((32, 32, 3), 2)
except ImportError as error:
    print(error)
"""
    assert bare(code) == (
        "jal.networks needs flax, which is not installed: pip install "
        '"jax-active-learning[networks]".'
    )


@pytest.mark.parametrize(
    ("room", "extra"),
    [("data", "experiments"), ("experiment", "experiments"), ("report", "experiments"),
     ("rl", "rl"), ("cli", "experiments"), ("networks", "networks")],
)  # fmt: skip
def test_a_room_says_what_to_install(room, extra):
    code = f"""
try:
    import jal.{room}
except ImportError as error:
    print(error)
"""
    says = bare(code)
    assert says.endswith(f'is not installed: pip install "jax-active-learning[{extra}]".'), says
    assert says.count(".") <= 3


def test_what_is_there_is_no_matter():
    require("a room", "an extra", "jax", "numpy")
    with pytest.raises(ImportError, match="a room needs no_such_package, which is not installed"):
        require("a room", "an extra", "jax", "no_such_package")


def test_contracts_of_strategies_and_learners_need_no_extra():
    """Agents' does, and says so."""
    code = """
from jal import strategies, testing
testing.check_strategy(strategies.registry["margin"])
try:
    testing.check_agent
except ImportError as error:
    print(error)
"""
    assert bare(code).startswith("jal.rl needs orbax, which is not installed: pip install")
