import functools
import importlib
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracles

from jal.scores.disagreement import bald

module = importlib.import_module("jal.select.batch_bald")  # the package's name is the function's
batch_bald = module.batch_bald

GOLDEN = Path(__file__).parents[1] / "reference" / "skactiveml_disagreement.json"
T, N, K, PICKS = 6, 40, 3, 5
EXACT = K ** (PICKS - 1)
jitted = jax.jit(batch_bald, static_argnames=("k", "cap", "configurations", "chunk"))
exact = functools.partial(jitted, k=PICKS, configurations=EXACT, chunk=7)
key = jax.random.key(0)
none = np.zeros(N, bool)


def passes(seed: int, spread: float = 1.0, shape: tuple[int, int, int] = (T, N, K)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(1, *shape[1:])) + spread * rng.normal(size=shape)).astype(np.float32)


def joint_information(logits: np.ndarray, picks) -> float:
    """I(labels of the picks; pass), over all K^m labels."""
    p = oracles.softmax(logits)
    joint = np.ones((1, p.shape[0]))
    for pick in picks:
        joint = (joint[:, None, :] * p[:, pick].T[None]).reshape(-1, p.shape[0])
    marginal = joint.mean(axis=1)
    doubt = -(p * np.log(p)).sum(axis=2).mean(axis=0)
    return -(marginal * np.log(marginal)).sum() - doubt[list(picks)].sum()


def greedy(logits: np.ndarray, labelled: np.ndarray, k: int) -> list[int]:
    picks: list[int] = []
    for _ in range(k):
        free = [i for i in np.flatnonzero(~labelled) if i not in picks]
        picks.append(int(max(free, key=lambda i: joint_information(logits, [*picks, i]))))
    return picks


@pytest.mark.parametrize("spread", [0.3, 1.5])
def test_agrees_with_an_exhaustive_greedy_loop(spread):
    """Whatever the key: all is exact."""
    for seed in range(4):
        logits = passes(seed, spread)
        labelled = np.random.default_rng(seed).random(N) < 0.3
        picks = exact(jax.random.key(seed), logits, labelled)
        np.testing.assert_array_equal(picks, greedy(logits, labelled, PICKS))


def test_agrees_with_scikit_activeml():
    reference = {name: np.array(value) for name, value in json.loads(GOLDEN.read_text()).items()}
    logits = reference["logits"].astype(np.float32)
    assert logits.shape[1] == N
    k = len(reference["batch_bald"])
    picks = jitted(key, logits, none, k=k, configurations=3 ** (k - 1))
    np.testing.assert_array_equal(picks, reference["batch_bald"])
    information = [joint_information(logits, picks[: i + 1]) for i in range(k)]
    np.testing.assert_allclose(information, reference["joint_information"], rtol=1e-5)


def test_sampled_picks_are_worth_as_much():
    """At 96 configurations, where scikit-activeml samples as many."""
    reference = {name: np.array(value) for name, value in json.loads(GOLDEN.read_text()).items()}
    logits = reference["logits"].astype(np.float32)
    k = len(reference["batch_bald"])
    keys = jax.random.split(key, 10)
    ours = [jitted(key, logits, none, k=k, configurations=96) for key in keys]
    ours = np.array([joint_information(logits, picks) for picks in ours])
    theirs = [joint_information(logits, p) for p in reference["batch_bald_of_96_samples"]]
    best = reference["joint_information"][-1]
    assert ours.mean() >= np.mean(theirs)
    assert ours.min() >= 0.985 * best


def test_picks_beyond_the_cap_follow_by_bald():
    logits = passes(1, 3.0)
    picks = np.asarray(jitted(key, logits, none, k=12, cap=3, configurations=EXACT))
    jointly = exact(key, logits, none)
    np.testing.assert_array_equal(picks[:3], jointly[:3])
    score = np.asarray(jax.vmap(bald, in_axes=1)(logits))
    rest = [i for i in np.argsort(-score) if i not in picks[:3]]
    np.testing.assert_array_equal(picks[3:], rest[:9])
    assert rest[0] != jointly[3]


