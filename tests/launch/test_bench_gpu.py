"""launch/bench.py --gpu: what it needs, its ways to convolve, and the whole of it at tiny sizes."""

import functools
import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "launch"))

from bench import gpu, saving
from bench.convolutions import WAYS, convolving
from bench.experiments_tables import fashion_mnist_tables, quickstart_tables
from bench.selections import pass_tables
from bench.training_tables import way_tables

from jal.networks import cnn, conv_general_dilated, resnet

SHAPES = [  # of images and kernels, strides, padding
    ((2, 7, 6, 3), (3, 3, 3, 4), (1, 1), "SAME"),
    ((2, 7, 6, 3), (3, 2, 3, 4), (2, 1), ((1, 0), (0, 2))),
    ((2, 5, 5, 3), (1, 1, 3, 2), (2, 2), "VALID"),
]


def parts_of(conv, strides, padding):
    """The convolution, and the gradients of its squares' sum."""

    def both(x, kernel):
        def loss(x, kernel):
            return jnp.sum(conv(x, kernel, strides, padding) ** 2)

        return conv(x, kernel, strides, padding), jax.grad(loss, (0, 1))(x, kernel)

    return both


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("images", "kernel", "strides", "padding"), SHAPES)
def test_every_way_convolves_as_jal_does(way, images, kernel, strides, padding):
    keys = jax.random.split(jax.random.key(0))
    x = jax.random.normal(keys[0], (3, *images))
    kernels = jax.random.normal(keys[1], (3, *kernel))

    def own(x, kernel, strides, padding):
        return conv_general_dilated(
            x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def named(x, kernel, strides, padding):
        return WAYS[way](
            x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), precision=None
        )

    wanted = jax.vmap(parts_of(own, strides, padding))(x, kernels)
    found = jax.jit(jax.vmap(parts_of(named, strides, padding)))(x, kernels)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4), wanted, found)


def lowered(way) -> str:
    """A network's program for two seeds, built in that way."""
    with convolving(way):
        network = cnn((4, 4, 1), 3)
        keys = jax.random.split(jax.random.key(0), 2)
        variables = jax.eval_shape(jax.vmap(network.init), keys)
        x = jnp.zeros((2, 4, 4, 1))
        f = jax.vmap(lambda variables: network.apply(variables, x, False)[0].logits)
        return jax.jit(f).lower(variables).as_text()


def test_networks_are_built_in_the_way_that_is_asked_for():
    grouped, products, in_turn = (lowered(way) for way in ("grouped", "products", "in turn"))
    own = lowered(None)
    assert "feature_group_count = 2" in grouped and "stablehlo.while" not in grouped
    assert "stablehlo.convolution" not in products and "dot_general" in products
    assert "feature_group_count = 2" not in in_turn and "stablehlo.while" in in_turn
    assert "feature_group_count = 2" not in own  # on CPUs; and it is jal's again


@pytest.mark.parametrize("network", ["cnn", "resnet18"])
def test_operations_are_those_that_xla_counts(network):
    """To a hundredth or two: it counts what is no product as well."""
    from bench import training

    with convolving("grouped"):
        make = functools.partial(resnet, 18, stem="grayscale") if network == "resnet18" else cnn
        made = make(input_shape=(28, 28, 1), num_classes=10)
        variables = jax.eval_shape(made.init, jax.random.key(0))

        def step(variables, x):
            def loss(params):
                return jnp.sum(made.apply(variables._replace(params=params), x, True)[0].logits)

            return jax.grad(loss)(variables.params)

        images = jax.ShapeDtypeStruct((8, 28, 28, 1), jnp.float32)
        counted = jax.jit(step).lower(variables, images).cost_analysis()["flops"]
    assert abs(training.flops(network, 8) / counted - 1) < 0.03


def test_the_plan_is_in_an_order_of_falling_value():
    steps = gpu.plan(quick=False)
    parts = list(dict.fromkeys(timed.part for timed in steps.values()))
    assert parts == ["peak", "seeds", "networks", "rl", "select", "fashion_mnist"]
    assert {timed.part for timed in steps.values()} == gpu.TABLES.keys()
    assert all(timed.step.limit for timed in steps.values())
    assert steps["quickstart"].step.options["counts"] == (1, 64, 1024, 4096, 256, 16, 4)
    assert gpu.plan(quick=True).keys() >= {"quickstart", "ABAS-RAL", "Fashion-MNIST"}


