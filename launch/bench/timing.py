"""The one way to time: warm, the median of several runs, compilation apart."""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = [
    "Result",
    "compiled",
    "compiler_options",
    "cpu_devices",
    "device",
    "peak_mib",
    "steady",
    "without_cache",
]

Result = dict[str, Any]


def steady(run: Callable[[], Any], budget: float = 4.0, long: float = 5.0) -> float:
    """Median seconds of warm runs: at least three, at most twenty, for about `budget` seconds.

    A first run of over `long` seconds is the only one: what warms up is little of it.
    """
    times = [_seconds(run)]
    if times[0] > long:
        return times[0]
    times.clear()
    while len(times) < 3 or (sum(times) < budget and len(times) < 20):
        times.append(_seconds(run))
    return statistics.median(times)


def _seconds(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def compiled(f: Callable[..., Any], *inputs: Any, **options: Any) -> tuple[Any, Result]:
    """The program of `f` on these inputs; its `compile_s`, and `program_mib`, all that it holds.

    Args:
      f: a function of arrays, perhaps jitted already.
      inputs: arrays, or their shapes.
      options: of `jax.jit`.
    """
    import jax

    began = time.perf_counter()
    jitted = f if hasattr(f, "lower") else jax.jit(f, **options)
    program = jitted.lower(*inputs).compile()
    found: Result = {"compile_s": time.perf_counter() - began}
    memory = program.memory_analysis()
    if memory is not None:
        sizes = ("argument", "output", "temp")
        held = sum(getattr(memory, f"{name}_size_in_bytes") for name in sizes)
        found["program_mib"] = (held - memory.alias_size_in_bytes) / 2**20
        found["temp_mib"] = memory.temp_size_in_bytes / 2**20
    return program, found


def compiler_options() -> Result:
    """For `jax.jit`, as jal.experiment compiles: faster on CPUs, to code that runs as fast."""
    import jax

    flag = "xla_backend_optimization_level"
    if jax.default_backend() != "cpu" or flag in os.environ.get("XLA_FLAGS", ""):
        return {}
    return {"compiler_options": {flag: 1}}


def without_cache() -> None:
    """Compiles everything: no time is that of reading a program from the disk."""
    import jax

    jax.config.update("jax_enable_compilation_cache", False)


def cpu_devices(count: int | None = None) -> None:
    """A JAX device for each of `count` cores, at most all; before JAX is first used."""
    import jax

    cores = os.cpu_count() or 1
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        jax.config.update("jax_num_cpu_devices", min(count or cores, cores))


def peak_mib() -> float:
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage counts the parent's memory at the fork too
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def device() -> Result:
    """An accelerator's name and the peak of its memory in this process; nothing on CPUs."""
    import jax

    device = jax.devices()[0]
    peak = (device.memory_stats() or {}).get("peak_bytes_in_use", 0)
    found = {"device": device.device_kind, "device_mib": peak / 2**20}
    return {} if device.platform == "cpu" else found
