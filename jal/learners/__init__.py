"""Classifiers as pure functions, and the registry of them by name."""

from jal.learners.logistic_regression import logistic_regression
from jal.learners.registry import registry
from jal.learners.sgd import sgd

__all__ = ["logistic_regression", "registry", "sgd"]
