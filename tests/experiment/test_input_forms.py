"""The same digits as bytes, as floats and integers of any scale: learners learn as well."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from jal.data import from_arrays
from jal.experiment import CNN, MLP, LogisticRegression
from jal.types import Labels, Pool

X, Y = map(np.asarray, load_digits(return_X_y=True))
BYTES = (X * 15.9375).astype(np.uint8)  # 0..255
FORMS = {
    "bytes": BYTES,
    "0..255": BYTES.astype(np.float32),
    "0..1": BYTES / 255,
    "integers": BYTES.astype(np.int64),
    "shifted": BYTES + 1e3,
    "tiny": BYTES * 1e-6,
}
LEARNERS = {
    "mlp": MLP(hidden=(32,), epochs=20),
    "cnn": CNN(channels=(4, 8), hidden=(16, 16)),
    "logistic_regression": LogisticRegression(),
}


def outputs(name: str, x: np.ndarray, shape: tuple[int, ...] = (-1,), labels: int = 200):
    """Logits of the test set after so many labels; none: of an untrained network."""
    x = x.reshape(len(x), *shape)
    dataset = from_arrays(x[:1000], Y[:1000], x[1000:], Y[1000:])
    learner = LEARNERS[name].build(dataset, 200)

    @jax.jit
    def run(key, pool, test_x):
        data = learner.prepare(pool.x)
        variables = learner.init(key, data)
        if labels:
            known = Labels(jnp.arange(1000, dtype=jnp.int32), jnp.int32(labels))
            variables, _ = learner.fit(key, variables, data, pool.y, known, learner.hyper)
        return learner.predict(variables, test_x).logits

    pool = Pool(jnp.asarray(dataset.train.x), jnp.asarray(dataset.train.y))
    return run(jax.random.key(0), pool, jnp.asarray(dataset.test.x))


def test_an_mlp_learns_from_any_form():
    found = [(outputs("mlp", x).argmax(1) == Y[1000:]).mean() for x in FORMS.values()]
    assert max(found) - min(found) < 0.03 and min(found) > 0.8, dict(zip(FORMS, found, strict=True))


@pytest.mark.parametrize("form", ["0..255", "shifted", "tiny"])
def test_a_cnn_sees_the_same_in_any_form(form):
    found, expected = (outputs("cnn", FORMS[one], (8, 8, 1), 0) for one in (form, "bytes"))
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("name", ["mlp", "logistic_regression"])
def test_flat_bytes_are_bytes(name):
    """They give what images of the same bytes and their 255ths give."""
    flat = outputs(name, FORMS["bytes"])
    np.testing.assert_allclose(flat, outputs(name, FORMS["0..1"]), atol=2e-3)
    if name != "mlp":  # of images it standardises channels, not pixels
        np.testing.assert_allclose(flat, outputs(name, FORMS["bytes"], (8, 8, 1)), atol=2e-3)
