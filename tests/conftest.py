"""Four fake CPU devices for every test, and the data that most of them use."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

flags = os.environ.get("XLA_FLAGS", "")
if "xla_backend_optimization_level" not in flags:  # compiles in a quarter of the time
    flags += " --xla_backend_optimization_level=0"
    if version("jaxlib").startswith("0.10."):  # one that XLA does not know ends the process
        flags += " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    os.environ["XLA_FLAGS"] = flags

# Many tests compile the same programs; subprocesses inherit this.
CACHE = Path(__file__).parents[1] / ".pytest_cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
os.environ.setdefault("JAL_CACHE", str(CACHE.with_name("jal")))

import jax

jax.config.update("jax_num_cpu_devices", 4)

import jax.numpy as jnp
import pytest
from requirements import fashion_mnist_files

from jal import data
from jal.types import Pool

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="module", autouse=True)
def programs_of_one_file():
    """Compiled programs go with their file: Linux allows a process 65,530 mappings, no more."""
    yield
    jax.clear_caches()


@pytest.fixture(scope="session")
def digits() -> tuple[Pool, Pool]:
    """The digits' pool of 1,000 and test set of 797."""
    dataset = data.load("sklearn:digits", test_size=797)
    pool, test = (Pool(jnp.asarray(p.x), jnp.asarray(p.y)) for p in (dataset.train, dataset.test))
    return pool, test


@pytest.fixture(scope="session")
def golden() -> dict:
    """scikit-learn's curves at its default tolerance."""
    return json.loads((REFERENCE / "digits_logreg.json").read_text())


@pytest.fixture(scope="session")
def converged() -> dict:
    """scikit-learn's curves and picks at the optimum."""
    return json.loads((REFERENCE / "digits_logreg_converged.json").read_text())


@pytest.fixture(scope="session")
def fashion_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of TFDS's sets that holds Fashion-MNIST, as launch/prepare_data.py makes it."""
    source = fashion_mnist_files()
    folder = tmp_path_factory.mktemp("tfds")
    script = Path(__file__).parents[1] / "launch" / "prepare_data.py"
    command = [sys.executable, str(script), "fashion_mnist", "--source-dir", str(source)]
    done = subprocess.run(
        [*command, "--data-dir", str(folder)], capture_output=True, text=True, check=True
    )
    made = folder / "fashion_mnist" / "3.0.1"
    assert f"60,000 train, 10,000 test in {made}; use it as tfds:fashion_mnist" in done.stdout
    return folder
