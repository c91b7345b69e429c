"""ResNets: sizes, stems, state, dtypes, and parity with torch's in value and gradient."""

import functools
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from requirements import require

from jal.networks.pretrained import convert, load_pretrained
from jal.networks.resnet import resnet
from jal.types import InputError, NetworkVariables

PARAMETERS = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032}  # torchvision's


@pytest.mark.parametrize("depth", PARAMETERS)
def test_has_torchvisions_number_of_parameters(depth):
    variables = jax.eval_shape(resnet(depth, (224, 224, 3), 1000).init, jax.random.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(variables.params)) == PARAMETERS[depth]


@pytest.mark.parametrize("depth", PARAMETERS)
@pytest.mark.parametrize(
    ("stem", "channels", "first"),
    [("imagenet", 3, (7, 7, 3, 64)), ("cifar", 1, (3, 3, 1, 64)), ("grayscale", 1, (7, 7, 3, 64))],
)
def test_shapes(depth, stem, channels, first):
    network = resnet(depth, (32, 32, channels), 7, stem=stem)
    variables = jax.eval_shape(network.init, jax.random.key(0))
    x = jax.ShapeDtypeStruct((5, 32, 32, channels), jnp.float32)
    outputs, state = jax.eval_shape(lambda v, x: network.apply(v, x, True), variables, x)
    assert outputs.logits.shape == (5, 7)
    assert outputs.features.shape == (5, 2048 if depth == 50 else 512)
    assert outputs.logits.dtype == outputs.features.dtype == jnp.float32
    assert variables.params["conv1"]["kernel"].shape == first
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, variables.state)


@functools.cache
def small():
    """ResNet-18 with dropout on eight 16x16 images."""
    network = resnet(18, (16, 16, 3), 4, stem="cifar", dropout=0.5)
    variables = jax.jit(network.init)(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (8, 16, 16, 3))
    return jax.jit(network.apply, static_argnums=2), network, variables, x


def test_kernels_are_he_normal_by_fan_out():
    kernel = small()[2].params["layer4"][0]["conv1"]["kernel"]  # 256 channels to 512
    assert float(kernel.std()) == pytest.approx((2 / (9 * 512)) ** 0.5, rel=0.01)
    assert abs(kernel).max() > 4 * kernel.std()  # not truncated


def test_statistics_move_in_training_only():
    apply, _, variables, x = small()
    still = apply(variables, x, False)[1]
    moved = apply(variables, x, True)[1]
    for name in ("mean", "var"):
        before = variables.state["layer3"][0]["bn2"][name]
        np.testing.assert_array_equal(still["layer3"][0]["bn2"][name], before)
        assert (moved["layer3"][0]["bn2"][name] != before).all()


def test_dropout_is_before_the_last_layer_and_fresh_in_each_pass():
    apply, _, variables, x = small()
    first, state = apply(variables, x, True)
    second, _ = apply(variables._replace(state=state), x, True)
    assert (first.logits != second.logits).any()
    np.testing.assert_array_equal(first.features, second.features)
    kept = apply(variables, x, False)[0]
    last = variables.params["fc"]
    np.testing.assert_allclose(
        kept.logits, kept.features @ last["kernel"] + last["bias"], atol=1e-5
    )


def test_monte_carlo_passes_keep_the_running_statistics():
    apply, network, variables, x = small()
    kept = apply(variables, x, False)[0]
    keys = jax.random.split(jax.random.key(2), 3)
    passes = jax.jit(jax.vmap(network.sample, (0, None, None)))(keys, variables, x)
    assert (passes.logits[0] != passes.logits[1]).all()
    for features in passes.features:
        np.testing.assert_allclose(features, kept.features, rtol=1e-5, atol=1e-6)


def test_init_under_vmap():
    network, keys = small()[1], jax.random.split(jax.random.key(0), 3)
    many, one = jax.eval_shape(jax.vmap(network.init), keys), jax.eval_shape(network.init, keys[0])
    jax.tree.map(lambda a, b: np.testing.assert_equal(a.shape, (3, *b.shape)), many, one)


@pytest.mark.parametrize("train", [False, True])
def test_bfloat16_is_near_float32(train):
    apply, _, variables, x = small()
    exact, _ = apply(variables, x, train)
    params, x = jax.tree.map(lambda a: a.astype(jnp.bfloat16), (variables.params, x))
    rough, state = apply(NetworkVariables(params, variables.state), x, train)
    assert rough.logits.dtype == rough.features.dtype == jnp.float32
    assert state["bn1"]["mean"].dtype == jnp.float32
    np.testing.assert_allclose(rough.features, exact.features, atol=0.05 * exact.features.max())


