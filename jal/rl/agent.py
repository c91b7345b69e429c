"""What the agents share: the data they are trained on, a trainer, and what it makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jal.memory import check_replay
from jal.rl.env import EnvParams, Goal
from jal.rl.q_networks import QNetwork
from jal.rl.replay import replay_bytes
from jal.rl.training import QLearning, TrainingState
from jal.types import Array, InputError, Learner, Parameters, Pool, PyTree, Strategy

__all__ = [
    "Agent",
    "AgentData",
    "Policy",
    "Trainer",
    "agent_data",
    "check_parts",
    "check_warm_start",
    "make_trainer",
    "parameters_of",
    "policy_of",
    "train",
    "trained_size",
]


_LOOKS = 100  # at the progress of a training


class AgentData(NamedTuple):
    """What an agent is trained on; the parts share no point, but for `warm` and `train`.

    Attributes:
      state_x: `[V, ...]` inputs of the state set.
      warm: the pool of the warm start.
      train: the pool of the agent's training; may be the warm start's own.
      holdout: where rewards are measured.
    """

    state_x: Array
    warm: Pool
    train: Pool
    holdout: Pool


class Policy(NamedTuple):
    """A trained agent; of T trainings, leaves have a leading axis `[T]`.

    Attributes:
      weights: the Q-network's parameters.
      goal: the quality to reach and the budget, from warm start.
      classifier: the variables that training's last episode ended with.
    """

    weights: PyTree
    goal: Goal
    classifier: PyTree


class Trainer(NamedTuple):
    """Trains one agent on one data set, as pure functions of one seed.

    Attributes:
      init: `(key, warm) -> TrainingState`, after warm start.
      run: `(state, start, stop, train) -> TrainingState`: epochs start to stop - 1.
      warm: the warm start's environment; its `variables` are each seed's own, and missing here.
      train: the agent's, likewise.
      epochs: in all.
      replay_bytes: of one seed's replay buffer.
    """

    init: Callable[[Array, EnvParams], TrainingState]
    run: Callable[[TrainingState, Array, Array, EnvParams], TrainingState]
    warm: EnvParams
    train: EnvParams
    epochs: int
    replay_bytes: int


class Agent(Protocol):
    """An agent's options, a frozen dataclass, and what is made of them."""

    def trainer(self, data: AgentData, learner: Learner, num_classes: int) -> Trainer:
        """The trainer of this agent; raises InputError where there can be none."""
        ...

    def strategy(self, policy: Policy, state_x: Array) -> Strategy:
        """The trained policy as a Strategy; raises InputError for another state's size."""
        ...

    def max_labels(self, data: AgentData, num_classes: int) -> int:
        """The most labels that an episode of its training may have."""
        ...

    def network(self, state_size: int) -> QNetwork:
        """The Q-network for states of so many numbers."""
        ...

    def trained_size(self, policy: Policy) -> int:
        """How many numbers the states have that the policy was trained on."""
        ...


def agent_data(
    x: np.ndarray,
    y: np.ndarray,
    holdout: Pool,
    num_classes: int,
    *,
    state: np.ndarray,
    warm: np.ndarray,
    train: np.ndarray,
) -> AgentData:
    """AgentData from indices into one data set.

    Args:
      x: `[N, ...]`.
      y: `[N]` classes 0..K-1.
      holdout: where rewards are measured; no part of x.
      num_classes: K.
      state: indices of the state set.
      warm: of the warm start's pool.
      train: of the training's pool.

    Raises:
      InputError: as `check_parts`.
    """
    check_parts(y, num_classes, state=state, warm=warm, train=train)

    def pool(part: np.ndarray) -> Pool:
        return Pool(jnp.asarray(x[part]), jnp.asarray(y[part], jnp.int32))

    return AgentData(jnp.asarray(x[state]), pool(warm), pool(train), holdout)


def check_parts(y: np.ndarray, num_classes: int, *, state: np.ndarray, **pools: np.ndarray) -> None:
    """Raises InputError where `state` shares points with a pool, or a pool is too small."""
    for name, pool in pools.items():
        shared = np.intersect1d(state, pool)
        if shared.size:
            raise InputError(
                f"the state set and the {name} pool share {shared.size} points, the first "
                f"{shared[0]}: give parts that share none, since the agent would see the "
                "classifier on points that it labels."
            )
        counts = np.bincount(y[pool], minlength=num_classes)
        if counts.min() < 2:
            raise InputError(
                f"the {name} pool has {counts.min()} points of class {counts.argmin()}, and an "
                "agent needs at least two of each class: give more data, or that part a larger "
                "share."
            )


def make_trainer(
    data: AgentData, learner: Learner, learning: QLearning, *, goal: Goal | None = None
) -> Trainer:
    """A Trainer by Q-learning whose classifier starts from each seed's own initial variables.

    Args:
      data: see AgentData.
      learner: the classifier.
      learning: of `q_learning`.
      goal: of the warm start's episodes; none that could be reached if None.
    """
    none = Goal(jnp.float32(jnp.inf), jnp.float32(jnp.inf))
    hyper = jax.tree.map(jnp.float32, learner.hyper)

    def params(pool: Pool) -> EnvParams:
        prepared = jax.jit(learner.prepare)(pool.x)
        return EnvParams(pool, prepared, data.holdout, data.state_x, (), hyper, goal or none)

    def init(key: Array, warm: EnvParams) -> TrainingState:
        key_classifier, key = jax.random.split(key)
        return learning.init(key, warm._replace(variables=learner.init(key_classifier, warm.data)))

    warm = params(data.warm)
    same = data.train is data.warm
    return Trainer(
        init,
        learning.run,
        warm,
        warm if same else params(data.train),
        learning.epochs,
        replay_bytes(jax.eval_shape(init, jax.random.key(0), warm).replay),
    )


