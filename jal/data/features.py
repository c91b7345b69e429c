"""Features of a frozen network, or of PCA: made once, for learners that are quick on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from rich.console import Console
from rich.progress import track

from jal.data.cache import cached
from jal.data.dataset import Dataset, from_arrays
from jal.parallel import replicate, seed_mesh
from jal.types import Array, InputError, Network, NetworkVariables, PyTree

__all__ = ["cached_features", "dataset_features", "extract", "pca_features"]


def extract(
    network: Network,
    variables: NetworkVariables,
    x: np.ndarray,
    *,
    batch: int = 256,
    mesh: Mesh | None = None,
) -> np.ndarray:
    """The network's penultimate features of every example, in evaluation mode.

    Only a batch at a time is on the devices, so that x may be a memory map of any length.

    Args:
      network: whose features to take.
      variables: its weights.
      x: `[N, ...]`, N > 0, as the network takes it.
      batch: examples at a time, over all devices; rounded up to a multiple of their number.
      mesh: devices to spread a batch over; all of them if None.

    Returns:
      `[N, D]` float32.
    """
    mesh = seed_mesh() if mesh is None else mesh
    sharding = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
    batch = -(-min(batch, len(x)) // mesh.size) * mesh.size
    step = jax.jit(_features_of(network), out_shardings=sharding)
    variables = replicate(variables, mesh)
    console = Console(stderr=True)
    begins = track(
        range(0, len(x), batch),
        "features",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    features = []
    for begin in begins:
        examples = x[begin : begin + batch]
        missing = batch - len(examples)
        padded = np.concatenate([examples, np.repeat(examples[-1:], missing, axis=0)])
        made = np.asarray(step(variables, jax.device_put(padded, sharding)))
        features.append(made[: len(examples)])
    return np.concatenate(features)


def cached_features(
    network: Network,
    variables: NetworkVariables,
    x: np.ndarray,
    **options: Any,
) -> np.ndarray:
    """`extract`, kept on disk by its content: the network's program, its weights and the inputs.

    The program is compared as JAX lowers it, so that whatever changes it (the architecture, a
    constant of the normalisation, another version of JAX) makes the features anew. For the
    arguments see `extract`; of these its options are no part of the key.
    """
    abstract = jax.eval_shape(lambda: variables), jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype)
    program = jax.jit(_features_of(network)).lower(*abstract).as_text()
    key = {
        "kind": "features",
        "jax": jax.__version__,
        "platform": jax.default_backend(),
        "program": hashlib.sha256(program.encode()).hexdigest(),
        "variables": _content_hash(variables),
        "x": _content_hash(x),
    }

    def make() -> dict[str, np.ndarray]:
        return {"features": extract(network, variables, x, **options)}

    return cached(key, make)["features"]


def dataset_features(
    dataset: Dataset,
    network: Network,
    variables: NetworkVariables,
    **options: Any,
) -> Dataset:
    """The data set with `cached_features` `[N, D]` float32 for inputs.

    Raises:
      InputError: for features that are not finite.
    """
    train, test = (
        cached_features(network, variables, part.x, **options)
        for part in (dataset.train, dataset.test)
    )
    return _with_inputs(dataset, train, test)


def pca_features(dataset: Dataset, components: int) -> Dataset:
    """The data set with its first principal components `[N, components]` float32 for inputs.

    Fitted on the training inputs alone, without their labels. Bytes are scaled to [0, 1] before.

    Raises:
      InputError: for more components than training examples or values of one.
    """
    from sklearn.decomposition import PCA

    train, test = (_flat(part.x) for part in (dataset.train, dataset.test))
    if not 1 <= components <= min(train.shape):
        raise InputError(
            f"principal components must be between 1 and {min(train.shape)} for "
            f"{len(train)} training examples of {train.shape[1]} values, got {components}."
        )
    pca = PCA(components, random_state=0).fit(train)  # some sizes are solved by random projection
    return _with_inputs(dataset, pca.transform(train), pca.transform(test))


def _features_of(network: Network) -> Callable[[NetworkVariables, Array], Array]:
    def features(variables: NetworkVariables, x: Array) -> Array:
        return network.apply(variables, x, False)[0].features.astype(jnp.float32)

    return features


def _content_hash(tree: PyTree) -> str:
    """SHA-256 of the arrays of a pytree, in its order."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        is_key = isinstance(leaf, Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        array = np.asarray(jax.random.key_data(leaf) if is_key else leaf)
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)  # bfloat16 is no buffer
    return digest.hexdigest()


def _with_inputs(dataset: Dataset, train: np.ndarray, test: np.ndarray) -> Dataset:
    checked = from_arrays(train, dataset.train.y, test, dataset.test.y, dataset.num_classes)
    return dataset._replace(train=checked.train, test=checked.test)


def _flat(x: np.ndarray) -> np.ndarray:
    flat = x.reshape(len(x), -1)
    return flat.astype(np.float32) / 255 if x.dtype == np.uint8 else flat
