"""Every config: what it says of itself, and that it is one."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

from jal.experiment import Experiment, SladeBranson, Sweep, Training, load_data
from jal.experiment.checks import check
from jal.experiment.config_file import load_config

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path.relative_to(ROOT) for path in (ROOT / "configs").rglob("[!_]*.py"))


def all_of(path) -> tuple[Training | Experiment | Sweep, ...]:
    made = load_config(ROOT / path)
    return made if isinstance(made, tuple) else (made,)


def steps_of(path) -> tuple[dict[str, Training], Experiment]:
    """A config's trainings by name, and the experiment that comes last, or that is swept."""
    *before, last = all_of(path)
    experiment = last.experiment if isinstance(last, Sweep) else last
    return {one.name: one for one in before if isinstance(one, Training)}, experiment


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_a_config_is_what_it_says(path):
    steps = all_of(path)
    for one in steps:
        read = type(one).from_json(json.loads(json.dumps(one.to_json())))
        assert read.to_json() == one.to_json()  # by names, where it brings code
        one.check()
    text = (ROOT / path).read_text()
    assert f"python launch/run.py {path}" in text
    for one in steps:
        if isinstance(one, Experiment):
            rounds = one.protocol.rounds
            assert {len(one.batches(query)) for query in one.queries} == {rounds}
    trainings, experiment = steps_of(path)
    assert {query.training for query in experiment.learned()} == set(trainings)


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_agents_are_compared_where_they_were_trained(path):
    """On other parts of the same data, with the same learner, and by batches of as many points."""
    trainings, experiment = steps_of(path)
    for query in experiment.learned():
        training = trainings[query.training]
        assert training.data == experiment.data
        assert training.splits == experiment.protocol.splits
        learners = [name for name, one in experiment.cells() if one is query]
        assert [experiment.learners[name] for name in learners] == [training.learner]
        if isinstance(training.agent, SladeBranson):
            assert training.agent.points == experiment.batches(query)[0]


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "mnist"])
def test_targets_from_scratch_are_a_share_of_the_pretrained_ones(name):
    """As the paper has them, to two digits."""
    said, made = [], []
    for path, of in ((name, "precision "), (f"{name}_scratch", "")):
        file = ROOT / "configs" / "abas_ral" / f"{path}.py"
        said.append(float(re.search(rf"target {of}([\d.]+) %", file.read_text())[1]))
        made.append(steps_of(file)[1])
    shown = [experiment.shown for experiment in made]
    assert [one.target for one in shown] == [1.0, 0.85]
    assert abs(shown[1].target * said[0] - said[1]) < 0.01
    if name == "cifar10":
        first, later = (one.reported["resnet50/abas_ral"] for one in shown)
        assert (first["f1"], first["max_budget"]) == (0.4267, 0.1117)
        assert (later["precision"], later["max_accuracy"]) == (0.3969, 0.3953)
        assert "max_accuracy" not in shown[0].reported["resnet50/entropy"]  # not legible
    assert [one.protocol.classifier for one in made] == ["agents", "untrained"]


def test_the_first_step_with_data_of_ones_own(tmp_path):
    """Of any size: configs/quickstart.py with --data.source npz:OWN."""
    _, experiment = steps_of("configs/quickstart.py")
    assert len(load_data(experiment.data).test.y) == 797
    np.savez(tmp_path / "own.npz", x=np.random.default_rng(0).random((600, 3)), y=[0, 1, 2] * 200)
    own = load_data(dataclasses.replace(experiment.data, source=f"npz:{tmp_path / 'own.npz'}"))
    assert (len(own.train.y), len(own.test.y)) == (480, 120)
    check(experiment, own, {}, allow_code=False)


def test_a_config_imports_what_lies_beside_it(tmp_path):
    """Not what lay beside the one before it, though it has the same name."""
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "common_name.py").write_text(f"NAME = {name!r}\n")
        (folder / "config.py").write_text(
            "import common_name\n"
            "from jal.experiment import Experiment\n"
            "def get_config():\n    return Experiment(name=common_name.NAME)\n"
        )
    names = [load_config(tmp_path / name / "config.py").name for name in ("a", "b", "a")]
    assert names == ["a", "b", "a"]


def test_names_of_experiments_differ():
    names = [steps_of(path)[1].name for path in CONFIGS]
    assert len(set(names)) == len(names)
