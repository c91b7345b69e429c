"""What all of jal.select and jal.scores promise, whatever they are given."""

import functools
import inspect
import itertools
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import ClosedJaxpr, Jaxpr

from jal import scores, select

sys.path.insert(0, str(Path(__file__).parents[2] / "launch"))

import fuzz
from fuzz_selectors import NAMES, call, make_example, make_pool, used, wrong_picks

OTHERS = ("linkage_clusters", "pure_radius", "trust_set")  # which pick nothing unlabelled
SELECTORS = [name for name in select.__all__ if name not in OTHERS]
INTEGERS = ("y", "groups", "cluster", "order", "labelled", "key")
N, D, K, PICKS = 12, 3, 4, 5
HUGE, TINY = np.float32(2.0**70), np.float32(2.0**-100)


def a_pool(name, seed=0, free=7):
    pool = make_pool(np.random.default_rng(seed), name, N, D, K)
    pool["labelled"] = np.random.default_rng(seed).permutation(N) >= free
    return pool


def given_to(name):
    """What the function of jal.select or jal.scores takes."""
    random = np.random.default_rng(0)
    return used(name, a_pool(name) if name in select.__all__ else make_example(random, name))


@functools.cache
def compiled(name):
    return jax.jit(lambda given: call(name, given, PICKS))


def picks_of(name, pool):
    return np.asarray(compiled(name)(used(name, pool)))


def floats(given, change):
    return {what: v if what in INTEGERS else change(v) for what, v in given.items()}


@pytest.mark.parametrize("free", [7, PICKS, 3, 1, 0])
@pytest.mark.parametrize("name", SELECTORS)
def test_real_picks_first_then_the_pools_size(name, free):
    pool = a_pool(name, free=free)
    assert wrong_picks(picks_of(name, pool), pool["labelled"], PICKS) == ""


ODD = {
    "huge": lambda v: HUGE * v,
    "tiny": lambda v: TINY * v,
    "all equal": lambda v: 0 * v,
    "NaN rows": lambda v: np.where(np.arange(v.size).reshape(v.shape) % 4 == 0, np.nan, v),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", SELECTORS)
def test_odd_values(name, odd):
    """Distinct and unlabelled, also where squares overflow or nothing can be compared."""
    for free in (PICKS, 7):
        pool = floats(a_pool(name, free=free), ODD[odd])
        assert wrong_picks(picks_of(name, pool), pool["labelled"], PICKS) == ""


@pytest.mark.parametrize("classes", [0, -1, 3, 99])
@pytest.mark.parametrize("name", ["galaxy", "alfa_mix", "flqmi", "fl1mi", "gcmi", "logdetmi"])
def test_odd_classes(name, classes):
    """One alone, none that is known, one above gaps, one that the logits do not have."""
    pool = a_pool(name, free=PICKS)
    pool["y"] = np.full(N, classes, np.int32)
    assert wrong_picks(picks_of(name, pool), pool["labelled"], PICKS) == ""


@pytest.mark.parametrize("name", ["kmeans", "k_center", "badge", "typi_clust"])
@pytest.mark.parametrize("factor", [HUGE, TINY])
def test_distances_know_no_scale(name, factor):
    """Of a power of two, to the last bit."""
    pool = a_pool(name)
    changed = pool | {"features": factor * pool["features"]}
    np.testing.assert_array_equal(picks_of(name, changed), picks_of(name, pool))


def equations(jaxpr):
    for equation in jaxpr.eqns:
        inner = jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda v: isinstance(v, (Jaxpr, ClosedJaxpr))
        )
        inner = [v.jaxpr if isinstance(v, ClosedJaxpr) else v for v in inner]
        inner = [v for v in inner if isinstance(v, Jaxpr)]
        yield from [] if equation.primitive.name == "jit" else [equation]
        for part in inner:
            yield from equations(part)


