"""Query strategies: the glue from a round to a selector, and the registry of them by name."""

from jal.strategies.from_selector import from_selector
from jal.strategies.registry import registry
from jal.strategies.strategy import by_score, is_shareable, one_of, stateless

__all__ = ["by_score", "from_selector", "is_shareable", "one_of", "registry", "stateless"]
