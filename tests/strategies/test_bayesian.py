import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial
from reference import oracles

from jal import learners, metrics
from jal.episode import episode, look
from jal.labels import labelled_mask, revealed
from jal.scores import disagreement
from jal.strategies import bayesian, registry
from jal.types import InputError, Labels, Outputs, Round

N, K, D, LABELLED, PASSES = 50, 4, 3, 10, 6
NAMES = ["bald", "mean_std", "batch_bald"]
key = jax.random.key(7)


def noisy(noise: float, logits, key) -> Outputs:
    own = noise * jax.random.normal(key, logits.shape)
    return Outputs(logits + own, jnp.zeros((logits.shape[0], D)))


def make_round(noise: float = 1.0) -> Round:
    keys = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(keys[0], (N, D))
    logits = jax.random.normal(keys[1], (N, K))
    labels = Labels(jax.random.permutation(keys[2], N).astype(jnp.int32), jnp.int32(LABELLED))
    mask = labelled_mask(labels)
    y = jnp.where(mask, 0, -1)
    sample = Partial(noisy, noise, logits)
    return Round(x, y, labels, mask, (), jnp.zeros((N, K)), x, sample=sample)


def select(name: str, round_: Round, k: int, **options):
    strategy = getattr(bayesian, name)(**options)
    return jax.jit(lambda key, r: strategy.select(key, (), r, k)[0])(key, round_)


@pytest.mark.parametrize("name", ["bald", "mean_std"])
def test_picks_by_the_score_of_all_passes(name):
    round_ = make_round()
    assert round_.sample is not None
    passes = jax.random.split(jax.random.split(key)[1], PASSES)  # the other key is of ties
    logits = jax.lax.map(lambda key: round_.sample(key).logits, passes)
    score = np.array(jax.vmap(getattr(disagreement, name), in_axes=1)(logits))
    score[np.asarray(round_.labelled)] = -np.inf
    picks = select(name, round_, 12, passes=PASSES)
    np.testing.assert_array_equal(picks, np.argsort(-score)[:12])


def test_batch_bald_hands_everything_on(monkeypatch):
    round_, seen = make_round(), {}

    def spy(key, logits, labelled, k, **options):
        seen.update(options, logits=logits, labelled=labelled)
        return jnp.arange(k, dtype=jnp.int32)

    monkeypatch.setattr(bayesian.select, "batch_bald", spy)
    options = {"cap": 3, "configurations": 10, "chunk": 9}
    strategy = bayesian.batch_bald(passes=PASSES, **options)
    np.testing.assert_array_equal(strategy.select(key, (), round_, 4)[0], np.arange(4))
    assert {name: seen[name] for name in options} == options
    np.testing.assert_array_equal(seen["labelled"], round_.labelled)
    assert seen["logits"].shape == (PASSES, N, K)
    assert round_.sample is not None
    one = round_.sample(jax.random.split(jax.random.split(key)[1], PASSES)[2]).logits
    np.testing.assert_allclose(seen["logits"][2], one, atol=1e-6)


def test_small_deviations_are_not_lost():
    """Small ones rank as they should, where E p^2 - (E p)^2 would be mostly rounding."""
    scale = 1e-4 * (1.0 + np.random.default_rng(0).permutation(N)).astype(np.float32)
    base = jnp.zeros((N, 2))

    def sample(scale, base, key):
        # One number for all points: a point's deviation is in proportion to its scale.
        return Outputs(base.at[:, 0].add(scale * jax.random.normal(key)), base)

    round_ = make_round()._replace(sample=Partial(sample, jnp.asarray(scale), base))
    round_ = round_._replace(labelled=jnp.zeros(N, bool))
    np.testing.assert_array_equal(select("mean_std", round_, 10), np.argsort(-scale)[:10])


@pytest.mark.parametrize("name", ["bald", "mean_std"])
def test_memory_does_not_grow_with_the_passes(name):
    strategy = getattr(bayesian, name)(passes=50)
    program = jax.make_jaxpr(lambda r: strategy.select(key, (), r, 5)[0])(make_round())
    assert oracles.largest_array(program) == N * K


@pytest.mark.parametrize("name", NAMES)
def test_needs_dropout_and_no_outputs(name):
    strategy = registry[name]()
    assert strategy.needs == {"sample"}
    assert strategy.uses_outputs is False
    plain = learners.registry["mlp"]((64,), 10)
    with pytest.raises(ValueError, match="needs the learner's sample"):
        episode(plain, strategy, metrics.evaluator(["accuracy"]), 1, 2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("passes", [0, 1])
def test_one_pass_is_refused(name, passes):
    with pytest.raises(InputError, match=f"passes must be at least 2, got {passes}"):
        getattr(bayesian, name)(passes=passes)


def test_with_a_dropout_network(digits):
    """On a fitted network: picks are unlabelled, and its passes disagree on them more than most."""
    pool, _ = digits
    learner = learners.registry["mlp"]((64,), 10, dropout=0.5, epochs=3, max_labels=60)
    order = jnp.asarray(np.random.default_rng(0).permutation(1000), jnp.int32)
    labels = Labels(order, jnp.int32(60))
    data = learner.prepare(pool.x)

    @jax.jit
    def run(pool, data):
        start = learner.init(key, data)
        variables, _ = learner.fit(key, start, data, pool.y, labels, learner.hyper)
        seen = look(
            learner, variables, pool.x, data, revealed(pool.y, labels), labels, learner.hyper, False
        )
        picks = bayesian.bald(passes=4).select(key, (), seen, 20)[0]
        samples = jax.lax.map(lambda key: seen.sample(key).logits, jax.random.split(key, 30))
        return picks, jax.vmap(disagreement.bald, in_axes=1)(samples)

    picks, score = jax.device_get(run(pool, data))
    assert len(set(picks.tolist())) == 20
    assert not np.isin(picks, order[:60]).any()
    assert score[picks].mean() > 1.2 * score.mean()
