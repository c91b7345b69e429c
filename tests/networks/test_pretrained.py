"""Weights from files: what is loaded, what stays fresh, what is refused and in which words."""

import importlib.util
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from requirements import require

from jal.networks.cnn import cnn
from jal.networks.mlp import mlp
from jal.networks.pretrained import (
    convert,
    load_pretrained,
    overlay,
    read_statistics,
    read_weights,
    save_weights,
)
from jal.networks.resnet import resnet
from jal.networks.vit import vit
from jal.types import InputError, NetworkVariables


@pytest.fixture(scope="module")
def safetensors():
    found = importlib.util.find_spec("safetensors") is not None
    require(found, "safetensors", 'pip install -e ".[hub]"')
    return pytest.importorskip("safetensors.numpy")


@pytest.fixture
def hub(safetensors, monkeypatch, tmp_path):
    """huggingface_hub without a network, and the folder of its cache."""
    found = importlib.util.find_spec("huggingface_hub") is not None
    require(found, "huggingface_hub", 'pip install -e ".[hub]"')
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def torchvisions(depth=18, num_classes=3, stem=7):
    """A file's tensors by name, as torchvision lays them out: [O, C, h, w] and [O, I]."""
    generator = np.random.default_rng(0)
    tensors = {}

    def add(name, *shape):
        tensors[name] = generator.normal(size=shape).astype(np.float32)

    def add_norm(name, width):
        for tensor in ("weight", "bias", "running_mean", "running_var"):
            add(f"{name}.{tensor}", width)
        tensors[f"{name}.num_batches_tracked"] = np.array(7)

    add("conv1.weight", 64, 3, stem, stem)
    add_norm("bn1", 64)
    inputs = 64
    for number, size in enumerate({18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}[depth]):
        width = 64 * 2**number
        for i in range(size):
            block = f"layer{number + 1}.{i}"
            add(f"{block}.conv1.weight", width, inputs, 3, 3)
            add(f"{block}.conv2.weight", width, width, 3, 3)
            add_norm(f"{block}.bn1", width)
            add_norm(f"{block}.bn2", width)
            if inputs != width:
                add(f"{block}.downsample.0.weight", width, inputs, 1, 1)
                add_norm(f"{block}.downsample.1", width)
            inputs = width
    add("fc.weight", num_classes, 512)
    add("fc.bias", num_classes)
    return tensors


def shapes(network):
    return jax.eval_shape(network.init, jax.random.key(0))


RESNET = resnet(18, (32, 32, 3), 3)
WEIGHTS = torchvisions()


