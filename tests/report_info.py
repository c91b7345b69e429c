"""What the report's tests say of a run beside its table."""

__all__ = ["INFO"]

INFO = {
    "seconds": 12.4,
    "compile_seconds": 3.6,
    "device": "cpu",
    "jal": "0.1",
    "jax": "0.10",
    "resumed": False,
}
