import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from sklearn.decomposition import PCA

from jal.data import from_arrays
from jal.data.features import cached_features, dataset_features, extract, pca_features
from jal.networks.network import from_module, normalise
from jal.parallel import seed_mesh
from jal.types import InputError, NetworkVariables

IMAGES = np.random.default_rng(0).integers(0, 256, (37, 6, 5, 3)).astype(np.uint8)
CLASSES = np.arange(37) % 3


MEAN = jnp.array([0.5, 0.4, 0.3])


class Small(nnx.Module):
    """A network whose training and evaluation differ: BatchNorm and dropout."""

    def __init__(self, rngs: nnx.Rngs):
        self.conv = nnx.Conv(3, 4, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.last = nnx.Linear(4, 3, rngs=rngs)

    def __call__(self, x):
        features = self.dropout(jax.nn.relu(self.norm(self.conv(x))).mean((1, 2)))
        return self.last(features), features


def small(mean=MEAN):
    return normalise(from_module(Small), mean)


NETWORK = small()
VARIABLES = NETWORK.init(jax.random.key(0))
WHOLE = NETWORK.apply(VARIABLES, jnp.asarray(IMAGES), False)[0].features


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """Grows by the number of examples in each extraction."""
    counted = []

    def counting(network, variables, x, **options):
        counted.append(len(x))
        return extract(network, variables, x, **options)

    monkeypatch.setattr("jal.data.features.extract", counting)
    return counted


@pytest.mark.parametrize("devices", [1, 4])
@pytest.mark.parametrize("batch", [1, 7, 16, 37, 1000])
def test_batches_on_devices_give_the_features_of_the_whole(batch, devices):
    found = extract(NETWORK, VARIABLES, IMAGES, batch=batch, mesh=seed_mesh(devices))
    assert (found.shape, found.dtype) == ((37, 4), np.float32)
    np.testing.assert_allclose(found, WHOLE, atol=1e-5)


def test_a_batch_is_spread_over_all_devices_and_no_more_is_there():
    seen = []

    def apply(variables, x, train):
        jax.debug.inspect_array_sharding(x, callback=lambda s: seen.append((x.shape, s)))
        return NETWORK.apply(variables, x, train)

    extract(NETWORK._replace(apply=apply), VARIABLES, IMAGES, batch=10)
    assert {shape for shape, _ in seen} == {(12, 6, 5, 3)}
    assert all(sharding.shard_shape((12, 6, 5, 3))[0] == 3 for _, sharding in seen)


def test_a_memory_map_is_read_in_place(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    np.testing.assert_allclose(extract(NETWORK, VARIABLES, mapped, batch=8), WHOLE, atol=1e-5)


def test_nothing_is_printed_where_there_is_no_terminal(capfd):
    extract(NETWORK, VARIABLES, IMAGES, batch=8)
    assert capfd.readouterr() == ("", "")


def test_the_second_time_features_come_from_the_disk(calls, cache):
    first = cached_features(NETWORK, VARIABLES, IMAGES)
    # Another module of the same program, and copies of the arrays, in other batches.
    copies = jax.tree.map(jnp.copy, VARIABLES)
    again = cached_features(small(), copies, IMAGES.copy(), batch=8, mesh=seed_mesh(1))
    np.testing.assert_array_equal(again, first)
    np.testing.assert_allclose(first, WHOLE, atol=1e-5)
    assert calls == [37]
    assert any(cache.iterdir())


def with_first(tree, value):
    leaves, structure = jax.tree.flatten(tree)
    return jax.tree.unflatten(structure, [leaves[0].at[0].set(value), *leaves[1:]])


STATISTICS = VARIABLES.state | {"norm": jax.tree.map(lambda v: v + 0.5, VARIABLES.state["norm"])}
ONE_PIXEL = IMAGES.copy()
ONE_PIXEL[-1, 0, 0, 0] ^= 1


@pytest.mark.parametrize(
    ("network", "variables", "x"),
    [
        (small(MEAN.at[0].set(0.4)), VARIABLES, IMAGES),
        (NETWORK, VARIABLES._replace(params=with_first(VARIABLES.params, 0.5)), IMAGES),
        (NETWORK, VARIABLES._replace(state=STATISTICS), IMAGES),
        (NETWORK, VARIABLES, ONE_PIXEL),
        (NETWORK, VARIABLES, IMAGES.astype(np.float32)),
        (NETWORK, VARIABLES, IMAGES[:36]),
        (NETWORK, VARIABLES, IMAGES.reshape(37, 5, 6, 3)),
    ],
    ids=["constant", "parameters", "statistics", "pixel", "dtype", "fewer", "shape"],
)
def test_whatever_changes_makes_the_features_anew(network, variables, x, calls):
    cached_features(NETWORK, VARIABLES, IMAGES)
    found = cached_features(network, variables, x)
    assert calls == [37, len(x)]
    expected = network.apply(variables, jnp.asarray(x), False)[0].features
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_weights_of_few_bits_are_told_apart(calls):
    halves = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), VARIABLES.params)
    for params in (halves, with_first(halves, 0.5), halves):
        cached_features(NETWORK, NetworkVariables(params, VARIABLES.state), IMAGES)
    assert calls == [37, 37]


