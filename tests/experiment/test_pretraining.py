"""Weights made of one data set, and a run on another that starts from them."""

import dataclasses
import importlib.util
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from requirements import require

from jal.cli.main import command
from jal.experiment import (
    MLP,
    Chosen,
    Data,
    Experiment,
    LogisticRegression,
    Protocol,
    Switch,
    load_data,
    run,
)
from jal.experiment.named_learners import weights_of
from jal.experiment.pretraining import pretrain
from jal.networks import mlp, normalise
from jal.networks.pretrained import load_pretrained
from jal.types import InputError, Labels

NETWORK = MLP(hidden=(16,), epochs=20, normalise="none", weight_decay=0.0)
# Weights are made of what may name them already, before they are there.
TUNED = dataclasses.replace(NETWORK, weights="nowhere.safetensors", thresholding=True)
SOURCE = Experiment(
    data=Data(classes=(5, 6, 7, 8, 9)), learners={"logreg": LogisticRegression(), "mlp": TUNED}
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    found = importlib.util.find_spec("safetensors") is not None
    require(found, "safetensors", 'pip install -e ".[hub]"')
    pytest.importorskip("safetensors")
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    return path, pretrain(SOURCE, path, "mlp")


def test_the_weights_are_those_of_a_network_that_has_learned(weights):
    path, found = weights
    dataset = load_data(SOURCE.data)
    assert found.points == len(dataset.train.y)
    assert found.accuracy > 0.9 and 0 < found.train_loss < 0.3
    network = normalise(mlp((64,), 5, (16,)))
    variables = load_pretrained(path, network)
    outputs, _ = network.apply(variables, dataset.test.x, False)
    right = np.argmax(outputs.logits, axis=1) == dataset.test.y
    np.testing.assert_allclose(right.mean(), found.accuracy, atol=1e-6)


def test_a_learner_of_other_classes_starts_from_them(weights):
    """In each seed and round; its last layer is drawn anew."""
    tuned = dataclasses.replace(NETWORK, weights=str(weights[0]))
    dataset = load_data(Data(classes=(0, 1, 2)))
    learner = tuned.build(dataset, 10)
    data = learner.prepare(jnp.asarray(dataset.train.x))
    one, other = (learner.init(jax.random.key(seed), data).params for seed in range(2))
    kept = load_pretrained(weights[0], mlp((64,), 5, (16,))).params["hidden"][0]["kernel"]
    for params in (one, other):
        np.testing.assert_array_equal(params["hidden"][0]["kernel"], kept)
        assert params["last"]["kernel"].shape == (16, 3)
    assert np.any(np.asarray(one["last"]["kernel"] != other["last"]["kernel"]))


def test_a_run_has_its_first_labels_chosen_by_them(weights):
    """By the weights' features: what is chosen first is the same in all seeds but for ties."""
    experiment = Experiment(
        data=Data(classes=(0, 1, 2)),
        learners={"mlp": dataclasses.replace(NETWORK, epochs=1, weights=str(weights[0]))},
        queries=("random",),
        protocol=Protocol(seeds=2, rounds=1, batch=5, start=Chosen(4, strategy="k_center")),
    )
    found = run(experiment, progress=False).labelled["mlp/random"]
    assert found.shape == (2, 9) and all(len(set(row)) == 9 for row in found.tolist())


def test_what_has_no_weights(tmp_path):
    out = tmp_path / "w.safetensors"
    with pytest.raises(InputError, match="learner logreg has no weights to save: give an MLP, CNN"):
        pretrain(SOURCE, out)
    with pytest.raises(InputError, match="no learner svm: give one of logreg, mlp"):
        pretrain(SOURCE, out, "svm")
    assert not out.exists()


def test_the_command(weights, tmp_path, capsys):
    """Fields are overridden as those of a run; a file that is there is not written over."""
    out = tmp_path / "w.safetensors"
    given = ["quickstart", "--learner", "mlp", "--data.classes", "0", "1", "2", "--out", str(out)]
    command("pretrain")([*given, "--learners.mlp.epochs", "1"])
    points = len(load_data(Data(classes=(0, 1, 2))).train.y)
    said = capsys.readouterr().out
    assert said.startswith(f"{points} points, train loss ") and str(out) in said and out.exists()
    with pytest.raises(InputError, match=r"--out must be a new file that ends in \.safetensors"):
        command("pretrain")(given)
    with pytest.raises(InputError, match="give --out FILE, a new safetensors file"):
        command("pretrain")(given[:-2])
    with pytest.raises(InputError, match="give a config first, such as fashion_mnist"):
        command("pretrain")([])


def test_what_cannot_be_saved_is_not_computed(tmp_path, monkeypatch):
    def build(*_):
        raise AssertionError("it was computed")

    monkeypatch.setattr(MLP, "build", build)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        pretrain(SOURCE, tmp_path / "file" / "w.safetensors", "mlp")
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(InputError, match="weights need the extra hub"):
        pretrain(SOURCE, tmp_path / "w.safetensors", "mlp")


def test_a_switch_sees_what_the_network_was_taught_and_then_trains_it(weights):
    """Frozen features are the hidden units of the weights; fine-tuning starts from them too."""
    tuned = dataclasses.replace(NETWORK, weights=str(weights[0]), epochs=40)
    switch = Switch(shallow=LogisticRegression(), network=tuned, folds=3)
    experiment = Experiment(
        data=Data(classes=(0, 1, 2, 3, 4)),
        learners={"switch": switch, "mlp": tuned},
        queries=("random",),
        protocol=Protocol(seeds=1, rounds=1, batch=100),
    )
    assert Experiment.from_json(experiment.to_json()) == experiment
    dataset = load_data(experiment.data)
    learner = switch.build(dataset, 105)
    x, y = jnp.asarray(dataset.train.x), jnp.asarray(dataset.train.y)
    data = learner.prepare(x)
    start = learner.init(jax.random.key(0), data)
    network = normalise(mlp((64,), 5, (16,)))
    taught, _ = network.apply(load_pretrained(weights[0], network), x, False)
    np.testing.assert_allclose(learner.predict(start, x).features, taught.features, atol=1e-5)
    labels = Labels(jnp.arange(len(y), dtype=jnp.int32), jnp.int32(100))
    idle = learner.hyper.second._replace(learning_rate=0.0)
    for second, switched in ((idle, 0), (learner.hyper.second, 1)):
        hyper = learner.hyper._replace(second=second)
        fitted, info = learner.fit(jax.random.key(1), start, data, y, labels, hyper)
        assert info["switched"] == switched
        apart = np.abs(learner.predict(fitted, x).features - taught.features).max()
        assert apart > 0.1 if switched else apart < 1e-5
    frame = run(experiment, progress=False).frame
    assert set(frame[frame.metric == "switched"].learner) == {"switch"}
    missing = dataclasses.replace(tuned, weights="nowhere.safetensors")
    with pytest.raises(InputError, match=r"nowhere\.safetensors"):
        dataclasses.replace(switch, network=missing).build(dataset, 105)
    names = "other.safetensors", "same.safetensors"
    files = [dataclasses.replace(tuned, weights=name) for name in names]
    assert [weights_of(dataclasses.replace(switch, network=one)) for one in files] == [*names]
