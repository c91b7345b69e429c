"""Whether a run fits into memory, found out before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psutil

from jal.types import InputError

__all__ = ["check_data", "check_prepared", "check_program", "check_replay", "free_bytes"]

_GIB = 2**30


def free_bytes(devices: Sequence[Any]) -> int:
    """Bytes that may still be allocated on each device; CPU devices share the machine's."""
    if devices[0].platform == "cpu":
        return psutil.virtual_memory().available // len(devices)
    stats = [device.memory_stats() or {} for device in devices]
    if not all("bytes_limit" in one for one in stats):
        return 2**63 - 1  # a platform that does not say
    return min(one["bytes_limit"] - one["bytes_in_use"] for one in stats)


def check_data(needed: int, devices: Sequence[Any]) -> None:
    """Raises InputError where the data, `needed` bytes, do not fit on each of the devices."""
    free = free_bytes(devices)
    if needed > free:
        raise InputError(
            f"the data take {_size(needed)} on each of {len(devices)} devices, and {_size(free)} "
            f"are free: {_fewer_devices(needed, free, devices)}lower data.image_size or "
            "data.train_share."
        )


def check_replay(agent: str, needed: int, trainings: int, devices: Sequence[Any]) -> None:
    """Raises InputError where the replay buffers of all trainings do not fit on the devices."""
    each = -(-trainings // len(devices))
    free = free_bytes(devices)
    if each * needed > free:
        raise InputError(
            f"the replay buffers of {agent} take {_size(needed)} for each of {trainings} "
            f"trainings, {_size(each * needed)} on each of {len(devices)} devices, and "
            f"{_size(free)} are free: lower the agent's capacity, its state, or trainings."
        )


def check_program(compiled: Any, learner: str, seeds: int, devices: Sequence[Any]) -> None:
    """Raises InputError where a compiled program needs more memory than is free.

    Args:
      compiled: by XLA, which has planned its memory.
      learner: whose program it is.
      seeds: vmapped together on each device.
      devices: that it runs on.
    """
    needed, free = _needed(compiled), free_bytes(devices)
    if needed <= free:
        return
    fit = seeds * free // needed
    if fit >= 1:
        advice = f"seeds_at_once {fit} would fit."
    else:
        fewer = _fewer_devices(needed // seeds, free, devices)
        advice = f"even one would not: {fewer}take a smaller predict_batch, network or pool."
    raise InputError(
        f"{learner} needs {_size(needed)} on each device for {seeds} seeds at once, and "
        f"{_size(free)} are free: {advice}"
    )


def check_prepared(compiled: Any, learner: str, devices: Sequence[Any]) -> None:
    """Raises InputError where what a learner makes of the pool beforehand does not fit.

    Args:
      compiled: its `prepare`, by XLA.
      learner: whose it is.
      devices: that each get a copy of it.
    """
    needed, free = _needed(compiled), free_bytes(devices)
    if needed > free:
        raise InputError(
            f"{learner} takes {_size(needed)} on each of {len(devices)} devices to prepare the "
            f"pool, and {_size(free)} are free: {_fewer_devices(needed, free, devices)}lower "
            "data.train_share, or make the inputs fewer by data.features."
        )


def _needed(compiled: Any) -> int:
    """Bytes beside the arguments; 0 on a platform that does not say."""
    plan = compiled.memory_analysis()
    if plan is None:
        return 0
    return plan.temp_size_in_bytes + plan.output_size_in_bytes - plan.alias_size_in_bytes


def _fewer_devices(needed: int, free: int, devices: Sequence[Any]) -> str:
    """CPU devices share memory, so that fewer of them have more each."""
    count = free * len(devices) // needed
    shared = devices[0].platform == "cpu" and 1 <= count < len(devices)
    return f"give devices {count}, or " if shared else ""


def _size(count: int) -> str:
    return f"{count / _GIB:.1f} GiB" if count >= _GIB else f"{count / 2**20:.0f} MiB"
