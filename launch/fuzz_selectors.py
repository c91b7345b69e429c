"""Random calls of all of jal.select and jal.scores: right ones, odd ones and wrong ones."""

from __future__ import annotations

import collections
import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from jal import scores, select

__all__ = [
    "NAMES",
    "Verdict",
    "call",
    "fuzz",
    "make_example",
    "make_pool",
    "table_of",
    "used",
    "wrong_picks",
]

NAMES = dict.fromkeys(select.__all__, select) | dict.fromkeys(scores.__all__, scores)
_FLOATS = ("features", "logits", "x", "scores", "margins", "values", "probabilities")
_FLOATS += ("previous", "current", "consensus", "mean_entropy", "loss", "tau")
_INTEGERS = ("y", "groups", "cluster", "order")
# Smaller or fewer: the time is wanted for more calls.
_OPTIONS: dict[str, dict[str, Any]] = {
    "active_ft": {"iterations": 5},
    "alfa_mix": {"iterations": 3},
    "batch_bald": {"configurations": 20, "cap": 2},
    "kmeans": {"iterations": 3},
    "linkage_clusters": {"sample": 6},
    "prob_cover": {"delta": 0.5},
    "pure_radius": {"classes": 2},
    "trust_set": {"n": 5, "num_classes": 4},
    "typi_clust": {"iterations": 3, "neighbours": 3, "min_size": 1},
}
_SHAPES = ((1, 1, 2), (3, 2, 2), (12, 3, 4))  # points, features, classes
_PASSES = 3


class Verdict(NamedTuple):
    """What came of one call: "right", "refused", "traceback", "wrong" or "refused though right"."""

    name: str
    what: str
    kind: str
    detail: str


def head(features: jax.Array) -> jax.Array:
    """A last layer `[M, D] -> [M, 4]`; 2 classes for up to 2 features."""
    width, classes = features.shape[1], 4 if features.shape[1] > 2 else 2
    weights = jnp.sin(jnp.arange(1, 1 + width * classes, dtype=jnp.float32))
    return features @ weights.reshape(width, classes)


def logits_of(params: jax.Array, x: jax.Array) -> jax.Array:
    """A network `[1, D] -> [1, K]`."""
    return jnp.tanh(jnp.sum(x.reshape(1, -1), axis=1, keepdims=True)) * params


