"""Who says how hard XLA works, and what is compiled for an agent's trainings."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import changed

from jal.experiment import Experiment, Protocol, SladeBranson, Training, compiled, program, run
from jal.experiment.compiled import compiler_options
from jal.experiment.training import training_program
from jal.parallel import seed_mesh


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


def recorder(monkeypatch, *modules):
    """What is asked for in these modules."""
    asked = []

    def recorded(platform, level):
        asked.append((platform, level))
        return compiler_options(platform, level)

    for module in modules:
        monkeypatch.setattr(module, "compiler_options", recorded)
    return asked


def test_what_runs_once_is_compiled_in_the_least_time(monkeypatch):
    """Data and rounds at level 1, the start at 0."""
    asked = recorder(monkeypatch, compiled, program)
    protocol = Protocol(seeds=1, rounds=1)
    run(Experiment(queries=("random",), protocol=protocol), progress=False)
    assert sorted(asked) == [("cpu", 0), ("cpu", 1), ("cpu", 1)]


def counting(epochs=1):
    """A training whose state is its key."""
    return SimpleNamespace(
        init=lambda key, warm: jax.random.key_data(key),
        run=lambda state, start, stop, train: state,
        warm=jnp.zeros(1),
        train=jnp.zeros(1),
        epochs=epochs,
    )


def test_an_agents_trainings_are_compiled_to_run_and_have_the_keys_of_their_numbers(monkeypatch):
    """Both programs are held against the memory."""
    held, asked = [], recorder(monkeypatch, compiled)
    monkeypatch.setattr(compiled, "check_program", lambda *given: held.append(given[1:3]))
    whole = Training(SladeBranson(), seeds=4, first_seed=10)

    def keys(training):
        numbers = training.seed_numbers()
        made = training_program(counting(), numbers, "agent", seed_mesh(1), 1)  # pyright: ignore
        return np.asarray(made.begin())

    every = keys(whole)
    assert len(np.unique(every, axis=0)) == 4
    assert held == [("agent", 1)] * 2  # one at a time
    np.testing.assert_array_equal(keys(changed(whole, splits=2, split=1)), every[1::2])
    np.testing.assert_array_equal(keys(changed(whole, seeds=2, first_seed=12)), every[2:])
    assert set(asked) == {("cpu", 1)}
