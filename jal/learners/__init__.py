"""Classifiers as pure functions, and the registry of them by name."""

from jal.learners.lda import lda
from jal.learners.linear_svc import linear_svc
from jal.learners.logistic_regression import logistic_regression
from jal.learners.on_features import on_features
from jal.learners.registry import registry
from jal.learners.sgd import adam, nesterov, sgd
from jal.learners.svc import svc
from jal.learners.switching import switching
from jal.learners.thresholding import thresholded

__all__ = [
    "adam",
    "lda",
    "linear_svc",
    "logistic_regression",
    "nesterov",
    "on_features",
    "registry",
    "sgd",
    "svc",
    "switching",
    "thresholded",
]
