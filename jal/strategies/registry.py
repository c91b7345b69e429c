"""Strategies by name: `registry[name](**options) -> Strategy`."""

from __future__ import annotations

from jal.strategies import (
    active_ft,
    alamp,
    bayesian,
    clusters,
    committee,
    galaxy,
    geometry,
    gradients,
    loss_prediction,
    similar,
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
    geometry,
    clusters,
    active_ft,
    gradients,
    similar,
    galaxy,
    streams,
    loss_prediction,
    waal,
    vaal,
)

registry: dict[str, Registered] = {
    member.name: member for module in _MODULES for member in module.members
}