def computed_in(dtype, program, given):
    """Names of what the program does in a dtype, beside casts from it; Python's numbers aside."""
    return [
        equation.primitive.name
        for equation in equations(jax.make_jaxpr(program)(given).jaxpr)
        for is_cast in [equation.primitive.name == "convert_element_type"]
        for of in [*([] if is_cast else equation.invars), *equation.outvars]
        if getattr(of.aval, "dtype", None) == dtype and not of.aval.weak_type
    ]


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float64])
@pytest.mark.parametrize("name", NAMES)
def test_computes_in_float32(name, dtype):
    """The program casts what it is given and does nothing else in another float's digits.

    So its picks are those of the same numbers in float32.
    """
    with jax.enable_x64(dtype == jnp.float64):
        given = floats(given_to(name), lambda v: jnp.asarray(v, dtype))
        if dtype == jnp.float64:
            wide = [what for what in given if what in ("y", "groups", "cluster", "order")]
            given |= {what: jnp.asarray(given[what], jnp.int64) for what in wide}
        program = lambda given: call(name, given, PICKS)  # noqa: E731
        assert computed_in(dtype, program, given) == []
        out = jax.eval_shape(program, given)
        assert out.dtype in (jnp.int32, jnp.float32, jnp.bool_)


CHEAP = itertools.product(
    ("top_k", "round_robin", "margin"), (np.float16, jnp.bfloat16, np.float64, np.int8, bool)
)


@pytest.mark.parametrize(("name", "dtype"), [*CHEAP, ("kmeans", np.float16), ("badge", np.float64)])
def test_the_same_numbers_in_another_dtype(name, dtype):
    rounded = floats(given_to(name), lambda v: (2 * v).astype(dtype))
    plain = floats(rounded, lambda v: v.astype(np.float32))
    with jax.enable_x64(dtype == np.float64):
        found = np.asarray(compiled(name)(rounded))
    np.testing.assert_array_equal(found, np.asarray(compiled(name)(plain)))


SHAPES = {
    "one dimension more": lambda v: v[..., None],
    "one dimension less": lambda v: v[..., 0],
    "none": lambda v: v.reshape(-1)[0],
    "no points": lambda v: v[..., :0, :] if v.ndim > 1 else v[:0],
    "one point less": lambda v: v[..., :-1, :] if v.ndim > 1 else v[:-1],
    "text": lambda v: "text",
    "None": lambda v: None,
    "complex": lambda v: v.astype(np.complex64),
}


def refused(name, given, k=PICKS, options=()):
    with pytest.raises(ValueError) as error:
        call(name, given | dict(options), k)
    message = str(error.value)
    assert message.startswith(f"{name} takes "), message
    assert message.endswith(".") and ". " not in message and "\n" not in message, message
    return message


@pytest.mark.parametrize("wrong", SHAPES)
@pytest.mark.parametrize("name", SELECTORS)
def test_shapes_and_kinds_are_refused_in_a_sentence(name, wrong):
    pool = used(name, a_pool(name))
    for what in pool.keys() - {"key"}:
        if what != "x" or wrong not in ("one dimension more", "one dimension less"):
            message = refused(name, pool | {what: SHAPES[wrong](pool[what])})
            assert what in message or wrong == "one point less"


@pytest.mark.parametrize("name", [n for n in SELECTORS if "logits" in given_to(n)])
def test_one_column_of_logits(name):
    pool = a_pool(name)
    assert "K >= 2" in refused(name, pool | {"logits": pool["logits"][..., :1]})


@pytest.mark.parametrize("name", SELECTORS)
def test_k_is_a_static_integer(name):
    pool = a_pool(name)
    for k in (0, -1, N + 1, 2.0, True, None, np.arange(2)):
        assert "takes k" in refused(name, pool, k)
    with pytest.raises(ValueError, match="k as a Python integer, got a traced value"):
        jax.jit(lambda k: call(name, pool, k))(3)
    pool["labelled"] = np.arange(N) >= 2
    with pytest.raises(ValueError, match=f"^{name} cannot pick k = 5 of 2 unlabelled points"):
        call(name, pool, PICKS)


@pytest.mark.parametrize(
    ("name", "what", "value", "message"),
    [
        ("top_k", "labelled", np.zeros(N, np.int32), "labelled"),
        ("round_robin", "groups", np.zeros(N), "groups .* of integers .* of float32"),
        ("round_robin", "groups", np.full(N, 2**33), "groups within int32, got 8589934592"),
        ("galaxy", "y", np.full(N, 2**32 - 1, np.uint32), "y within int32, got 4294967295"),
        ("stream_fixed", "order", np.ones(N, bool), "order .* of integers .* of bool"),
        ("stream_fixed", "order", np.arange(N) + 0.5, "order .* of integers .* of float32"),
        ("stream_adaptive", "order", np.arange(N) + 1, "order as a permutation of 0..11"),
        ("stream_adaptive", "order", np.zeros(N, int), "order as a permutation of 0..11"),
        ("kmeans", "key", 0, "one PRNG key"),
        ("badge", "key", jax.random.split(jax.random.key(0)), r"one PRNG key, .* \(2,\)"),
        ("pure_radius", "features", np.zeros(N, np.float32), r"features \[N, D\]"),
        ("linkage_clusters", "features", np.zeros((0, 2), np.float32), r"N >= 1 and D >= 1"),
        ("margin", "logits", np.zeros(4, complex), "real numbers, got complex64"),
        ("bald", "logits", None, "array of numbers, got NoneType"),
        ("mutual_information", "mean_entropy", np.ones(3, np.float32), r"\[\], got shape \(3,\)"),
    ],
)
def test_one_sentence(name, what, value, message):
    given = given_to(name)
    with pytest.raises(ValueError, match=f"^{name} takes .*{message}"):
        refused(name, given | {what: value})
        call(name, given | {what: value}, PICKS)


