"""Who says how hard XLA works."""

import pytest

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
