"""What an experiment does to its data before it starts."""

import dataclasses

import numpy as np
import pytest
from sklearn.decomposition import PCA

from jal.data import from_arrays, load
from jal.data.dataset import of_classes
from jal.experiment import Corruption, Data, Features, Imbalance, load_data
from jal.metrics import imbalance_ratio
from jal.types import InputError

DIGITS = Data("sklearn:digits")


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Data:
    """The digits as bytes, 8x8x1, in a file."""
    digits = load("sklearn:digits")
    arrays = {}
    for name, part in (("train", digits.train), ("test", digits.test)):
        arrays[f"x_{name}"] = (part.x * 255).astype(np.uint8).reshape(-1, 8, 8, 1)
        arrays[f"y_{name}"] = part.y
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, **arrays)
    return Data(f"npz:{path}")


def counts(dataset):
    return np.bincount(dataset.train.y, minlength=dataset.num_classes)


def test_nothing_by_default():
    found, plain = load_data(DIGITS), load("sklearn:digits")
    np.testing.assert_array_equal(found.train.x, plain.train.x)
    np.testing.assert_array_equal(found.test.x, plain.test.x)


def test_a_share_of_every_class():
    whole = load_data(DIGITS)
    part = load_data(dataclasses.replace(DIGITS, train_share=0.2))
    assert np.abs(counts(part) - 0.2 * counts(whole)).max() < 1
    assert len(part.train.x) == len(part.train.y) == 200
    np.testing.assert_array_equal(part.test.x, whole.test.x)


def test_some_classes_alone():
    """Of both sets, numbered anew in the order given, before anything else is done."""
    whole = load_data(DIGITS)
    part = load_data(dataclasses.replace(DIGITS, classes=(7, 0, 3)))
    for mine, of in ((part.train, whole.train), (part.test, whole.test)):
        kept = np.isin(of.y, (7, 0, 3))
        np.testing.assert_array_equal(mine.x, of.x[kept])
        np.testing.assert_array_equal(np.array([7, 0, 3])[mine.y], of.y[kept])
    assert part.num_classes == 3 and part.class_names == ()
    at = [whole.rows.tolist().index(row) for row in part.rows]
    np.testing.assert_array_equal(whole.train.x[at], part.train.x)
    few = dataclasses.replace(DIGITS, classes=(7, 0), imbalance=Imbalance("step", largest=40))
    np.testing.assert_array_equal(counts(load_data(few)), [20, 40])


def test_names_go_with_their_classes():
    y = ["cat", "dog", "eel"] * 4
    named = of_classes(from_arrays(np.eye(12), y, np.eye(12), y), (2, 0))
    assert named.class_names == ("eel", "cat") and named.test.y.tolist() == [1, 0] * 4


@pytest.mark.parametrize(
    ("classes", "got"), [((0, 10), "10"), ((-1, 1), "-1"), ((1, 1), "1 twice"), ((4,), r"\(4,\)")]
)
def test_classes_that_there_are_not(classes, got):
    with pytest.raises(InputError, match=f"two or more of 0 to 9, each once, got {got}"):
        load_data(dataclasses.replace(DIGITS, classes=classes))


@pytest.mark.parametrize(
    ("imbalance", "wanted"),
    [
        (Imbalance("step", largest=90), 9 * np.arange(1, 11)),
        (Imbalance("long_tail", 10.0, 80), (80 * 10.0 ** (-np.arange(10) / 9) + 1e-6).astype(int)),
    ],
    ids=["step", "long_tail"],
)
def test_imbalance(imbalance, wanted):
    found = load_data(dataclasses.replace(DIGITS, imbalance=imbalance))
    np.testing.assert_array_equal(counts(found), wanted)
    assert len(found.test.y) == 797


def test_imbalance_of_a_wanted_ratio():
    found = load_data(dataclasses.replace(DIGITS, imbalance=Imbalance("ratio", 0.6)))
    smallest = counts(load_data(DIGITS)).min()
    assert counts(found).max() == smallest  # as many as every class has
    np.testing.assert_allclose(imbalance_ratio(counts(found)), 0.6, atol=0.01)


