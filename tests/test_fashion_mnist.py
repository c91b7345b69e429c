"""The genuine Fashion-MNIST through TFDS: an episode of configs/fashion_mnist.py, and its CNN."""

import dataclasses
import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jal.experiment import Experiment, load_data, run
from jal.metrics import accuracy
from jal.types import Labels, Pool

CONFIG = Path(__file__).parents[1] / "configs" / "fashion_mnist.py"


@pytest.fixture
def experiment(fashion_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    monkeypatch.setenv("TFDS_DATA_DIR", str(fashion_mnist))
    monkeypatch.setenv("JAL_CACHE", str(fashion_mnist / "cache"))
    return runpy.run_path(str(CONFIG))["get_config"]()


@pytest.mark.slow
def test_a_short_episode(experiment):
    cnn = dataclasses.replace(experiment.learners["cnn"], epochs=10)
    short = dataclasses.replace(
        experiment,
        data=dataclasses.replace(experiment.data, train_share=0.05),
        learners={"cnn": cnn},
        protocol=dataclasses.replace(experiment.protocol, seeds=2, rounds=2, batch=100),
    )
    results = run(short, progress=False)
    assert set(results.frame.strategy) == {"random", "margin", "k_center", "badge"}
    curves = results.frame[results.frame.metric == "accuracy"]
    assert (curves.groupby("round").labels.unique().map(len) == 1).all()
    by_round = curves.groupby("round").value.mean()
    assert by_round[0] > 0.6 and by_round[2] > 0.7 and by_round[2] > by_round[0]
    for picked in results.labelled.values():
        assert picked.shape == (2, 400) and picked.max() < 3000
        assert all(len(np.unique(row)) == 400 for row in picked)


@pytest.mark.long
def test_the_cnn_reaches_ninety_percent(experiment):
    """On all 60,000 training images, in six epochs."""
    dataset = load_data(experiment.data)
    config = dataclasses.replace(experiment.learners["cnn"], epochs=6)
    count = len(dataset.train.y)
    learner = config.build(dataset, count)
    pool, test = (Pool(jnp.asarray(p.x), jnp.asarray(p.y)) for p in (dataset.train, dataset.test))
    assert pool.x.dtype == jnp.uint8  # bytes on the device, scaled within the step

    @jax.jit
    def train(key, data, x):
        labels = Labels(jnp.arange(count, dtype=jnp.int32), jnp.int32(count))
        variables, _ = learner.fit(
            key, learner.init(key, data), data, pool.y, labels, learner.hyper
        )
        return learner.predict(variables, x).logits

    logits = train(jax.random.key(0), learner.prepare(pool.x), test.x)
    assert accuracy(logits, test.y) >= 0.90
