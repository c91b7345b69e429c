"""What does not fit is refused before anything runs, with what would fit."""

import jax
import jax.numpy as jnp
import numpy as np
import psutil
import pytest

from jal import memory
from jal.data import from_arrays
from jal.experiment import MLP, Execution, Experiment, LogisticRegression, Protocol, run
from jal.types import InputError

SMALL = Experiment(
    learners={"mlp": MLP(epochs=1)},
    queries=("random",),
    protocol=Protocol(seeds=4, rounds=1),
    execution=Execution(devices=1, seeds_at_once=8),
)


def pretend(monkeypatch, free: int):
    monkeypatch.setattr(memory, "free_bytes", lambda devices: free)


def test_data_that_do_not_fit(monkeypatch):
    pretend(monkeypatch, 1000)
    with pytest.raises(InputError, match=r"the data take 0 MiB on each of 1 devices, and"):
        run(SMALL, progress=False)


def test_fewer_devices_share_what_is_free():
    devices = jax.devices()[:4]
    free = memory.free_bytes(devices)
    assert 0 < free <= psutil.virtual_memory().total // 4
    with pytest.raises(InputError, match=r"give devices 2, or lower data\.image_size"):
        memory.check_data(free * 2 - free // 10, devices)
    memory.check_data(free // 2, devices)


def compiled(lanes: int):
    """A program that holds 4 MiB for each lane."""

    def f(x):
        return jnp.sum(jnp.sort(jnp.sin(x[:, None] + jnp.arange(2.0**20)), axis=1)[:, ::7])

    return jax.jit(f).lower(jnp.zeros(lanes)).compile()


def test_the_number_of_seeds_that_would_fit(monkeypatch):
    devices = jax.devices()[:1]
    need = compiled(8).memory_analysis().temp_size_in_bytes
    assert 32 * 2**20 <= need < 200 * 2**20
    pretend(monkeypatch, need + 1000)
    memory.check_program(compiled(8), "mlp", 8, devices)
    pretend(monkeypatch, need * 3 // 8 + 1000)
    with pytest.raises(InputError, match=r"mlp needs \d+ MiB .* seeds_at_once 3 would fit\."):
        memory.check_program(compiled(8), "mlp", 8, devices)
    pretend(monkeypatch, need // 9)
    with pytest.raises(
        InputError, match="even one would not: take a smaller predict_batch, network"
    ):
        memory.check_program(compiled(8), "mlp", 8, devices)


def test_the_runner_asks(monkeypatch):
    def refuse(compiled, learner, seeds, devices):
        assert compiled.memory_analysis().temp_size_in_bytes > 0
        raise InputError(f"{learner} {seeds} {len(devices)}")

    monkeypatch.setattr("jal.experiment.compiled.check_program", refuse)
    with pytest.raises(InputError, match="mlp 4 1"):
        run(SMALL, progress=False)


def test_what_a_learner_prepares(monkeypatch):
    """Refused before it is made: its axes, and the pool along them."""
    experiment = Experiment(
        learners={"wide": LogisticRegression()},
        queries=("random",),
        protocol=Protocol(seeds=1, rounds=1),
        execution=Execution(devices=1),
    )
    x, y = np.random.default_rng(0).normal(size=(500, 300)), np.arange(500) % 2
    pretend(monkeypatch, 500 * 300 * 4 + 100_000)  # less than both take
    with pytest.raises(
        InputError, match=r"wide takes \d MiB .* to prepare the pool, .*: lower data"
    ):
        run(experiment, dataset=from_arrays(x, y, x[:9], y[:9]), progress=False)