DEFAULTS = {
    "active_ft": {
        "temperature": 0.07,
        "iterations": 300,
        "learning_rate": 1e-3,
        "diversity": 1.0,
        "chunk": 4096,
    },
    "alfa_mix": {
        "cap_step": 0.2,
        "steps": 5,
        "learning_rate": 0.1,
        "penalty": 0.01,
        "chunk": 1024,
        "iterations": 20,
    },
    "bait": {
        "ridge": 1.0,
        "oversample": 2.0,
        "max_features": 128,
        "max_classes": 16,
        "chunk": 1024,
    },
    "batch_bald": {"cap": 100, "configurations": 500, "chunk": 256},
    "cluster_margin": {"ratio": 1.25},
    "fl1mi": {"eta": 1.0, "max_queries": 256, "sample": 2000},
    "flqmi": {"eta": 1.0, "max_queries": 256},
    "gcmi": {"max_queries": 256},
    "kmeans": {"iterations": 20},
    "linkage_clusters": {"sample": 10_000, "ratio": 1.25, "chunk": 1024},
    "logdetmi": {"eta": 1.0, "ridge": 1.0, "max_queries": 256},
    "prob_cover": {"chunk": 1024},
    "pure_radius": {"alpha": 0.95, "sample": 2_000},
    "saal": {"rho": 0.05, "sample": 2000, "chunk": 16},
    "stream_adaptive": {"position": 0, "threshold": 0.4, "s": 0.01},
    "stream_fixed": {"position": 0, "threshold": 0.4},
    "typi_clust": {
        "max_clusters": 500,
        "neighbours": 20,
        "min_size": 5,
        "iterations": 20,
        "sample": 10_000,
    },
}
MAY_BE_0 = ("diversity", "iterations", "penalty", "eta", "rho", "position", "min_size")
OPTIONS = [(name, option) for name in DEFAULTS for option in DEFAULTS[name]]


def test_defaults_of_numbers():
    found = {}
    for name in select.__all__:
        parameters = inspect.signature(getattr(select, name)).parameters.values()
        numbers = {p.name: p.default for p in parameters if type(p.default) in (int, float)}
        found |= {name: numbers} if numbers else {}
    assert found == DEFAULTS


@pytest.mark.parametrize(
    ("name", "option"),
    [
        *OPTIONS,
        ("prob_cover", "delta"),
        ("pure_radius", "classes"),
        ("pure_radius", "deltas"),
        ("active_ft", "minibatch"),
        ("linkage_clusters", "clusters"),
    ],
)
def test_numbers_out_of_range(name, option):
    """One sentence that names the option, before anything is computed."""
    default = DEFAULTS[name].get(option, 0.5 if option == "delta" else 3)
    wrong = [np.nan, np.inf, "2", True, 10**400 if isinstance(default, float) else -(10**400)]
    wrong += [2.5] if isinstance(default, int) and option != "deltas" else []
    wrong += [] if (name, option) == ("stream_fixed", "threshold") else [-1]
    wrong += [0] if option not in (*MAY_BE_0, "threshold", "delta", "deltas") else []
    for value in wrong:
        given = {option: (0.5, value) if option == "deltas" else value}
        message = refused(name, given_to(name), options=given)
        assert option in message and repr(value) in message


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("alfa_mix", {"cap_step": 1.01}),
        ("bait", {"oversample": 0.99}),
        ("cluster_margin", {"ratio": 0.99}),
        ("linkage_clusters", {"ratio": 0.99}),
        ("linkage_clusters", {"clusters": N + 1}),
        ("pure_radius", {"alpha": 1.01}),
        ("pure_radius", {"deltas": ()}),
        ("stream_adaptive", {"s": 1.0}),
        ("stream_adaptive", {"s": 0.99e-4}),
        ("stream_adaptive", {"threshold": 0.0}),
        ("stream_adaptive", {"threshold": jnp.float32(-1)}),
        ("prob_cover", {"delta": jnp.float32(np.nan)}),
    ],
)
def test_numbers_just_out_of_range(name, given):
    assert next(iter(given)) in refused(name, given_to(name), options=given)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("alfa_mix", "cap_step", 0.2),
        ("bait", "oversample", 2.0),
        ("cluster_margin", "ratio", 1.25),
        ("linkage_clusters", "ratio", 1.25),
        ("stream_adaptive", "s", 0.01),
        ("kmeans", "iterations", 3),
        ("saal", "sample", 3),
    ],
)
def test_options_that_set_shapes_are_static(name, option, value):
    with pytest.raises(ValueError, match=f"^{name} takes {option} as .* got a traced value"):
        jax.jit(lambda value: call(name, given_to(name) | {option: value}, PICKS))(value)


