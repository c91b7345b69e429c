"""Options that all agents share, and what is made of them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from jal.rl.dqn import DQN, Candidates, dqn
from jal.rl.q_networks import QNetwork
from jal.rl.replay import Replay, prioritised_replay
from jal.rl.training import Schedule
from jal.strategies.strategy import check_positive
from jal.types import InputError, PyTree

__all__ = ["AgentOptions", "check_shares"]


@dataclasses.dataclass(frozen=True)
class AgentOptions:
    """Of the deep Q-learner, its replay buffer and its schedule; defaults are LAL-RL's."""

    variant: ClassVar[bool] = True  # as JSON it says its class

    epochs: int = 1000
    """Epochs of training."""
    episodes: int = 10
    """Episodes in each epoch."""
    updates: int = 60
    """Gradient steps of the Q-network after each epoch."""
    warm_episodes: int = 128
    """Episodes of random actions, before anything is learned."""
    learning_rate: float = 1e-3
    """Learning rate of the Q-network's Adam."""
    discount: float = 1.0
    """Discount of later rewards."""
    batch_size: int = 32
    """Transitions in a gradient step."""
    capacity: int = 10_000
    """Transitions that the replay buffer holds."""
    exponent: float = 3.0
    """Exponent of the TD error in the replay's priorities; 0 replays uniformly."""
    target_rate: float = 0.01
    """Rate at which the target network follows the online one, in each gradient step."""
    epsilon: tuple[float, float] = (1.0, 0.1)
    """Share of random actions in the first epoch and at the end of exploration."""
    exploration: float = 1.0
    """Share of the epochs over which epsilon falls."""
    episodes_at_once: int = 1
    """Episodes that are vmapped together."""

    def __post_init__(self) -> None:
        """Raises InputError for an option that is none of those it may be."""
        for option, hint in typing.get_type_hints(type(self)).items():
            known, value = typing.get_args(hint), getattr(self, option)
            if typing.get_origin(hint) is Literal and value not in known:
                raise InputError(
                    f"{option} of {type(self).__name__} must be {' or '.join(map(repr, known))}, "
                    f"got {value!r}."
                )

    def dqn(
        self,
        network: QNetwork,
        candidates: Callable[[PyTree], Candidates],
        actions: int = 1,
        target: Literal["double", "as_printed"] = "double",
    ) -> DQN:
        """The deep Q-learner."""
        return dqn(
            network,
            candidates,
            actions=actions,
            discount=self.discount,
            learning_rate=self.learning_rate,
            target_rate=self.target_rate,
            target=target,
        )

    def replay(self, capacity: int) -> Replay:
        """The buffer."""
        return prioritised_replay(capacity, exponent=self.exponent)

    def schedule(self, **others: Any) -> Schedule:
        """How much of what; `others` are an agent's own fields of it."""
        return Schedule(
            warm_episodes=self.warm_episodes,
            epochs=self.epochs,
            episodes=self.episodes,
            updates=self.updates,
            batch_size=self.batch_size,
            epsilon=self.epsilon,
            exploration=self.exploration,
            episodes_at_once=self.episodes_at_once,
            **others,
        )

    def check_learning(self, agent: str, capacity: int, steps: int) -> None:
        """Raises InputError for options that cannot be, in episodes of at most `steps` steps."""
        check_positive(agent, learning_rate=self.learning_rate)
        check_shares(agent, discount=self.discount, target_rate=self.target_rate)
        least = max(self.batch_size, self.episodes * steps)
        if capacity < least:
            raise InputError(
                f"a replay buffer of {capacity} transitions is too small for a batch of "
                f"{self.batch_size} and an epoch's {self.episodes} episodes of up to {steps} "
                f"steps: give a capacity of {least} or more."
            )


def check_shares(agent: str, **options: float | None) -> None:
    """Raises InputError for the first option that is given and no share in (0, 1]."""
    for option, value in options.items():
        if value is not None and not 0 < value <= 1:
            raise InputError(f"{option} of {agent} must be a share in (0, 1], got {value}.")