IMPORTED = """
import json, sys
import flax.nnx, jax, optax, orbax.checkpoint, pandas
base = {name.split(".")[0] for name in sys.modules}
import bench.experiments, bench.agents_tables, bench.training, bench.selections
import jal.rl, jal.data, jal.strategies
import sklearn.datasets, sklearn.linear_model, sklearn.neural_network
named = {name.split(".")[0]: module for name, module in list(sys.modules.items())}
files = {name: getattr(module, "__file__", None) or "" for name, module in named.items()}
print(json.dumps(sorted(name for name, file in files.items()
                        if "site-packages" in file and name not in base)))
"""


def run(arguments, folder, path=(), timeout=600):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "JAX_PLATFORMS": "cpu"}
    environment["PYTHONPATH"] = ":".join(map(str, path))
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # what runs is tiny
    kept = [name for name in ("JAL_FASHION_MNIST",) if name in os.environ]
    environment |= {name: os.environ[name] for name in kept}
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.mark.slow
def test_the_wheels_that_are_named_are_those_that_are_imported(tmp_path):
    done = run(["-c", IMPORTED], tmp_path, [ROOT / "launch", ROOT])
    assert done.returncode == 0, done.stderr
    of_module = packages_distributions()  # no wheel's: parts of compiled ones
    modules = [name for name in json.loads(done.stdout) if name in of_module]
    imported = {normal(wheel) for name in modules for wheel in of_module[name]}
    assert imported >= {"rlax", "tyro", "scikit-learn"}  # or the test tests nothing
    there = needed_by("jax", "flax", "optax", "orbax-checkpoint", "pandas")
    optional = {"charset-normalizer"}  # which something imports where it is there
    assert imported - there - optional <= {*gpu.WHEELS.values()}


def normal(name: str) -> str:
    return name.lower().replace("_", "-")


def needed_by(*names: str) -> set[str]:
    """The wheels themselves, and all that they need."""
    waiting, known = list(names), set()
    while waiting:
        name = normal(waiting.pop())
        if name in known:
            continue
        known.add(name)
        try:
            needed = [Requirement(line) for line in requires(name) or ()]
        except PackageNotFoundError:
            continue
        waiting += [
            one.name for one in needed if not one.marker or one.marker.evaluate({"extra": ""})
        ]
    return known


BARE = """
import importlib.util, sys

absent, found = {absent}, importlib.util.find_spec

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
importlib.util.find_spec = lambda name, *rest: None if name in absent else found(name, *rest)
"""


@pytest.mark.slow
def test_a_machine_without_the_wheels(tmp_path):
    """With jax, flax, optax, orbax and pandas alone, and torch not: what can be measured is."""
    absent = {*gpu.WHEELS, "torch"}
    (tmp_path / "sitecustomize.py").write_text(BARE.format(absent=absent))
    out = tmp_path / "gpu.json"
    command = [str(ROOT / "launch" / "bench.py"), "--gpu", "--quick", "--out", str(out)]
    done = run([*command, "--only", "peak", "seeds"], tmp_path, [tmp_path])
    assert done.returncode == 0, done.stderr
    assert "Not installed here: scikit-learn, joblib, " in done.stderr
    assert "python -m pip download --no-deps --only-binary=:all: --python-version" in done.stderr
    report = json.loads(out.read_text())
    assert len(report["peak"]["results"]) == 5
    assert report["seeds"]["results"] == {}
    skipped = {label: known["skipped"] for label, known in report["seeds"]["steps"].items()}
    assert list(skipped) == [
        "quickstart",
        *(f"scikit-learn, margin, {learner}" for learner in ("logistic_regression", "mlp")),
    ]
    for sentence in skipped.values():
        assert sentence.startswith("needs ") and sentence.endswith(", which is not installed here.")
        assert sentence.split()[1].rstrip(",").split(".")[0] in gpu.WHEELS
    assert "- quickstart: needs " in out.with_suffix(".md").read_text()


