"""Features of frozen networks: what they see, whose weights they have, what is refused."""

import dataclasses
import importlib.util

import jax
import numpy as np
import pytest
from requirements import require

from jal.experiment import CNN, Data, Experiment, Features, frozen, load_data
from jal.experiment.pretraining import pretrain
from jal.networks import cnn, load_pretrained, normalise
from jal.networks.network import resized
from jal.networks.pretrained import read_statistics, save_weights
from jal.types import InputError, Network, NetworkVariables, Outputs


@pytest.fixture(autouse=True)
def needs(tmp_path, monkeypatch):
    found = importlib.util.find_spec("safetensors") is not None
    require(found, "safetensors", 'pip install -e ".[hub]"')
    monkeypatch.setenv("JAL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Data:
    """Forty 6x6 images of four classes, bytes of two levels of brightness."""
    x = np.random.default_rng(0).integers(100, 256, (40, 6, 6, 1)).astype(np.uint8)
    y = np.arange(40) % 4
    x[y % 2 == 0] //= 4
    path = tmp_path_factory.mktemp("data") / "x.npz"
    np.savez(path, x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    return Data(f"npz:{path}")


def of(images, **options):
    return load_data(dataclasses.replace(images, features=Features(**options)))


def test_a_pretrained_cnn_sees_its_inputs_as_in_its_training(images, tmp_path):
    """With other classes than it was trained on, its own widths and its own data's mean."""
    file = tmp_path / "w.safetensors"
    learner = CNN(channels=(3, 4), hidden=(6, 5), epochs=1, batch_size=8)
    source = dataclasses.replace(images, classes=(1, 3))  # the bright ones
    pretrain(Experiment(data=source, learners={"cnn": learner}), file)
    mean, std = read_statistics(file)
    np.testing.assert_allclose(mean, load_data(source).train.x.mean() / 255, rtol=1e-5)
    dark = dataclasses.replace(images, classes=(2, 0))
    found = of(dark, kind="cnn", weights=str(file))
    network = cnn((6, 6, 1), 2, channels=(3, 4), hidden=(6, 5), dropout=0.0)
    variables = load_pretrained(file, network)
    for part, plain in zip(found[:2], load_data(dark)[:2], strict=True):
        wanted, _ = normalise(network, mean, std).apply(variables, plain.x, False)
        assert part.x.shape == (len(plain.y), 5)
        np.testing.assert_allclose(part.x, wanted.features, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(part.y, plain.y)


def test_principal_components_of_a_networks_features(images, tmp_path):
    """Those of the training set alone: centred there, uncorrelated, largest first."""
    file = tmp_path / "w.safetensors"
    made = cnn((6, 6, 1), 4, channels=(3, 4), hidden=(6, 5), dropout=0.0)
    variables = made.init(jax.random.key(1))
    save_weights(file, variables, mean=np.zeros(1), std=np.ones(1))
    per_seed = dataclasses.replace(images, split="per_seed", test_size=10)
    whole, found = (of(per_seed, kind="cnn", weights=str(file), components=n) for n in (None, 2))
    centred = whole.train.x - whole.train.x.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    for part, plain in zip(found[:2], whole[:2], strict=True):
        wanted = (plain.x - whole.train.x.mean(axis=0)) @ axes.T
        assert part.x.shape == (len(plain.y), 2) and np.abs(wanted).max() > 0.01
        np.testing.assert_allclose(np.abs(part.x), np.abs(wanted), rtol=1e-3, atol=1e-5)


def test_images_are_enlarged_between_their_pixels_centres():
    """Pixels are areas: 0, 8 becomes 0, 2, 6, 8; by the network's side, in rows and columns."""
    seen = Network(
        lambda key: NetworkVariables((), ()),
        lambda variables, x, train: (Outputs(x, x), ()),
    )
    x = np.array([[0.0, 8.0], [0.0, 8.0]], np.float32).reshape(1, 2, 2, 1)
    outputs, _ = resized(seen, 4).apply(NetworkVariables((), ()), x, False)
    assert outputs.features.shape == (1, 4, 4, 1)
    for row in outputs.features[0, :, :, 0]:
        np.testing.assert_allclose(row, [0, 2, 6, 8], atol=1e-6)


def test_efficientnets_images_are_enlarged_and_less_127(images, tmp_path, monkeypatch):
    """By 128, in three channels; bytes stay bytes until they are a batch on the device."""
    seen = {}

    def instead(dataset, network, variables, batch):
        seen.update(network=network, dtype=dataset.train.x.dtype, batch=batch)
        return dataset

    def looks(shape, classes):
        seen["shape"] = shape
        return Network(
            lambda key: NetworkVariables((), ()),
            lambda variables, x, train: (Outputs(x, x), ()),
        )

    monkeypatch.setattr(frozen.features, "dataset_features", instead)
    monkeypatch.setitem(frozen.networks, "efficientnet_lite0", looks)
    file = tmp_path / "w.safetensors"
    save_weights(file, NetworkVariables({}, {}))
    of(images, kind="efficientnet_lite0", weights=str(file), image_size=128)
    assert seen["shape"] == (128, 128, 3) and seen["dtype"] == np.uint8 and seen["batch"] == 64
    x = np.full((1, 6, 6, 1), 255, np.uint8)
    outputs, _ = seen["network"].apply(NetworkVariables((), ()), x, False)
    assert outputs.features.shape == (1, 128, 128, 3)
    np.testing.assert_allclose(outputs.features, 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "cnn"}, "features of the kind cnn need pre-trained weights: give a safetensors"),
        ({"kind": "cnn", "weights": "w", "image_size": 0}, "image_size must be at least 1, got 0"),
        ({"kind": "none", "image_size": 9}, r"features\.kind is none: give data\.image_size"),
    ],
)
def test_what_cannot_be_done(images, options, says):
    with pytest.raises(InputError, match=says):
        of(images, **options)


def test_weights_of_another_network(images, tmp_path):
    file = str(tmp_path / "w.safetensors")
    made = cnn((6, 6, 1), 2, channels=(3, 4), hidden=(6, 5), dropout=0.0)
    save_weights(tmp_path / "w.safetensors", made.init(jax.random.key(0)))
    with pytest.raises(InputError, match=r"has no tensor .*, which the network needs: its weights"):
        of(images, kind="efficientnet_lite0", weights=file)
    with pytest.raises(InputError, match=r"dense1\.weight in .* where the network has \(6, 64\)"):
        of(images, kind="cnn", weights=file, image_size=8)