def test_a_number_may_be_an_array_of_no_dimension():
    pool = given_to("prob_cover")
    picks = [
        call("prob_cover", pool | {"delta": as_(0.3)}, PICKS)
        for as_ in (float, np.array, jnp.array)
    ]
    np.testing.assert_array_equal(picks[1:], [picks[0]] * 2)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("active_ft", {"diversity": 0, "iterations": 0, "minibatch": 1, "chunk": 1}),
        ("alfa_mix", {"cap_step": 1, "penalty": 0, "steps": 1, "iterations": 0, "chunk": 1}),
        ("bait", {"oversample": 1, "max_features": 1, "max_classes": 1, "chunk": 1}),
        ("batch_bald", {"cap": 1, "configurations": 1, "chunk": 1}),
        ("cluster_margin", {"ratio": 1}),
        ("fl1mi", {"eta": 0, "max_queries": 1, "sample": 1}),
        ("flqmi", {"eta": 0, "max_queries": 1}),
        ("gcmi", {"max_queries": 1}),
        ("kmeans", {"iterations": 0}),
        ("logdetmi", {"eta": 0, "ridge": 1e-3, "max_queries": 1}),
        ("prob_cover", {"delta": 0, "chunk": 1}),
        ("saal", {"rho": 0, "sample": 1, "chunk": 1}),
        ("stream_adaptive", {"s": 1e-4, "threshold": 1e-4, "position": N - 1}),
        ("stream_fixed", {"threshold": -1.0, "position": np.array(3)}),
        ("typi_clust", {"max_clusters": 1, "neighbours": 1, "min_size": 0, "sample": 1}),
    ],
)
def test_the_least_of_each_option(name, given):
    """Distinct and unlabelled picks at the ends of the ranges."""
    pool = a_pool(name)
    picks = jax.jit(lambda pool: call(name, pool | given, PICKS))(used(name, pool))
    assert wrong_picks(picks, pool["labelled"], PICKS) == ""


def test_unsigned_classes_are_classes():
    pool = a_pool("galaxy")
    unsigned = pool | {"y": pool["y"].astype(np.uint8)}
    np.testing.assert_array_equal(picks_of("galaxy", unsigned), picks_of("galaxy", pool))


def test_every_function_is_fuzzed():
    assert set(NAMES) == {*select.__all__, *scores.__all__}


def test_the_fuzzing_finds_what_is_wrong(monkeypatch, capsys):
    first = lambda scores, labelled, k: jnp.arange(k, dtype=jnp.int32)  # noqa: E731
    monkeypatch.setattr(select, "top_k", first)
    assert fuzz.main(["selectors", "--calls", "20", "--only", "top_k"]) == 1
    out = capsys.readouterr().out
    assert "wrong: labelled: [0 1 2]" in out and "wrong: text was taken" in out
    assert fuzz.main(["selectors", "--only", "top_l"]) == 2


def test_a_sample_of_the_fuzzing(capsys):
    """`python launch/fuzz.py selectors` has thousands of calls."""
    only = ["top_k", "round_robin", "margin", "alamp"]
    assert fuzz.main(["selectors", "--calls", "60", "--seed", "3", "--only", *only]) == 0
    assert "60 calls with seed 3, 0 bad" in capsys.readouterr().out
