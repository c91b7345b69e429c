"""Every config: what it says of itself, and that it is one."""

import dataclasses
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from jal.experiment import Experiment, SladeBranson, load_data
from jal.experiment.checks import check, check_agents
from jal.strategies import registry

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path.relative_to(ROOT) for path in (ROOT / "configs").rglob("*.py"))


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_a_config_is_an_experiment(path):
    made = runpy.run_path(str(ROOT / path))
    experiment = made["get_config"]()
    assert Experiment.from_json(json.loads(json.dumps(experiment.to_json()))) == experiment
    assert f"python launch/run.py {path}" in made["__doc__"]
    assert {len(experiment.batches(name)) for name in experiment.strategies} == {experiment.rounds}
    check_agents(experiment, registry)
    assert set(experiment.batch_of) | set(experiment.agents) <= set(experiment.strategies)
    assert set(experiment.reported) <= {"/".join(cell) for cell in experiment.cells()}
    for name, agent in experiment.agents.items():
        if isinstance(agent, SladeBranson):  # applied as it was trained
            assert agent.points == experiment.batches(name)[0]


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "mnist"])
def test_targets_from_scratch_are_a_share_of_the_pretrained_ones(name):
    """As the paper has them, to two digits."""
    said, made = [], []
    for path, of in ((name, "precision "), (f"{name}_scratch", "")):
        config = runpy.run_path(str(ROOT / "configs" / "abas_ral" / f"{path}.py"))
        said.append(float(re.search(rf"target {of}([\d.]+) %", config["__doc__"])[1]))
        made.append(config["get_config"]())
    assert [experiment.target for experiment in made] == [1.0, 0.85]
    assert abs(made[1].target * said[0] - said[1]) < 0.01
    if name == "cifar10":
        first, later = (one.reported["resnet50/abas_ral"] for one in made)
        assert (first["f1"], first["max_budget"]) == (0.4267, 0.1117)
        assert (later["precision"], later["max_accuracy"]) == (0.3969, 0.3953)
        assert "max_accuracy" not in made[0].reported["resnet50/entropy"]  # not legible
    assert [experiment.classifier for experiment in made] == ["pretrained", "scratch"]


def test_the_first_step_with_data_of_ones_own(tmp_path):
    """Of any size: configs/quickstart.py with --data.source npz:OWN."""
    config = runpy.run_path(str(ROOT / "configs" / "quickstart.py"))["get_config"]()
    assert len(load_data(config.data).test.y) == 797
    np.savez(tmp_path / "own.npz", x=np.random.default_rng(0).random((600, 3)), y=[0, 1, 2] * 200)
    own = load_data(dataclasses.replace(config.data, source=f"npz:{tmp_path / 'own.npz'}"))
    assert (len(own.train.y), len(own.test.y)) == (480, 120)
    check(config, own, registry)


def test_names_of_experiments_differ():
    names = [runpy.run_path(str(ROOT / path))["get_config"]().name for path in CONFIGS]
    assert len(set(names)) == len(names)
