"""Strategies by name: `registry[name](**options) -> Strategy`."""

from __future__ import annotations

from jal.strategies import geometry, uncertainty
from jal.strategies.strategy import Registered

__all__ = ["registry"]

registry: dict[str, Registered] = {
    member.name: member for module in (uncertainty, geometry) for member in module.members
}
