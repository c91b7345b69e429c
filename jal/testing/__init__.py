"""Contracts as functions, for strategies, learners and agents of one's own.

Each raises an AssertionError whose message says what does not hold; jal's own pass all of them.
"""

from jal.testing.agents import check_agent
from jal.testing.learners import check_learner
from jal.testing.rounds import linear_round
from jal.testing.strategies import check_strategy

__all__ = ["check_agent", "check_learner", "check_strategy", "linear_round"]