def test_every_tensor_is_in_its_place(safetensors, tmp_path):
    file = tmp_path / "model.safetensors"
    safetensors.save_file(WEIGHTS, file)
    loaded = load_pretrained(str(file), RESNET)
    block, state = loaded.params["layer2"][0], loaded.state["layer2"][0]
    kernel = WEIGHTS["layer2.0.conv1.weight"]
    np.testing.assert_array_equal(block["conv1"]["kernel"], kernel.transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(
        block["downsample"][0]["kernel"][0, 0], WEIGHTS["layer2.0.downsample.0.weight"][..., 0, 0].T
    )
    for name, mine in {
        "downsample.1.weight": block["downsample"][1]["scale"],
        "downsample.1.bias": block["downsample"][1]["bias"],
        "bn2.running_mean": state["bn2"]["mean"],
        "bn2.running_var": state["bn2"]["var"],
    }.items():
        np.testing.assert_array_equal(mine, WEIGHTS[f"layer2.0.{name}"])
    np.testing.assert_array_equal(loaded.params["fc"]["kernel"], WEIGHTS["fc.weight"].T)
    wanted, got = (
        jax.tree.map(lambda a: (a.shape, a.dtype), tree) for tree in (shapes(RESNET), loaded)
    )
    assert wanted == got


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_other_floats_become_float32(safetensors, tmp_path, dtype):
    file = tmp_path / "model.safetensors"
    weights = {name: tensor.astype(dtype) for name, tensor in WEIGHTS.items()}
    safetensors.save_file(weights, file)
    kernel = load_pretrained(file, RESNET).params["conv1"]["kernel"]
    assert kernel.dtype == np.float32
    np.testing.assert_array_equal(
        kernel, weights["conv1.weight"].transpose(2, 3, 1, 0).astype(np.float32)
    )


@pytest.mark.parametrize("drop", [False, True])
def test_last_layer_for_other_classes_stays_fresh(drop):
    weights = {n: t for n, t in WEIGHTS.items() if not (drop and n.startswith("fc."))}
    loaded = convert(weights, shapes(resnet(18, (32, 32, 3), 3 if drop else 4)))
    assert loaded.params["fc"] == {"kernel": None, "bias": None}
    assert loaded.params["conv1"]["kernel"] is not None


def test_grayscale_front_and_dropout_keys_stay_fresh():
    loaded = convert(WEIGHTS, shapes(resnet(18, (28, 28, 1), 3, stem="grayscale", dropout=0.5)))
    assert loaded.params["front"] == {"kernel": None}
    assert set(jax.tree.leaves(loaded.state["dropout"], is_leaf=lambda x: x is None)) == {None}
    np.testing.assert_array_equal(loaded.params["fc"]["bias"], WEIGHTS["fc.bias"])


def test_overlay_keeps_what_is_loaded_and_fills_the_rest():
    fresh = NetworkVariables({"a": jnp.ones(2), "b": jnp.ones(3)}, {"key": jax.random.key(0)})
    loaded = NetworkVariables({"a": np.zeros(2, np.float32), "b": None}, {"key": None})
    mixed = jax.jit(overlay)(fresh, loaded)
    np.testing.assert_array_equal(mixed.params["a"], loaded.params["a"])
    np.testing.assert_array_equal(mixed.params["b"], fresh.params["b"])
    assert mixed.state["key"] == fresh.state["key"]


@pytest.mark.parametrize(
    ("network", "weights", "message"),
    [
        (
            resnet(18, (32, 32, 3), 3, stem="cifar"),
            WEIGHTS,
            r"conv1\.weight in the weights has shape \(64, 3, 7, 7\) where the network has "
            r"\(64, 3, 3, 3\)",
        ),
        (resnet(34, (32, 32, 3), 3), WEIGHTS, r"has no tensor layer1\.2\.bn1\.bias"),
        (RESNET, torchvisions(34), r"holds layer1\.2\.bn1\.bias, for which the network has no"),
        (resnet(50, (32, 32, 3), 3), WEIGHTS, r"fc\.weight .* \(3, 512\) .* \(3, 2048\)"),
        (
            vit((32, 32, 3), 3, patch=16, width=8, depth=1, heads=1),
            WEIGHTS,
            r"has no tensor blocks\.0\.attn\.proj\.bias",
        ),
        (
            RESNET,
            WEIGHTS | {"bn1.running_var": np.ones(63, np.float32)},
            r"bn1\.running_var .* \(63,\) .* \(64,\)",
        ),
    ],
)
def test_refuses_another_architectures_weights_and_names_a_tensor(network, weights, message):
    with pytest.raises(InputError, match=message):
        convert(weights, shapes(network))


def transformers_names(width=8, positions=5):
    """A ViT of one block as transformers' ViTModel is saved, with its pooler."""
    layer = "encoder.layer.0."
    matrices = {
        f"{layer}attention.attention.query": (width, width),
        f"{layer}attention.attention.key": (width, width),
        f"{layer}attention.attention.value": (width, width),
        f"{layer}attention.output.dense": (width, width),
        f"{layer}intermediate.dense": (4 * width, width),
        f"{layer}output.dense": (width, 4 * width),
        f"{layer}layernorm_before": (width,),
        f"{layer}layernorm_after": (width,),
        "embeddings.patch_embeddings.projection": (width, 3, 16, 16),
        "layernorm": (width,),
        "pooler.dense": (width, width),
    }
    generator = np.random.default_rng(0)
    tensors = {f"{name}.weight": generator.normal(size=s) for name, s in matrices.items()}
    tensors |= {f"{name}.bias": generator.normal(size=s[0]) for name, s in matrices.items()}
    tensors["embeddings.cls_token"] = generator.normal(size=(1, 1, width))
    tensors["embeddings.position_embeddings"] = generator.normal(size=(1, positions, width))
    return tensors


def test_transformers_queries_keys_and_values_are_stacked():
    network = vit((32, 32, 3), 3, patch=16, width=8, depth=1, heads=1)
    weights = transformers_names()
    kernel = convert(weights, shapes(network)).params["blocks"][0]["attn"]["qkv"]["kernel"]
    for i, name in enumerate(("query", "key", "value")):
        wanted = weights[f"encoder.layer.0.attention.attention.{name}.weight"].T
        np.testing.assert_array_equal(kernel[:, 8 * i : 8 * i + 8], wanted.astype(np.float32))


def test_refuses_transformers_vit_for_a_resnet():
    with pytest.raises(InputError, match=r"has no tensor bn1\.bias, which the network needs"):
        convert(transformers_names(), shapes(RESNET))


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("encoder.layer.0.attention.attention.key.weight", (7, 8), r"key\.weight .* \(7, 8\)"),
        ("embeddings.position_embeddings", (1, 6, 8), r"position_embeddings .* \(1, 6, 8\)"),
        ("embeddings.position_embeddings", (1, 5, 9), r"position_embeddings .* \(1, 5, 9\)"),
        ("embeddings.distillation_token", (1, 1, 8), "holds embeddings.distillation_token"),
    ],
)
def test_refuses_a_transformers_tensor_by_its_own_name(name, shape, message):
    network = vit((32, 32, 3), 3, patch=16, width=8, depth=1, heads=1)
    with pytest.raises(InputError, match=message):
        convert(transformers_names() | {name: np.zeros(shape)}, shapes(network), "vit.safetensors")


