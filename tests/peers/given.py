"""What the tests beside scikit-activeml share; importing it skips a module where it is missing."""

import importlib.util

import numpy as np
import threadpoolctl
from requirements import require

require(
    importlib.util.find_spec("skactiveml") is not None,
    "skactiveml",
    'pip install -e ".[peers]"',
)

from skactiveml.base import SkactivemlClassifier

# Their loops call small functions often, which threads only slow down, on a busy machine a lot.
threadpoolctl.threadpool_limits(1)

__all__ = ["Predicted", "missing"]


class Predicted(SkactivemlClassifier):
    """A fitted classifier that says what it was given, of whatever it is asked."""

    def __init__(self, probabilities: np.ndarray):
        super().__init__()
        self.probabilities = probabilities

    def fit(self, X, y, sample_weight=None):
        return self

    def predict_proba(self, X):
        assert len(X) == len(self.probabilities)
        return self.probabilities


def missing(labelled: np.ndarray) -> np.ndarray:
    """scikit-activeml's labels: a class where labelled, NaN elsewhere."""
    return np.where(labelled, 0.0, np.nan)
