"""Every config: what it says of itself, and that it is one."""

import json
import runpy
from pathlib import Path

import pytest

from jal.experiment import Experiment

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path.relative_to(ROOT) for path in (ROOT / "configs").rglob("*.py"))


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_a_config_is_an_experiment(path):
    made = runpy.run_path(str(ROOT / path))
    experiment = made["get_config"]()
    assert Experiment.from_json(json.loads(json.dumps(experiment.to_json()))) == experiment
    assert f"python launch/run.py {path}" in made["__doc__"]
    assert len({len(experiment.batches(name)) for name in experiment.strategies}) == 1
    known = {*experiment.strategies}
    assert set(experiment.reported) | set(experiment.batch_of) | set(experiment.agents) <= known


def test_names_of_experiments_differ():
    names = [runpy.run_path(str(ROOT / path))["get_config"]().name for path in CONFIGS]
    assert len(set(names)) == len(names)
