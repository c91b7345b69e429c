"""A learner fitted on chosen points of a pool; each configuration of one is compiled once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jal.types import Labels, Learner, Pool


@functools.cache
def compiled(factory, shape, num_classes, options):
    learner = factory(shape, num_classes, **dict(options))
    return learner, jax.jit(learner.fit), jax.jit(learner.predict)


def labels_of(pool: Pool, index) -> Labels:
    """`index` labelled, in its order."""
    rest = np.setdiff1d(np.arange(len(pool.y)), index)
    return Labels(jnp.asarray(np.r_[index, rest], jnp.int32), jnp.int32(len(index)))


def fit_on(factory, pool: Pool, index, C=1.0, start=None, num_classes=10, **options):
    """The learner, its variables and info after fitting on `index`."""
    learner, run, _ = compiled(factory, pool.x.shape[1:], num_classes, tuple(options.items()))
    data = learner.prepare(pool.x)
    start = learner.init(jax.random.key(0), data) if start is None else start
    hyper = learner.hyper._replace(C=jnp.float32(C))
    variables, info = run(jax.random.key(0), start, data, pool.y, labels_of(pool, index), hyper)
    return learner, variables, {name: float(value) for name, value in info.items()}


def fit_and_predict(factory, pool: Pool, index, x, C=1.0, start=None, num_classes=10, **options):
    """Variables, info and the logits of x after fitting on `index`."""
    fitted: tuple[Learner, tuple, dict] = fit_on(
        factory, pool, index, C, start, num_classes, **options
    )
    _, _, predict = compiled(factory, pool.x.shape[1:], num_classes, tuple(options.items()))
    return *fitted[1:], np.asarray(predict(fitted[1], jnp.asarray(x)).logits)
