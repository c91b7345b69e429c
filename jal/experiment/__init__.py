"""Experiments: a config, a runner that saves and resumes, and one tidy table of results."""

from jal.experiment.agent_configs import AbasRal, LalRl, Parts, Saved, SladeBranson
from jal.experiment.comparison import compare
from jal.experiment.config import Experiment
from jal.experiment.data_config import Corruption, Data, Features, Imbalance, load_data
from jal.experiment.learner_configs import (
    CNN,
    MLP,
    SVC,
    LinearSVC,
    LogisticRegression,
    ResNet,
    ViT,
)
from jal.experiment.results import Results, load
from jal.experiment.runner import Interrupted, resume, run

__all__ = [
    "CNN",
    "MLP",
    "SVC",
    "AbasRal",
    "Corruption",
    "Data",
    "Experiment",
    "Features",
    "Imbalance",
    "Interrupted",
    "LalRl",
    "LinearSVC",
    "LogisticRegression",
    "Parts",
    "ResNet",
    "Results",
    "Saved",
    "SladeBranson",
    "ViT",
    "compare",
    "load",
    "load_data",
    "resume",
    "run",
]