def test_copies_are_not_bought_twice():
    """Where BALD takes copies of one point, BatchBALD takes one of them."""
    logits = passes(3)
    score = np.asarray(jax.vmap(bald, in_axes=1)(logits))
    best = int(score.argmax())
    copies = np.argsort(score)[:10]
    # A pass's mind is made up about the point: then its copies tell nothing new.
    logits[:, best] = 60.0 * np.eye(K)[np.arange(T) % K]
    logits[:, copies] = logits[:, [best]]
    picks = np.asarray(exact(key, logits, none))
    assert len({*picks.tolist()} & {best, *copies.tolist()}) == 1
    by_score = np.argsort(-np.asarray(jax.vmap(bald, in_axes=1)(logits)))[:PICKS]
    assert {*by_score.tolist()} <= {best, *copies.tolist()}


def test_what_adds_nothing_follows_by_bald():
    """Two points of certain answers tell all six passes apart: nothing is left to learn."""
    logits = passes(0, 0.3)
    logits[:, 0] = 0.0
    logits[:, 10] = 90.0 * np.eye(K)[[0, 1, 2, 0, 1, 2]]
    logits[:, 20] = 90.0 * np.eye(K)[[0, 0, 0, 1, 1, 1]]
    picks = np.asarray(jitted(key, logits, none, k=N, configurations=20))
    np.testing.assert_array_equal(picks[:2], [10, 20])
    score = np.asarray(jax.vmap(bald, in_axes=1)(logits))
    np.testing.assert_allclose(np.diff(score[picks[2:]]).clip(0), 0.0, atol=1e-6)
    assert picks[-1] == 0  # no pass disagrees about it
    assert sorted(picks.tolist()) == list(range(N))


def joint_after(keys, picks: list[int], logits: np.ndarray, configurations: int):
    """Masses `[S, M]` and posteriors `[S, M, T]` after the picks, for each key."""
    p = jax.nn.softmax(jnp.asarray(logits))

    def run(key):
        joint = module._nothing_known(configurations, logits.shape[0])
        for i, pick in enumerate(picks):
            joint = module._extend(jax.random.fold_in(key, i), joint, p[:, pick])
        return joint

    return jax.jit(jax.vmap(run))(keys)


def test_thinning_keeps_expectations():
    logits, picks = passes(0), [3, 1, 7]
    mass, posterior = joint_after(jax.random.split(key, 4000), picks, logits, 8)
    np.testing.assert_allclose(mass.sum(axis=1), 1.0, rtol=1e-5)
    assert (np.asarray(mass) > 0).all()  # 27 configurations on 8 places
    p = oracles.softmax(logits)
    q = np.einsum("ta,tb,tc->abct", *(p[:, i] for i in picks)).reshape(-1, T)
    expected = (q.mean(axis=1)[:, None] * (q / q.sum(axis=1, keepdims=True)) ** 2).sum(axis=0)
    found = np.einsum("sm,smt->st", mass, np.square(posterior))
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - expected) < 4.5 * error).all()
    assert found.std(axis=0).max() < 0.1
    # The likeliest keep their own mass, in every sample.
    largest = np.sort(q.mean(axis=1))[-1]
    np.testing.assert_allclose(np.asarray(mass).max(axis=1), largest, rtol=1e-4)


def test_nan_comes_last():
    logits = passes(0)
    logits[0, 5] = np.nan
    picks = np.asarray(jitted(key, logits, none, k=N, configurations=20))
    assert picks[-1] == 5
    assert len(set(picks.tolist())) == N


def test_memory_is_bounded():
    t, n, classes, m, chunk = 4, 5000, 3, 50, 20
    logits = jnp.zeros((t, n, classes))
    program = jax.make_jaxpr(
        lambda z, labelled: batch_bald(key, z, labelled, 30, configurations=m, chunk=chunk)
    )(logits, jnp.zeros(n, bool))
    assert oracles.largest_array(program) == t * n * classes < n * m


def test_errors():
    logits = jnp.zeros((T, N, K))
    with pytest.raises(ValueError, match=r"logits \[T, N, K\] of T passes .* got shape \(40, 3\)"):
        batch_bald(key, logits[0], none, 2)
    with pytest.raises(ValueError, match="batch_bald cannot pick k = 3 of 2 unlabelled"):
        batch_bald(key, logits, jnp.arange(N) > 1, 3)
    for name in ("cap", "configurations", "chunk"):
        with pytest.raises(ValueError, match=f"takes {name} as an integer of at least 1, got 0"):
            batch_bald(key, logits, none, 2, **{name: 0})
