"""Contracts as functions, for strategies, learners and agents of one's own.

Each raises an AssertionError whose message says what does not hold; jal's own pass all of them.
"""

from typing import TYPE_CHECKING, Any

from jal.testing.learners import check_learner
from jal.testing.rounds import linear_round
from jal.testing.strategies import check_strategy

if TYPE_CHECKING:
    from jal.testing.agents import check_agent

__all__ = ["check_agent", "check_learner", "check_strategy", "linear_round"]


def __getattr__(name: str) -> Any:
    if name == "check_agent":  # with rlax and all that agents need
        from jal.testing.agents import check_agent

        return check_agent
    raise AttributeError(f"module 'jal.testing' has no attribute {name!r}")
