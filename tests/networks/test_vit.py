"""Vision transformers: sizes, dropout, dtypes, and parity with torch's and transformers'."""

import functools
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from requirements import require

from jal.networks.pretrained import load_pretrained, overlay
from jal.networks.vit import vit, vit_s16
from jal.types import InputError, NetworkVariables

WIDTH, DEPTH, HEADS, PATCH, CLASSES = 24, 2, 3, 4, 5


def tiny(size=16, **options):
    return vit(
        (size, size, 3), CLASSES, patch=PATCH, width=WIDTH, depth=DEPTH, heads=HEADS, **options
    )


def images(size=16):
    return np.random.default_rng(0).normal(size=(3, size, size, 3)).astype(np.float32)


@functools.cache
def dropping():
    network = tiny(dropout=0.3)
    return jax.jit(network.apply, static_argnums=2), network.init(jax.random.key(0)), images()


def test_s16_has_the_papers_number_of_parameters():
    variables = jax.eval_shape(vit_s16((224, 224, 3), 1000).init, jax.random.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(variables.params)) == 22_050_664
    assert not jax.tree.leaves(variables.state)


def test_s16_shapes():
    network = vit_s16((64, 64, 1), 10)
    variables = jax.eval_shape(network.init, jax.random.key(0))
    x = jax.ShapeDtypeStruct((5, 64, 64, 1), jnp.float32)
    outputs, _ = jax.eval_shape(lambda v, x: network.apply(v, x, True), variables, x)
    assert outputs.logits.shape == (5, 10)
    assert outputs.features.shape == (5, 384)
    assert variables.params["pos_embed"].shape == (1, 17, 384)


def test_dropout_is_fresh_in_each_training_pass_only():
    apply, variables, x = dropping()
    first, state = apply(variables, x, True)
    second, _ = apply(variables._replace(state=state), x, True)
    assert (first.features != second.features).any()
    (kept, _), (again, _) = (
        apply(variables._replace(state=s), x, False) for s in (state, variables.state)
    )
    np.testing.assert_array_equal(kept.logits, again.logits)


def test_dropout_acts_after_positions_and_every_dense_layer_but_qkv():
    apply, variables, x = dropping()
    _, state = apply(variables, x, True)
    calls = state["dropout"]["rngs"]["count"] - variables.state["dropout"]["rngs"]["count"]
    assert calls == 1 + 3 * DEPTH


def test_logits_are_the_last_layer_of_the_features():
    apply, variables, x = dropping()
    outputs, _ = apply(variables, x, False)
    last = variables.params["head"]
    wanted = outputs.features @ last["kernel"] + last["bias"]
    np.testing.assert_allclose(outputs.logits, wanted, atol=1e-6)


def test_init_under_vmap_is_init_alone():
    keys = jax.random.split(jax.random.key(0), 2)
    network = tiny()
    many, alone = jax.vmap(network.init)(keys), network.init(keys[1])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-6), many, alone)
    assert float(alone.params["pos_embed"].std()) == pytest.approx(0.02, rel=0.15)


def test_bfloat16_is_near_float32():
    apply, variables, x = dropping()
    exact, _ = apply(variables, x, False)
    params, x = jax.tree.map(lambda a: jnp.asarray(a, jnp.bfloat16), (variables.params, x))
    rough, _ = apply(NetworkVariables(params, variables.state), x, False)
    assert rough.logits.dtype == rough.features.dtype == jnp.float32
    np.testing.assert_allclose(rough.features, exact.features, atol=0.1)
    assert (rough.features != exact.features).any()


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((32, 16, 3), {}, r"square images \(H, H, C\), not inputs of shape \(32, 16, 3\)"),
        ((8, 8), {}, "square images"),
        ((30, 30, 3), {}, "patches of 4 do not divide images of 30 x 30"),
        ((32, 32, 3), {"heads": 5}, "5 heads do not divide a width of 24"),
    ],
)
def test_refuses(shape, options, message):
    with pytest.raises(InputError, match=message):
        vit(shape, 10, **({"patch": 4, "width": 24, "depth": 1, "heads": 3} | options))