def test_an_interrupted_extraction_leaves_nothing(cache, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("jal.data.features.extract", interrupted)
        cached_features(NETWORK, VARIABLES, IMAGES)
    assert not [path for path in cache.rglob("*") if path.is_file()]
    np.testing.assert_allclose(cached_features(NETWORK, VARIABLES, IMAGES), WHOLE, atol=1e-5)


def test_a_dataset_of_features(calls):
    dataset = from_arrays(IMAGES[:30], CLASSES[:30], IMAGES[30:], CLASSES[30:], 4, tuple("abcd"))
    found = dataset_features(dataset, NETWORK, VARIABLES)
    np.testing.assert_allclose(found.train.x, WHOLE[:30], atol=1e-5)
    np.testing.assert_allclose(found.test.x, WHOLE[30:], atol=1e-5)
    np.testing.assert_array_equal(found.train.y, CLASSES[:30])
    np.testing.assert_array_equal(found.test.y, CLASSES[30:])
    assert found[2:] == dataset[2:]
    assert calls == [30, 7]


def test_features_that_are_not_finite():
    broken = VARIABLES._replace(params=jax.tree.map(lambda p: p * jnp.nan, VARIABLES.params))
    dataset = from_arrays(IMAGES[:30], CLASSES[:30], IMAGES[30:], CLASSES[30:])
    with pytest.raises(InputError, match=r"training features of 30 examples, .* hold NaN"):
        dataset_features(dataset, NETWORK, broken)


def test_pca_is_fitted_on_the_training_inputs():
    flat = IMAGES.reshape(37, -1) / 255
    dataset = from_arrays(IMAGES[:30], CLASSES[:30], IMAGES[30:], CLASSES[30:])
    found = pca_features(dataset, 5)
    assert found.train.x.dtype == np.float32
    reference = PCA(5, svd_solver="full").fit(flat[:30])
    for part, inputs in ((found.train, flat[:30]), (found.test, flat[30:])):
        np.testing.assert_allclose(part.x, reference.transform(inputs), atol=1e-4)
    np.testing.assert_array_equal(found.test.y, CLASSES[30:])
    floats = from_arrays(*(a for p in dataset[:2] for a in (p.x / np.float32(255), p.y)))
    np.testing.assert_allclose(pca_features(floats, 5).train.x, found.train.x, atol=1e-4)


def test_pca_repeats_itself_where_it_projects_at_random():
    x = np.random.default_rng(0).random((600, 1100)).astype(np.float32)
    dataset = from_arrays(x, np.arange(600) % 2, x[:5], np.arange(5) % 2)
    first, second = (pca_features(dataset, 3).train.x for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("components", [0, 31])
def test_components_that_pca_cannot_have(components):
    dataset = from_arrays(IMAGES[:30], CLASSES[:30], IMAGES[30:], CLASSES[30:])
    with pytest.raises(InputError, match=f"between 1 and 30 .* of 90 values, got {components}"):
        pca_features(dataset, components)
