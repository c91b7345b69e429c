"""What the device can do at best: one large matrix product, and passes over memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.markdown import Table, number, reasons, rows_of
from bench.timing import Result, compiled, device, steady, without_cache
from bench.worker import Measurements

NOTE = """Products of two square matrices of random numbers, {size:,} wide, ten after one another in
one program on accelerators. float32 is JAX's default, which on NVIDIA's matrix units rounds inputs
to TF32; "highest" does not. A copy reads and writes every number, a sum only reads it."""


def devices() -> Result:
    """What JAX runs on."""
    import jax

    first = jax.devices()[0]
    return {"platform": first.platform, "device": first.device_kind, "count": jax.device_count()}


def peaks(size: int, mib: int) -> Measurements:
    """Matrix products `size` wide by type, then a copy and a sum of `mib` MiB."""
    without_cache()
    for name in ("float32", "float32, highest", "bfloat16"):
        yield f"product, {name}", lambda name=name: product(size, name)
    yield "copy", lambda: _memory(mib, copied=True)
    yield "sum", lambda: _memory(mib, copied=False)


def product(size: int, name: str) -> Result:
    """Operations a second of a matrix product, of a type and perhaps a precision."""
    import jax
    import jax.numpy as jnp

    dtype, _, precision = name.partition(", ")
    repeats = 1 if jax.default_backend() == "cpu" else 10  # in one program: its launch is no part

    def run(a: Any, b: Any) -> Any:
        def once(_: Any, b: Any) -> Any:
            return jnp.matmul(a, b, precision=precision or None)

        return jax.lax.fori_loop(0, repeats, once, b)

    keys = jax.random.split(jax.random.key(0))
    a, b = (jax.random.normal(key, (size, size), dtype) / size**0.5 for key in keys)
    program, found = compiled(run, a, b)
    seconds = steady(lambda: jax.block_until_ready(program(a, b)), budget=2.0)
    rate = repeats * 2.0 * size**3 / seconds
    return found | {"steady_s": seconds, "flops": rate, "size": size} | device()


def _memory(mib: int, copied: bool) -> Result:
    import jax
    import jax.numpy as jnp

    x = jax.random.normal(jax.random.key(0), (mib * 2**18,))
    f: Callable[[Any], Any] = (lambda x: x + 1) if copied else jnp.sum
    program, found = compiled(f, x)
    seconds = steady(lambda: jax.block_until_ready(program(x)), budget=1.0)
    rate = x.nbytes * (2 if copied else 1) / seconds
    return found | {"steady_s": seconds, "bytes_s": rate} | device()


def tables(part: Result) -> list[Table]:
    """Rates."""
    results = part["results"]
    columns: dict[str, Callable[[Result], str]] = {
        "TFLOP/s": lambda row: number(row["flops"] / 1e12) if "flops" in row else "",
        "GB/s": lambda row: number(row["bytes_s"] / 1e9) if "bytes_s" in row else "",
    }
    size = max((row.get("size", 0) for row in results.values()), default=0)
    rows = rows_of(results, columns, "peak")
    return [Table("Peaks of the device", rows, NOTE.format(size=size), reasons(results))]