@pytest.mark.slow
def test_the_whole_at_tiny_sizes(tmp_path):
    """But for PyTorch and Fashion-MNIST where they are absent, everything is measured."""
    out = tmp_path / "gpu.json"
    done = run([str(ROOT / "launch" / "bench.py"), "--gpu", "--quick", "--out", str(out)], tmp_path)
    assert done.returncode == 0, done.stderr
    report = saving.read(out)
    assert report.keys() == gpu.TABLES.keys()
    for part in report.values():
        assert not [row for row in part["results"].values() if not row.keys() >= {"steady_s"}]
        for label, known in part["steps"].items():
            if label.startswith("PyTorch") and known["skipped"]:
                assert known["skipped"] == "needs torch, which is not installed here."
            elif label == "Fashion-MNIST" and known["skipped"]:
                assert known["skipped"].startswith("Fashion-MNIST is not in ")
            else:
                assert known["finished"] and known["measured"], label


def cells(table) -> list[dict[str, str]]:
    return table[0].rows


def test_quickstart_beside_the_loop():
    quick = {"learner": "mlp", "labels": 20, "compile_s": 1.0, "steady_s": 2.0}
    quick |= {"by_strategy": {"random": 1.5, "margin": 0.5}, "accuracy": {"margin": 0.875}}
    results = {
        "mlp, 64 seeds": quick | {"seeds": 64},
        "mlp, 4 seeds": {"failed": "too large"},
        "scikit-learn, margin, mlp": {"seeds": 4, "seeds_per_s": 2.0, "compile_s": 0.0}
        | {"steady_s": 2.0, "accuracy": 0.75},
    }
    table = quickstart_tables({"results": results})
    assert table[0].missing == ("mlp, 4 seeds: too large.",)
    failed, row, loop = cells(table)
    assert failed["learner"] == "mlp, 4 seeds" and failed["compile s"] == "failed"
    assert row == {
        "learner": "mlp, 64 seeds",
        "compile s": "1.00",
        "steady s": "2.00",
        "labels/s": "1,280",  # 64 seeds, 20 labels, 2 strategies
        "margin s": "0.50",
        "scikit-learn's margin s": "32.0",  # 64 seeds at 2 a second
        "x scikit-learn": "64.0",
        "accuracy": "0.8750",
    }
    assert loop["margin s"] == "2.00" and loop["x scikit-learn"] == "" and loop["labels/s"] == ""
    assert loop["accuracy"] == "0.7500"


def test_ways_beside_pytorch():
    row = {"network": "cnn", "precision": "float32", "compile_s": 3.0, "minibatch": 64}
    results = {
        "cnn, float32, map, 16 seeds": row | {"steps_per_s": 30.0, "peak_share": 0.25},
        "cnn, float32, map, 1 seed": row | {"steps_per_s": 5.0, "program_mib": 7.0},
        "cnn, bfloat16, map, 1 seed": row | {"precision": "bfloat16", "steps_per_s": 5.0},
        "cnn, float32, PyTorch, 1 seed": row | {"way": "PyTorch", "steps_per_s": 10.0},
    }
    found = cells(way_tables({"results": results}))
    assert [row["network"].split(", ", 1)[1] for row in found] == [
        *("bfloat16, map, 1 seed", "float32, PyTorch, 1 seed"),
        *("float32, map, 1 seed", "float32, map, 16 seeds"),
    ]
    assert [row["x PyTorch"] for row in found] == ["", "1.00", "0.50", "3.00"]
    assert found[3]["images/s"] == "1,920" and found[3]["share of peak"] == "0.25"
    assert found[2]["program MiB"] == "7" and found[2]["share of peak"] == ""


def test_selectors_in_passes():
    row = {"points": 1_000_000, "width": 250, "compile_s": 3.0}
    results = {
        "a, one pass over the features": row | {"steady_s": 0.001},
        "a, k_center": row | {"steady_s": 0.2, "picks": 100},
        "b, badge": row | {"points": 5, "steady_s": 0.2, "picks": 100},
    }
    once, k_center, badge = cells(pass_tables({"results": results}))
    assert once["GB/s of features"] == "1,000" and once["passes"] == "1.00"
    assert k_center["passes"] == "200" and k_center["passes a pick"] == "2.00"
    assert badge["passes"] == ""  # of other points


def test_rounds_so_far():
    row = {"rounds": 3, "of_rounds": 38, "labels": 1250, "compile_s": 9.0, "steady_s": 2.0}
    results = {"resnet18, random, 3 seeds": row | {"images": 3000, "accuracy": 0.5}}
    (found,) = cells(fashion_mnist_tables({"results": results}))
    assert found["rounds"] == "3 of 38" and found["images/s"] == "1,500"
