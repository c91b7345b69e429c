"""Experiments: a config, a runner that saves and resumes, and one tidy table of results."""

from jal.experiment.config import MLP, Data, Experiment, LogisticRegression
from jal.experiment.results import Results, load
from jal.experiment.runner import Interrupted, resume, run

__all__ = [
    "MLP",
    "Data",
    "Experiment",
    "Interrupted",
    "LogisticRegression",
    "Results",
    "load",
    "resume",
    "run",
]