def test_interpolated_positions_keep_the_class_token_and_a_constant():
    weights = transformers_names(positions=1 + 14 * 14)
    weights["embeddings.position_embeddings"][:, 1:] = 2.5
    network = vit((64, 64, 3), 3, patch=16, width=8, depth=1, heads=1)
    positions = convert(weights, shapes(network)).params["pos_embed"]
    assert positions.shape == (1, 17, 8)
    np.testing.assert_allclose(positions[:, 1:], 2.5, rtol=1e-6)
    np.testing.assert_allclose(positions[:, 0], weights["embeddings.position_embeddings"][:, 0])


def test_refuses_a_missing_file(safetensors, tmp_path):
    with pytest.raises(InputError, match=r"weights file .*none\.safetensors does not exist"):
        read_weights(tmp_path / "none.safetensors")


@pytest.mark.parametrize("suffix", ["pth", "bin", "pt"])
def test_refuses_a_pickle_unopened(safetensors, tmp_path, suffix):
    file = tmp_path / f"model.{suffix}"
    file.write_bytes(b"cos\nsystem\n")
    with pytest.raises(InputError, match=r"is a pickle.*safetensors\.torch\.save_file"):
        read_weights(file)


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\xff" * 64])
def test_refuses_a_damaged_file(safetensors, tmp_path, content):
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.safetensors is not safetensors"):
        read_weights(file)


def test_refuses_a_file_cut_short(safetensors, tmp_path):
    file = tmp_path / "model.safetensors"
    safetensors.save_file({"a": np.zeros(100, np.float32)}, file)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match="is not safetensors"):
        read_weights(file)


def in_cache(folder, revision, commit):
    """Where the hub's library keeps owner/name's model.safetensors."""
    repository = folder / "models--owner--name"
    (repository / "refs").mkdir(parents=True, exist_ok=True)
    (repository / "refs" / revision).write_text(commit)
    (repository / "snapshots" / commit).mkdir(parents=True)
    return repository / "snapshots" / commit / "model.safetensors"


