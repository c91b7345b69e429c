"""Strategies by name: `registry[name](**options) -> Strategy`."""

from __future__ import annotations

from jal.strategies import (
    alamp,
    bayesian,
    bral_t,
    clusters,
    committee,
    loss_prediction,
    saal,
    selected,
    streams,
    uncertainty,
    vaal,
    waal,
)
from jal.strategies.strategy import Registered

__all__ = ["registry"]

_MODULES = (
    uncertainty,
    alamp,
    bayesian,
    committee,
    selected,
    saal,
    clusters,
    streams,
    loss_prediction,
    waal,
    vaal,
    bral_t,
)

registry: dict[str, Registered] = {
    member.name: member for module in _MODULES for member in module.members
}
