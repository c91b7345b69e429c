"""Who says how hard XLA works, and what is compiled for an agent's trainings."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jal.experiment.compiling import compiler_options

from jal.experiment import Experiment, agent_program, program, run


@pytest.mark.parametrize("flags", [None, "--xla_force_host_platform_device_count=4"])
def test_a_level_of_ours(monkeypatch, flags):
    monkeypatch.delenv("XLA_FLAGS")
    if flags is not None:
        monkeypatch.setenv("XLA_FLAGS", flags)
    for level in (0, 1):
        wanted = {"compiler_options": {"xla_backend_optimization_level": level}}
        assert compiler_options("cpu", level) == wanted
        assert compiler_options("gpu", level) == {}


def test_the_users_level_stands(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=3")
    assert compiler_options("cpu", 1) == {}


def test_what_runs_once_is_compiled_in_the_least_time(monkeypatch):
    """Data and rounds at level 1, the start at 0."""
    asked = []

    def recorded(platform, level):
        asked.append((platform, level))
        return compiler_options(platform, level)

    monkeypatch.setattr(program, "compiler_options", recorded)
    run(Experiment(strategies=("random",), seeds=1, rounds=1), progress=False)
    assert sorted(asked) == [("cpu", 0), ("cpu", 1), ("cpu", 1)]


def test_an_agents_trainings_are_compiled_to_run_and_have_the_keys_of_their_numbers(monkeypatch):
    """Of a training whose state is its key; both programs are held against the memory."""
    asked, held = [], []

    def recorded(platform, level):
        asked.append((platform, level))
        return compiler_options(platform, level)

    monkeypatch.setattr(agent_program, "compiler_options", recorded)
    monkeypatch.setattr(agent_program, "check_program", lambda *given: held.append(given[1:3]))
    training = SimpleNamespace(
        init=lambda key, warm: jax.random.key_data(key),
        run=lambda state, start, stop, train: state,
        warm=jnp.zeros(1),
        train=jnp.zeros(1),
        epochs=1,
    )
    whole = Experiment(trainings=4, first_seed=10)

    def keys(experiment):
        return np.asarray(agent_program.agent_program(experiment, "agent", training).begin())

    every = keys(whole)
    assert len(np.unique(every, axis=0)) == 4
    assert held == [("agent", 1)] * 2  # one at a time, on CPUs
    np.testing.assert_array_equal(keys(dataclasses.replace(whole, splits=2, split=1)), every[1::2])
    assert set(asked) == {("cpu", 1)}