def test_hub_repository_is_read_from_its_cache(safetensors, hub):
    for number, revision in enumerate(("main", "v2")):
        file = in_cache(hub, revision, f"{number}" * 40)
        safetensors.save_file({"a": np.full(2, number)}, file)
    assert read_weights("hf:owner/name")["a"][0] == 0
    assert read_weights("hf:owner/name@v2")["a"][0] == 1


@pytest.mark.parametrize("name", ["owner/name", "no such name!"])
def test_refuses_what_the_hub_cannot_give(hub, name):
    with pytest.raises(InputError, match=f"cannot download hf:{name}") as error:
        read_weights(f"hf:{name}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("package", ["safetensors", "huggingface_hub"])
def test_says_what_to_install(safetensors, hub, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=r'extra hub: pip install -e "\.\[hub\]"'):
        read_weights("hf:owner/name")


NETWORKS = {
    "cnn": lambda k: cnn((8, 8, 1), k, channels=(3, 4), hidden=(6, 5)),
    "mlp": lambda k: mlp((8, 8, 1), k, (6, 5)),
    "linear": lambda k: mlp((8, 8, 1), k, ()),
    "resnet": lambda k: resnet(18, (8, 8, 1), k, stem="cifar"),
    "vit": lambda k: vit((8, 8, 1), k, patch=4, width=12, depth=2, heads=3),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_saved_is_read_back(safetensors, tmp_path, name):
    """All of it into the same network; into one of other classes all but the last layer."""
    made, other = NETWORKS[name](3), NETWORKS[name](4)
    variables = made.init(jax.random.key(3))
    x = jax.random.uniform(jax.random.key(4), (5, 8, 8, 1))
    file = tmp_path / "new" / "w.safetensors"
    save_weights(file, variables)
    again = overlay(made.init(jax.random.key(5)), load_pretrained(file, made))
    wanted, got = (made.apply(of, x, False)[0] for of in (variables, again))
    np.testing.assert_array_equal(wanted.logits, got.logits)
    loaded = load_pretrained(file, other)
    moved = overlay(other.init(jax.random.key(5)), loaded)
    outputs, _ = other.apply(moved, x, False)
    assert outputs.logits.shape == (5, 4)
    np.testing.assert_array_equal(wanted.features, outputs.features)
    fresh = [
        leaf is None for leaf in jax.tree.leaves(loaded.params, is_leaf=lambda one: one is None)
    ]
    assert sum(fresh) == 2  # kernel and bias


def test_a_file_of_another_network_is_refused(safetensors, tmp_path):
    file = tmp_path / "w.safetensors"
    save_weights(file, NETWORKS["mlp"](3).init(jax.random.key(0)))
    with pytest.raises(InputError, match=r"no tensor conv1\.bias, which the network needs"):
        load_pretrained(file, NETWORKS["cnn"](3))
    save_weights(file, mlp((8, 8, 1), 3, (6, 6)).init(jax.random.key(0)))
    with pytest.raises(InputError, match=r"hidden\.1\.bias, for which the network has no place"):
        load_pretrained(file, mlp((8, 8, 1), 3, (6,)))


def test_what_the_inputs_were_standardised_by_is_read_back(safetensors, tmp_path):
    file = tmp_path / "w.safetensors"
    mean, std = np.array([0.1, 1 / 3], np.float32), np.array([0.7, 2.0], np.float32)
    save_weights(file, NETWORKS["mlp"](3).init(jax.random.key(0)), mean, std)
    for found, wanted in zip(read_statistics(file), (mean, std), strict=True):
        np.testing.assert_array_equal(found, wanted)
    safetensors.save_file({"a": np.ones(2)}, file)
    with pytest.raises(InputError, match=r"does not say how its network's inputs were standard"):
        read_statistics(file)
