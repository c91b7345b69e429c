"""Who says how hard XLA works."""

import pytest

from jal.experiment import Experiment, program, run
from jal.experiment.compiling import compiler_options


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