@pytest.fixture(scope="module")
def torch():
    require(importlib.util.find_spec("torch") is not None, "torch", "pip install torch")
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def transformers(torch):
    found = importlib.util.find_spec("transformers") is not None
    require(found, "transformers", "pip install transformers")
    return pytest.importorskip("transformers")


def randomised(torch, model):
    """Norms' scales and all offsets away from their 1 and 0; evaluation mode."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model.eval()


def transformers_model(torch, transformers, kind):
    config = transformers.ViTConfig(
        hidden_size=WIDTH,
        num_hidden_layers=DEPTH,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        image_size=16,
        patch_size=PATCH,
        num_labels=CLASSES,
    )
    return randomised(torch, getattr(transformers, kind)(config))


def run(network, weights, x):
    variables = load_pretrained(weights, network)
    variables = overlay(network.init(jax.random.key(0)), variables)  # ViTModel has no last layer
    with jax.default_matmul_precision("highest"):
        return network.apply(variables, x, False)[0]


@pytest.mark.parametrize("size", [16, 24, 8])
def test_equals_transformers(torch, transformers, tmp_path, size):
    """At other sizes than the file's 16 x 16, positions are interpolated."""
    model = transformers_model(torch, transformers, "ViTForImageClassification")
    model.save_pretrained(tmp_path)
    x = images(size)
    network = tiny(size, epsilon=1e-12)
    outputs = run(network, tmp_path / "model.safetensors", x)
    x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        wanted = model(x, interpolate_pos_encoding=size != 16).logits.numpy()
    assert wanted.std(0).max() > 0.1  # over the images
    np.testing.assert_allclose(outputs.logits, wanted, atol=1e-4)


def test_features_equal_transformers_class_token(torch, transformers, tmp_path):
    model = transformers_model(torch, transformers, "ViTModel")
    model.save_pretrained(tmp_path)
    x = images()
    outputs = run(tiny(epsilon=1e-12), tmp_path / "model.safetensors", x)
    with torch.no_grad():
        hidden = model(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).last_hidden_state
    np.testing.assert_allclose(outputs.features, hidden[:, 0].numpy(), atol=1e-4)


def test_timms_names_equal_torchs_own_encoder(torch, tmp_path):
    from safetensors.torch import save_file

    nn, tokens = torch.nn, (16 // PATCH) ** 2
    layers = [
        nn.TransformerEncoderLayer(
            WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", 1e-6, batch_first=True, norm_first=True
        )
        for _ in range(DEPTH)
    ]
    parts = nn.ModuleDict(
        {
            "patch_embed": nn.ModuleDict({"proj": nn.Conv2d(3, WIDTH, PATCH, PATCH)}),
            "blocks": nn.ModuleList(layers),
            "norm": nn.LayerNorm(WIDTH, 1e-6),
            "head": nn.Linear(WIDTH, CLASSES),
        }
    )
    randomised(torch, parts)
    cls_token, pos_embed = torch.randn(1, 1, WIDTH), torch.randn(1, 1 + tokens, WIDTH)

    def timm(name):
        for torchs, timms in {
            "self_attn.in_proj_": "attn.qkv.",
            "self_attn.out_proj": "attn.proj",
            "linear": "mlp.fc",
        }.items():
            name = name.replace(torchs, timms)
        return name

    tensors = {timm(name): tensor for name, tensor in parts.state_dict().items()}
    file = tmp_path / "vit.safetensors"
    save_file(tensors | {"cls_token": cls_token, "pos_embed": pos_embed}, file)

    x = images()
    with torch.no_grad():
        patches = parts["patch_embed"]["proj"](torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
        h = torch.cat([cls_token.expand(3, -1, -1), patches.flatten(2).mT], 1) + pos_embed
        for layer in layers:
            h = layer(h)
        wanted = parts["head"](parts["norm"](h)[:, 0]).numpy()
    np.testing.assert_allclose(run(tiny(), file, x).logits, wanted, atol=1e-4)