def loss_of(params: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
    """A cross-entropy of one example, whatever its shape."""
    return -jax.nn.log_softmax(jnp.sum(jnp.tanh(x)) * params)[y]


def make_pool(rng: np.random.Generator, name: str, n: int, d: int, classes: int) -> dict[str, Any]:
    """Arrays by the names that selectors have for them, `labelled` and a `key`."""
    labelled = rng.random(n) < 0.4
    labelled[rng.integers(n)] = False
    passes = (_PASSES,) if name == "batch_bald" else ()
    normal = rng.normal(size=(n, d)).astype(np.float32)
    return {
        "key": jax.random.key(int(rng.integers(2**31))),
        "features": normal,
        "x": normal,
        "logits": 2 * rng.normal(size=(*passes, n, classes)).astype(np.float32),
        "scores": rng.random(n, dtype=np.float32),
        "margins": rng.random(n, dtype=np.float32),
        "y": rng.integers(classes, size=n).astype(np.int32),
        "groups": rng.integers(3, size=n).astype(np.int32),
        "cluster": rng.integers(3, size=n).astype(np.int32),
        "order": rng.permutation(n).astype(np.int32),
        "labelled": labelled,
    }


def used(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the function takes of `given`: a program is compiled for that alone."""
    return {what: value for what, value in given.items() if what in _parameters(name)}


def call(name: str, given: Mapping[str, Any], k: Any) -> Any:
    """The function of this name on what it takes of `given`; a stream's picks alone."""
    found = getattr(NAMES[name], name)(**_arguments(name, given), **_with_k(name, k))
    return found.picks if hasattr(found, "picks") else found


def wrong_picks(picks: Any, labelled: Any, k: int) -> str:
    """What is wrong with a selector's picks; "" for nothing."""
    picks, labelled = np.asarray(picks), np.asarray(labelled)
    n, free = len(labelled), int((~labelled).sum())
    real = picks[: min(k, free)]
    if picks.shape != (k,) or picks.dtype != np.int32:
        return f"shape {picks.shape} of {picks.dtype}"
    if ((real < 0) | (real >= n)).any():
        return f"out of range: {picks}"
    if len(set(real.tolist())) < len(real):
        return f"repeated: {picks}"
    if labelled[real].any():
        return f"labelled: {picks}"
    if (picks[free:] != n).any():
        return f"not N beyond the unlabelled: {picks}"
    return ""


def fuzz(count: int, seed: int, names: Sequence[str]) -> Iterator[Verdict]:
    """`count` calls, as many of each function; call i depends on the seed and i alone."""
    for first, name in enumerate(names):
        for i in range(first, count, len(names)):
            yield _one(np.random.default_rng([seed, i]), name)
        _compiled.cache_clear()
        jax.clear_caches()  # thousands of programs are more than a process may map


def table_of(verdicts: list[Verdict]) -> Table:
    """How often each function came to what."""
    whats = ("right", "refused", "traceback", "wrong", "refused though right")
    counted = collections.Counter((verdict.name, verdict.what) for verdict in verdicts)
    table = Table("function", *whats)
    for name in dict.fromkeys(verdict.name for verdict in verdicts):
        table.add_row(name, *(str(counted[name, what]) for what in whats))
    table.add_section()
    table.add_row("all", *(str(sum(v.what == what for v in verdicts)) for what in whats))
    return table


def _one(rng: np.random.Generator, name: str) -> Verdict:
    in_pool = NAMES[name] is select
    kinds = _WRONG if rng.random() < 0.4 else _VALUES
    kind = str(rng.choice(list(kinds)))
    n, d, classes = _SHAPES[-1 if kind in _DTYPES else rng.integers(len(_SHAPES))]
    given = make_pool(rng, name, n, d, classes) if in_pool else make_example(rng, name)
    k = min(3, n) if kind in _DTYPES else int(rng.choice([min(3, n), n]))
    given = kinds[kind](rng, name, given)
    k = given.pop("k", k)
    x64 = "x64" in kind
    jitted = kind in _VALUES and rng.random() < 0.95
    if not jitted and kind in _VALUES and in_pool:
        # Else it is refused, as is every k without free points.
        k = max(1, min(k, int((~given["labelled"]).sum())))
    with jax.enable_x64(True) if x64 else contextlib.nullcontext():
        try:
            found = _compiled(name, k)(used(name, given)) if jitted else call(name, given, k)
            found = jax.tree.map(np.asarray, found)
        except ValueError as error:
            if not _is_a_sentence(str(error), name):
                return Verdict(name, "traceback", kind, f"{type(error).__name__}: {error}")
            refusable = kind in _WRONG or kind in _REFUSABLE
            return Verdict(
                name, "refused" if refusable else "refused though right", kind, str(error)
            )
        except Exception as error:  # what else is raised is what is looked for
            return Verdict(name, "traceback", kind, f"{type(error).__name__}: {error}")
    if kind in _WRONG and kind not in _MAY_PASS:
        concerned = _concerned(name, kind)
        wrong = f"{kind} was taken" if concerned else ""
    elif name == "pure_radius":
        wrong = "" if found.shape == () and found.dtype == np.float32 else f"{found!r}"
    elif name == "trust_set":
        wrong = _wrong_mask(found, given, **_OPTIONS[name])
    elif name == "linkage_clusters":
        right = (
            found.shape == given["features"].shape[:1]
            and found.dtype == np.int32
            and found.min() >= 0
        )
        wrong = "" if right else f"{found!r}"
    elif in_pool:
        wrong = wrong_picks(found, given["labelled"], k)
    else:
        wrong = _wrong_score(name, found, used(name, given))
    return Verdict(name, "wrong" if wrong else "right", kind, wrong)


@functools.cache
def _compiled(name: str, k: int) -> Callable[[dict[str, Any]], Any]:
    return jax.jit(lambda given: call(name, given, k))


def _parameters(name: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(getattr(NAMES[name], name)).parameters


def _with_k(name: str, k: Any) -> dict[str, Any]:
    return {"k": k} if "k" in _parameters(name) else {}


def _arguments(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    parameters = _parameters(name)
    arguments = _OPTIONS.get(name, {}) | used(name, given)
    if "head" in parameters:
        arguments["head"] = head
    if "logits_of" in parameters:
        arguments |= {"logits_of": logits_of, "params": jnp.array([-1.0, 0.5, 2.0], jnp.float32)}
    if "loss_of" in parameters:
        arguments |= {"loss_of": loss_of, "params": jnp.array([-1.0, 0.5, 2.0, 1.0], jnp.float32)}
    return arguments


def make_example(rng: np.random.Generator, name: str) -> dict[str, Any]:
    """One example for a score; a few for the one that takes them in chunks."""
    several = (3,) if name == "grand_in_chunks" else ()
    passes = "T, K" in (inspect.getdoc(getattr(scores, name)) or "")
    shape = (_PASSES, 4) if passes else (4,)
    p = rng.dirichlet(np.ones(4)).astype(np.float32)
    return {
        "logits": 2 * rng.normal(size=shape).astype(np.float32),
        "values": rng.normal(size=4).astype(np.float32),
        "probabilities": p,
        "consensus": p,
        "mean_entropy": np.float32(rng.random()),
        "previous": np.float32(rng.random()),
        "current": np.float32(rng.random()),
        "features": rng.normal(size=(*shape[:-1], 4)).astype(np.float32),
        "x": rng.normal(size=(*several, 4)).astype(np.float32),
        "y": rng.integers(4, size=several, dtype=np.int32),
        "loss": np.float32(4 * rng.random()),
        "tau": np.float32(np.log(4)),
        "lambda_": np.float32(0.1 + rng.random()),
    }


def _wrong_score(name: str, found: Any, given: Mapping[str, Any]) -> str:
    wanted = given["x"].shape[:1] if name == "grand_in_chunks" else ()
    if found.shape != wanted or found.dtype != np.float32:
        return f"shape {found.shape} of {found.dtype}"
    with_nan = any(np.isnan(np.asarray(value, np.float32)).any() for value in given.values())
    with_nan |= bool(np.any(np.asarray(given.get("y", 0)) < 0))  # no class has no score
    return "NaN" if np.isnan(found).any() and not with_nan else ""


def _wrong_mask(found: Any, given: Mapping[str, Any], n: int, num_classes: int) -> str:
    """What is wrong with a TrustSet; "" for nothing."""
    labelled, y = np.asarray(given["labelled"]), np.asarray(given["y"])
    if found.shape != labelled.shape or found.dtype != bool:
        return f"shape {found.shape} of {found.dtype}"
    if (found & ~labelled).any():
        return f"unlabelled: {found}"
    for c in range(num_classes):
        size = (labelled & (y == c)).sum()
        if (found & (y == c)).sum() != min(size, -(-n // num_classes)):
            return f"not the share of class {c}: {found}"
    return "" if not found[(y < 0) | (y >= num_classes)].any() else f"of no class: {found}"


def _is_a_sentence(message: str, name: str) -> bool:
    return (
        message.startswith((f"{name} takes ", f"{name} cannot "))
        and message.endswith((".", "examples"))
        and "\n" not in message
        and ". " not in message
    )


# Kinds of values, all of the right shapes: `(rng, name, given) -> given`.
Kind = Callable[[np.random.Generator, str, dict[str, Any]], dict[str, Any]]


def _floats(change: Callable[[np.random.Generator, Any], Any]) -> Kind:
    def kind(rng: np.random.Generator, name: str, given: dict[str, Any]) -> dict[str, Any]:
        return {k: change(rng, v) if k in _FLOATS else v for k, v in given.items()}

    return kind


def _fields(**changes: Callable[[np.random.Generator, Any], Any]) -> Kind:
    def kind(rng: np.random.Generator, name: str, given: dict[str, Any]) -> dict[str, Any]:
        return {k: changes[k](rng, v) if k in changes else v for k, v in given.items()}

    return kind


def _nan_rows(rng: np.random.Generator, values: Any) -> Any:
    values = np.array(values)
    values[rng.random(values.shape[:1]) < 0.5] = np.nan
    return values if values.ndim else np.float32(np.nan)


def _infinite(rng: np.random.Generator, values: Any) -> Any:
    sign = rng.choice([-np.inf, np.inf], size=np.shape(values))
    return np.where(rng.random(np.shape(values)) < 0.4, sign, values).astype(np.float32)


def _constant_column(rng: np.random.Generator, values: Any) -> Any:
    values = np.array(values)
    values.reshape(len(values) if values.ndim else 1, -1)[:, 0] = 1.0
    return values


def _duplicates(rng: np.random.Generator, values: Any) -> Any:
    values = np.asarray(values)
    return values[rng.integers(min(2, len(values)), size=len(values))] if values.ndim else values


def _all_but(left: int) -> Callable[[np.random.Generator, Any], Any]:
    def labelled(rng: np.random.Generator, mask: Any) -> Any:
        mask = np.ones_like(mask)
        mask[rng.permutation(len(mask))[:left]] = False
        return mask

    return labelled


def _cast(dtype: Any) -> Callable[[np.random.Generator, Any], Any]:
    return lambda rng, values: np.asarray(values).astype(dtype)


def _x64(rng: np.random.Generator, name: str, given: dict[str, Any]) -> dict[str, Any]:
    with jax.enable_x64(True):
        return {
            what: jnp.asarray(value, jnp.float64)
            if what in _FLOATS
            else jnp.asarray(value, jnp.int64)
            if what in _INTEGERS
            else value
            for what, value in given.items()
        }


_VALUES: dict[str, Kind] = {
    "normal": _floats(lambda rng, v: v),
    "huge": _floats(lambda rng, v: np.clip(v * np.float32(2.0**70), -3e38, 3e38)),
    "largest": _floats(lambda rng, v: np.float32(3e38) * np.sign(v)),
    "tiny": _floats(lambda rng, v: v * np.float32(1e-30)),
    "subnormal": _floats(lambda rng, v: v * np.float32(1e-38) / 100),
    "constant": _floats(lambda rng, v: np.full_like(v, 0.5)),
    "zero": _floats(lambda rng, v: np.zeros_like(v)),
    "constant column": _floats(_constant_column),
    "duplicates": _floats(_duplicates),
    "far from 0": _floats(lambda rng, v: v + np.float32(1e6)),
    "NaN rows": _floats(_nan_rows),
    "infinite": _fields(
        **dict.fromkeys(("logits", "features", "x", "scores", "margins"), _infinite),
        **dict.fromkeys(("values", "loss"), _infinite),
        **dict.fromkeys(("previous", "current"), _infinite),
    ),
    "float16": _floats(_cast(np.float16)),
    "bfloat16": _floats(_cast(jnp.bfloat16)),
    "whole": _floats(lambda rng, v: np.round(4 * np.asarray(v)).astype(np.int32)),
    "bytes": _floats(lambda rng, v: np.round(4 * np.abs(v)).astype(np.uint8)),
    "bool": _floats(lambda rng, v: np.asarray(v) > 0.5),
    "x64 on": _floats(lambda rng, v: v),
    "x64 inputs": _x64,
    "one class": _fields(y=lambda rng, v: np.zeros_like(v), groups=lambda rng, v: v * 0),
    "gaps in classes": _fields(y=lambda rng, v: v * 0 + v.max(), cluster=lambda rng, v: 7 * v),
    "unsigned classes": _fields(y=_cast(np.uint8), groups=_cast(np.uint32)),
    "unknown classes": _fields(y=lambda rng, v: v * 0 - 1),
    "none labelled": _fields(labelled=lambda rng, v: v & False),
    "one free": _fields(labelled=_all_but(1)),
    "two free": _fields(labelled=_all_but(2)),
    "none free": _fields(labelled=_all_but(0)),
}
# A program each: of one shape.
_DTYPES = {"float16", "bfloat16", "whole", "bytes", "bool", "x64 on", "x64 inputs"}
_DTYPES |= {"unsigned classes"}
# Refused where the values are known; under jit they are not.
_REFUSABLE = {"NaN rows", "infinite", "none free"}


def _shape(change: Callable[[Any], Any]) -> Kind:
    """One of the arrays has another shape."""

    def kind(rng: np.random.Generator, name: str, given: dict[str, Any]) -> dict[str, Any]:
        names = [what for what in used(name, given) if what != "key"]
        chosen = str(rng.choice(names))
        return {**given, chosen: change(given[chosen])}

    return kind


_WRONG: dict[str, Kind] = {
    "a dimension more": _shape(lambda v: np.asarray(v)[..., None]),
    "two dimensions more": _shape(lambda v: np.asarray(v)[None, None]),
    "a dimension less": _shape(lambda v: np.asarray(v)[..., 0] if np.ndim(v) else np.ones(3)),
    "scalar": _shape(lambda v: np.asarray(v).reshape(-1)[0] if np.ndim(v) else np.ones(2)),
    "empty": _shape(lambda v: np.asarray(v)[:0] if np.ndim(v) else np.ones(0)),
    "a point less": _shape(lambda v: np.asarray(v)[:-1] if np.ndim(v) else np.ones(2)),
    "one column": _shape(lambda v: np.asarray(v).reshape(-1, 1)[:, :1] if np.ndim(v) else v[None]),
    "None": _shape(lambda v: None),
    "text": _shape(lambda v: "text"),
    "complex": _shape(lambda v: np.asarray(v, np.complex64)),
    "ragged": _shape(lambda v: [[1.0], [1.0, 2.0]]),
    "objects": _shape(lambda v: np.asarray(v, object)),
    "mask of int": _fields(labelled=_cast(np.int32)),
    "classes of float": _fields(
        y=_cast(np.float32), groups=_cast(np.float32), cluster=_cast(np.float32)
    ),
    "order of bool": _fields(order=_cast(bool)),
    "order of float": _fields(order=_cast(np.float32)),
    "order out of range": _fields(order=lambda rng, v: v + 1),
    "order repeats": _fields(order=lambda rng, v: v * 0),
    "classes beyond int32": _fields(
        y=lambda rng, v: v.astype(np.int64) + 2**40, groups=lambda rng, v: v + np.int64(2**33)
    ),
    "k of 0": lambda rng, name, given: {**given, "k": 0},
    "k below 0": lambda rng, name, given: {**given, "k": -1},
    "k beyond N": lambda rng, name, given: {**given, "k": 99},
    "k of float": lambda rng, name, given: {**given, "k": 1.0},
    "k of bool": lambda rng, name, given: {**given, "k": True},
    "k of None": lambda rng, name, given: {**given, "k": None},
    "k an array": lambda rng, name, given: {**given, "k": jnp.arange(2)},
    "no key": lambda rng, name, given: {**given, "key": 0},
    "keys": lambda rng, name, given: {**given, "key": jax.random.split(jax.random.key(0), 3)},
}
# Right for some functions or pools, such as x [N, D, 1], or a permutation of one point.
_MAY_PASS = {
    *(
        "a dimension more",
        "a dimension less",
        "one column",
        "scalar",
        "empty",
        "two dimensions more",
    ),
    *("None", "objects", "order repeats", "order out of range", "a point less"),
}


def _concerned(name: str, kind: str) -> bool:
    """Whether the function takes what the kind spoils."""
    parameters = _parameters(name)
    if kind.startswith("k "):
        return "k" in parameters
    if kind.startswith("order"):
        return "order" in parameters
    if kind == "mask of int":
        return "labelled" in parameters
    if kind in ("classes of float", "classes beyond int32"):
        wanted = {"y", "groups"} if "beyond" in kind else {"y", "groups", "cluster"}
        return bool(wanted & set(parameters))
    if kind in ("no key", "keys"):
        return "key" in parameters
    return True