def test_bfloat16_convolves_in_bfloat16():
    apply, _, variables, x = small()
    params, x = jax.tree.map(lambda a: a.astype(jnp.bfloat16), (variables.params, x))
    text = str(
        jax.make_jaxpr(lambda v, x: apply(v, x, False))(variables._replace(params=params), x)
    )
    outputs = [line for line in text.splitlines() if "= conv_general_dilated" in line]
    assert outputs
    assert all("bf16[" in line for line in outputs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((101, (32, 32, 3), 10), "depth 101 is not known: give 18, 34 or 50"),
        ((18, (32, 32), 10), r"images \(H, W, C\), not inputs of shape \(32, 32\)"),
        ((18, (32, 32, 3), 10, "grayscale"), "one channel, not of 3"),
        ((18, (32, 32, 3), 10, "mnist"), "stem 'mnist' is not known"),
    ],
)
def test_refuses(arguments, message):
    *positional, stem = arguments if len(arguments) == 4 else (*arguments, "imagenet")
    with pytest.raises(InputError, match=message):
        resnet(*positional, stem=stem)


@pytest.fixture(scope="module")
def torch():
    require(importlib.util.find_spec("torch") is not None, "torch", "pip install torch")
    return pytest.importorskip("torch")


def saved(torch, model, folder):
    """A safetensors file as torchvision's and timm's are."""
    from safetensors.torch import save_file

    save_file(model.state_dict(), folder / "model.safetensors")
    return folder / "model.safetensors"


def images(torch, size):
    """Four images of different contrast, channels last for jal and first for torch."""
    x = np.random.default_rng(0).normal(size=(4, size, size, 3)).astype(np.float32)
    x *= np.array([0.1, 1, 3, 9], np.float32)[:, None, None, None]
    return jnp.asarray(x), torch.from_numpy(x.transpose(0, 3, 1, 2).copy())


@pytest.mark.parametrize(("depth", "stem"), [(18, "imagenet"), (34, "cifar"), (50, "imagenet")])
def test_equals_torch(torch, tmp_path, depth, stem):
    from networks.torch_resnet import random_resnet

    model = random_resnet(depth, 10, stem == "cifar")
    size = 16 if stem == "cifar" else 32
    network = resnet(depth, (size, size, 3), 10, stem=stem)
    variables = load_pretrained(saved(torch, model, tmp_path), network)
    x, x_torch = images(torch, size)
    with jax.default_matmul_precision("highest"), torch.no_grad():
        outputs, _ = jax.jit(network.apply, static_argnums=2)(variables, x, False)
        wanted = model.eval()(x_torch).numpy()
    assert wanted.std(0).max() > 0.1  # over the images
    np.testing.assert_allclose(outputs.logits, wanted, atol=1e-4)


def test_trains_as_torch(torch, tmp_path):
    from networks.torch_resnet import random_resnet

    model = random_resnet(18, 10).train()
    network = resnet(18, (64, 64, 3), 10)
    variables = load_pretrained(saved(torch, model, tmp_path), network)
    x, x_torch = images(torch, 64)
    y = np.array([1, 9, 0, 4])

    def loss_of(params, state, x):
        outputs, state = network.apply(NetworkVariables(params, state), x, True)
        losses = optax.softmax_cross_entropy_with_integer_labels(outputs.logits, y)
        return losses.mean(), (outputs.logits, state)

    with jax.default_matmul_precision("highest"):
        gradient_of = jax.jit(jax.grad(loss_of, has_aux=True))
        gradient, (logits, state) = gradient_of(*variables, x)
    logits_torch = model(x_torch)
    torch.nn.functional.cross_entropy(logits_torch, torch.from_numpy(y)).backward()
    np.testing.assert_allclose(logits, logits_torch.detach(), atol=1e-4)

    gradients = {name: p.grad.numpy() for name, p in model.named_parameters()}
    statistics = {name: b.numpy() for name, b in model.named_buffers()}
    wanted = convert(gradients | statistics, variables)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4 * abs(b).max()),
        gradient,
        wanted.params,
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), means(state), means(wanted.state)
    )
    # torch's running variance takes in n / (n - 1) of the batch's: here n = 4 x 32 x 32.
    before, after, torchs = (s["bn1"]["var"] for s in (variables.state, state, wanted.state))
    n = 4 * 32 * 32
    np.testing.assert_allclose(
        (torchs - 0.9 * before) * (n - 1) / n, after - 0.9 * before, rtol=1e-3
    )


def means(state):
    return [
        leaf for path, leaf in jax.tree_util.tree_leaves_with_path(state) if path[-1].key == "mean"
    ]