def test_corruption_of_pool_images_only(images):
    clean = load_data(images)
    config = dataclasses.replace(images, corruption=Corruption(share=0.1, sigma=0.3))
    noisy = load_data(config)
    changed = (noisy.train.x != clean.train.x).any(axis=(1, 2, 3))
    assert changed.sum() == 100 and noisy.train.x.dtype == np.uint8
    np.testing.assert_array_equal(noisy.test.x, clean.test.x)
    np.testing.assert_array_equal(load_data(config).train.x, noisy.train.x)
    other = load_data(dataclasses.replace(config, split_seed=1))
    assert (other.train.x != noisy.train.x).any()


def test_principal_components():
    plain = load_data(DIGITS)
    found = load_data(dataclasses.replace(DIGITS, features=Features("pca", components=5)))
    pca = PCA(5, svd_solver="full").fit(plain.train.x)
    assert found.test.x.shape == (797, 5)
    np.testing.assert_allclose(np.abs(found.test.x), np.abs(pca.transform(plain.test.x)), atol=1e-3)


@pytest.mark.slow
def test_features_of_a_pretrained_network(images, tmp_path, monkeypatch):
    """The file's weights on three channels, normalised as ImageNet's images were."""
    import jax
    from safetensors.numpy import save_file

    from jal.networks import resnet

    monkeypatch.setenv("JAL_CACHE", str(tmp_path / "cache"))
    network = resnet(18, (8, 8, 3), 10)
    variables = network.init(jax.random.key(3))
    save_file(torch_names(variables), tmp_path / "model.safetensors")
    small = dataclasses.replace(images, train_share=0.05)
    weights = str(tmp_path / "model.safetensors")
    found = load_data(dataclasses.replace(small, features=Features("resnet18", weights=weights)))
    x = np.tile(load_data(small).train.x, 3) / 255
    x = (x - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    expected, _ = network.apply(variables, x.astype(np.float32), False)
    assert found.train.x.shape == (len(x), 512)
    np.testing.assert_allclose(found.train.x, expected.features, rtol=1e-3, atol=1e-3)
    with pytest.raises(InputError, match="features of the kind resnet18 need pre-trained"):
        load_data(dataclasses.replace(small, features=Features("resnet18")))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"split_seed": -1}, "split_seed must not be negative, got -1"),
        (
            {"features": Features("resnet18", weights="w")},
            r"of images .* of shape \(64,\)",
        ),
        (
            {"features": Features("cnn", weights="w")},
            r"of images \(H, W, C\), not of inputs of shape \(64,\)",
        ),
        (
            {"features": Features("pca", image_size=9)},
            r"image_size 9 is of a network's images, and features\.kind is pca: give data\.image_",
        ),
        ({"corruption": Corruption(0.5, (0.0, 1.0))}, r"least <= largest .* got \(0\.0, 1\.0\)"),
        ({"corruption": Corruption(0.5, (1.1, 0.9))}, r"got \(1\.1, 0\.9\)"),
        ({"corruption": Corruption(0.5, sigma=-0.1)}, r"a sigma of at least 0, got .* and -0\.1"),
        ({"imbalance": Imbalance("ratio", 0.3, 0)}, "largest class needs at least 1 point, got 0"),
    ],
    ids=["seed", "features", "cnn", "size", "zoom", "zooms", "sigma", "imbalance"],
)
def test_what_cannot_be_done(change, says):
    with pytest.raises(InputError, match=says):
        load_data(dataclasses.replace(DIGITS, **change))


def torch_names(variables) -> dict[str, np.ndarray]:
    """A ResNet-18's variables, without the last layer, under torchvision's names."""
    import jax

    tensors = {}
    rename = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
    for path, leaf in jax.tree_util.tree_leaves_with_path((variables.params, variables.state)):
        *layers, last = [str(key.key) for key in path[1:]]
        if layers[0] == "fc" or "rngs" in layers:
            continue
        array = np.asarray(leaf)
        array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
        tensors[".".join([*layers, rename.get(last, last)])] = np.ascontiguousarray(array)
    return tensors
