"""Without the extras jal's lower rooms work, and the others say what to install."""

import subprocess
import sys

import pytest

from jal.extras import require

# What the extras alone bring along.
OPTIONAL = (
    "array_record", "filelock", "matplotlib", "orbax", "pandas", "PIL", "pyarrow", "rlax",
    "sklearn", "tensorflow_datasets", "tensorflow_probability", "tyro",
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


def test_the_lower_rooms_need_no_extra():
    code = """
import jax, jax.numpy as jnp
import jal.scores, jal.select, jal.networks, jal.metrics, jal.labels
from jal import learners, strategies
from jal.episode import episode
from jal.types import Pool
x = jax.random.normal(jax.random.key(0), (20, 3))
pool = Pool(x, (x[:, 0] > 0).astype(jnp.int32))
learner = learners.registry["logistic_regression"]((3,), 2)
made = episode(
    learner, strategies.registry["margin"](), jal.metrics.evaluator(["accuracy"]), 2, 3
)
data = learner.prepare(x)
state = made.init(jax.random.key(1), jnp.arange(20), jnp.int32(4), pool, data)
state = made.run(state, 0, 3, pool, data, pool, learner.hyper, jnp.array([4, 7, 10]))
print(int(state.labels.n))
"""
    assert bare(code) == "10"


@pytest.mark.parametrize(
    ("room", "extra"),
    [("data", "experiments"), ("experiment", "experiments"), ("report", "experiments"),
     ("rl", "rl"), ("cli", "experiments")],
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
