"""The agent of agents_peers.py: double deep Q-learning and its replay, without JAX."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

# What all trainings share, as in jal.rl.abas_ral.AbasRal; bench.agents_peers.Settings has the rest.
CAPACITY, BATCH, EXPONENT, ADDED = 50_000, 32, 3.0, 1e-4
LEARNING_RATE, DISCOUNT, TARGET_RATE = 1e-3, 1.0, 0.01


class Step(NamedTuple):
    """One step of an episode: its row in the replay, and the classifier after it."""

    row: np.ndarray
    reward: float
    cut: bool
    quality: float
    share: float


class QNetwork(nn.Module):
    """LAL-RL's: 10 sigmoids of the state; 5 of these and the action's feature; a linear output."""

    def __init__(self, states: int, bias: float):
        super().__init__()
        self.state, self.both, self.value = nn.Linear(states, 10), nn.Linear(11, 5), nn.Linear(5, 1)
        nn.init.constant_(self.value.bias, bias)

    def forward(self, states: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """`[B, S]` and `[B, A]` to values `[B, A]`."""
        hidden = torch.sigmoid(self.state(states))[:, None].expand(-1, features.shape[1], -1)
        both = self.both(torch.cat([hidden, features[..., None]], dim=2))
        return self.value(torch.sigmoid(both))[..., 0]


class DQN:
    """Double deep Q-learning over batch sizes 1..A."""

    def __init__(self, states: int, actions: int, bias: float):
        self.split = (states, states, 1, 1, 1, 1, 1)
        self.online = QNetwork(states, bias)
        self.slow = copy.deepcopy(self.online).requires_grad_(False)
        # Fused, a step takes two thirds of the time here.
        self.rule = torch.optim.Adam(self.online.parameters(), lr=LEARNING_RATE, fused=True)
        self.sizes = torch.arange(1, actions + 1, dtype=torch.float32)

    @torch.no_grad()
    def best(self, state: np.ndarray, largest: int, begun: int) -> int:
        """The batch size of the highest value."""
        features = self.sizes[None, :largest] / begun
        return 1 + int(self.online(torch.from_numpy(state)[None], features).argmax())

    def update(self, rows: np.ndarray) -> np.ndarray:
        """One gradient step on rows of the replay; the TD errors before it."""
        parts = torch.from_numpy(rows).split(self.split, dim=1)
        states, following, feature, reward, terminal, largest, begun = parts
        with torch.no_grad():
            features = self.sizes / begun
            values = self.online(following, features)
            values = values.masked_fill(self.sizes > largest, -torch.inf)
            best = features.gather(1, values.argmax(dim=1, keepdim=True))
            wanted = reward + DISCOUNT * (1 - terminal) * self.slow(following, best)
        errors = wanted - self.online(states, feature)
        self.rule.zero_grad()
        errors.square().mean().backward()
        self.rule.step()
        with torch.no_grad():
            pairs = zip(self.slow.parameters(), self.online.parameters(), strict=True)
            for slow, online in pairs:
                slow.lerp_(online, TARGET_RATE)
        return errors.detach().numpy()[:, 0]


class Replay:
    """A ring of rows, drawn by priority."""

    def __init__(self, states: int):
        # State, the following one, feature, reward, terminal, the following largest batch, |U_0|.
        self.rows = np.zeros((CAPACITY, 2 * states + 5), np.float32)
        self.weights = np.zeros(CAPACITY)
        self.next = self.filled = 0

    def add(self, steps: list[Step]) -> None:
        """With the largest priority there is; but for steps at which an episode was cut."""
        fresh = self.weights.max() or 1.0
        for step in steps:
            if not step.cut:
                self.rows[self.next], self.weights[self.next] = step.row, fresh
                self.next = (self.next + 1) % CAPACITY
                self.filled = min(self.filled + 1, CAPACITY)

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Indices and rows of a batch."""
        below = np.cumsum(self.weights[: self.filled])
        index = np.searchsorted(below, rng.random(BATCH) * below[-1], side="right")
        return index, self.rows[index]

    def update(self, index: np.ndarray, errors: np.ndarray) -> None:
        """Priorities of what was drawn."""
        self.weights[index] = (np.abs(errors) + ADDED) ** EXPONENT
