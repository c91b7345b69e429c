"""Experiments: configs, a runner that saves and resumes, and one tidy table of results."""

from __future__ import annotations

from jal.extras import require

require(
    "jal.experiment", "experiments", "filelock", "matplotlib", "orbax", "pandas", "pyarrow", "tyro"
)

import importlib
from typing import TYPE_CHECKING, Any

from jal.experiment.config import Execution, Experiment, Protocol, Shown
from jal.experiment.data_config import Corruption, Data, Imbalance, load_data
from jal.experiment.form import Code
from jal.experiment.frozen import Features
from jal.experiment.learner_configs import (
    CNN,
    LDA,
    MLP,
    SVC,
    LinearSVC,
    LogisticRegression,
    ResNet,
    Switch,
    ViT,
)
from jal.experiment.parts import Parts
from jal.experiment.queries import Learned, Query
from jal.experiment.results import Results, load
from jal.experiment.runner import Interrupted, resume, run
from jal.experiment.runs_compared import compare
from jal.experiment.runs_ranked import rank
from jal.experiment.starts import Balanced, Chosen, Indices, Random, Twisted
from jal.experiment.sweep import Sweep
from jal.experiment.swept import Swept
from jal.experiment.training_config import Training

if TYPE_CHECKING:
    from jal.experiment.trained import Trained, load_trained
    from jal.rl import AbasRal, LalRl, SladeBranson

__all__ = [
    "CNN",
    "LDA",
    "MLP",
    "SVC",
    "AbasRal",
    "Balanced",
    "Chosen",
    "Code",
    "Corruption",
    "Data",
    "Execution",
    "Experiment",
    "Features",
    "Imbalance",
    "Indices",
    "Interrupted",
    "LalRl",
    "Learned",
    "LinearSVC",
    "LogisticRegression",
    "Parts",
    "Protocol",
    "Query",
    "Random",
    "ResNet",
    "Results",
    "Shown",
    "SladeBranson",
    "Sweep",
    "Swept",
    "Switch",
    "Trained",
    "Training",
    "Twisted",
    "ViT",
    "compare",
    "load",
    "load_data",
    "load_trained",
    "rank",
    "resume",
    "run",
]

# Of agents, with rlax and all that it needs: imported when they are used.
_LATER = {
    "AbasRal": "jal.rl",
    "LalRl": "jal.rl",
    "SladeBranson": "jal.rl",
    "Trained": "jal.experiment.trained",
    "load_trained": "jal.experiment.trained",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'jal.experiment' has no attribute {name!r}")