def policy_of(state: TrainingState) -> Policy:
    """What a training has made so far."""
    return Policy(state.agent.online, state.goal, state.classifier)


def trained_size(agent: str, policy: Policy, network: Callable[[int], QNetwork]) -> int:
    """How many numbers the states have that the policy was trained on.

    Args:
      agent: its name.
      policy: of one training, or of T with a leading axis.
      network: the agent's, `(state_size) -> QNetwork`.

    Raises:
      InputError: where the policy's weights are of another network.
    """
    lead = jnp.ndim(policy.goal.quality)

    def shapes(tree: PyTree, lead: int) -> list[tuple[Any, tuple[int, ...]]]:
        leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
        return [(path, jnp.shape(leaf)[lead:]) for path, leaf in leaves]

    def untrained(size: int) -> list[tuple[Any, tuple[int, ...]]]:
        weights = jax.eval_shape(lambda: network(size).init(jax.random.key(0), 0.0))
        return shapes(weights, 0)

    own, smallest = shapes(policy.weights, lead), untrained(1)
    # The state enters the first layer, whose kernel has a row for each of its numbers.
    rows = {path: shape[0] for path, shape in smallest if len(shape) == 2}
    more = [shape[0] - rows[path] for path, shape in own if path in rows and len(shape) == 2]
    size = 1 + max(more, default=0)
    if size < 1 or own != untrained(size):
        raise InputError(
            f"the policy is of another Q-network than this {agent}'s: give the options that it was "
            "trained with, which load_policy reads."
        )
    return size


def parameters_of(policy: Policy, state_x: Array) -> Parameters:
    """What a learned Strategy brings along: a policy's weights, with a leading axis `[T]`."""
    single = jnp.ndim(policy.goal.quality) == 0
    own = jax.tree.map(lambda leaf: leaf[None], policy.weights) if single else policy.weights
    return Parameters(own, state_x)


def check_warm_start(
    agent: str, state: TrainingState, numbers: Sequence[int] | None = None
) -> None:
    """Raises InputError where warm start never reached the target.

    Args:
      agent: its name.
      state: after warm start; of one training, or of T with a leading axis.
      numbers: of the T trainings; from 0 if None.
    """
    found, goal = jax.tree.map(np.atleast_1d, (state.warm_result, state.goal))
    endless = (found.ended == 0) & (found.quality < goal.quality) & np.isinf(goal.budget)
    for training in np.flatnonzero(np.isinf(found.budget) | endless):
        number = training if numbers is None else numbers[int(training)]
        raise InputError(
            f"warm start of {agent}, training {number}, never reached the target of "
            f"{goal.quality[training]:.4g}: its best is {found.quality[training]:.4g}; lower the "
            "target, or give it more steps or episodes."
        )


def train(
    key: Array,
    data: AgentData,
    agent: Agent,
    learner: Learner,
    num_classes: int,
    *,
    progress: bool = True,
) -> tuple[Policy, TrainingState]:
    """Trains one agent with one seed, from warm start to the last epoch.

    For many seeds at once map `agent.trainer(...)` over them, as `jal.experiment` does.

    Args:
      key: the seed's.
      data: see AgentData.
      agent: which, with its options, such as `AbasRal(epochs=20)`.
      learner: the classifier.
      num_classes: K.
      progress: show it.

    Returns:
      the policy, and the state that it comes from with the training's history.

    Raises:
      InputError: where the agent cannot be trained on these data, or its replay buffer takes more
        memory than is free; after warm start, where that never reached the target.
    """
    name, trainer = type(agent).__name__, agent.trainer(data, learner, num_classes)
    check_replay(name, trainer.replay_bytes, 1, jax.devices()[:1])
    run, epochs = jax.jit(trainer.run, donate_argnums=0), trainer.epochs
    done, status = 0, ""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(quiet=not progress)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as shown:
        bar = shown.add_task(f"{name}: warm start", total=epochs)
        state = jax.block_until_ready(jax.jit(trainer.init)(key, trainer.warm))
        check_warm_start(name, state)
        for start in range(0, epochs, max(epochs // _LOOKS, 1)):
            stop = min(start + max(epochs // _LOOKS, 1), epochs)
            state = run(state, jnp.int32(start), jnp.int32(stop), trainer.train)
            returns = np.asarray(state.history["return"])
            done = int(np.isfinite(returns).sum())
            status = f"return {returns[done - 1]:.2f}"
            shown.update(bar, completed=done, description=f"{name}: {status}")
            if state.stopped:
                break
    console.print(f"trained {name}, {done} epochs: {status}", highlight=False)
    return policy_of(state), state
