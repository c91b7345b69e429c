"""Double deep Q-learning over candidate actions that have features, N of them at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

with warnings.catch_warnings():  # TensorFlow Probability's, which rlax brings along
    warnings.simplefilter("ignore", DeprecationWarning)
    import rlax

from jal.rl.q_networks import QNetwork
from jal.select.ties import argmax, k_largest
from jal.types import Array, PyTree

__all__ = ["DQN", "Candidates", "DQNState", "Transition", "dqn", "epsilon_greedy", "greedy"]

NEVER = -1e9  # value of an action that cannot be taken: finite, so that half of it is above it


class Candidates(NamedTuple):
    """What a Q-network sees: `state [S]`, `actions [A, F]`, and `mask [A]`, False for no action."""

    state: Array
    actions: Array
    mask: Array


class Transition(NamedTuple):
    """One step as the replay buffer stores it; the state after it is the next item's.

    Attributes:
      observation: what `Candidates` are made from.
      action: `[N]` int32, positions among the candidates.
      reward: `[]`.
      terminal: `[]` bool, whether the episode ended with it.
    """

    observation: PyTree
    action: Array
    reward: Array
    terminal: Array


class DQNState(NamedTuple):
    """`online` and `target` parameters, and the optimizer's state."""

    online: PyTree
    target: PyTree
    optimizer: PyTree


class DQN(NamedTuple):
    """A deep Q-learner as pure functions, unbatched in the seed.

    Attributes:
      init: `(key, bias []) -> DQNState`; bias is the output's at the start.
      values: `(params, observation) -> (values [A], mask [A])`.
      update: `(state, transitions [B], next observations [B]) -> (state, TD errors [B], loss [])`:
        one gradient step; the TD errors are those before it.
      candidates: `(observation) -> Candidates`.
      actions: N.
    """

    init: Callable[[Array, Array | float], DQNState]
    values: Callable[[PyTree, PyTree], tuple[Array, Array]]
    update: Callable[[DQNState, Transition, PyTree], tuple[DQNState, Array, Array]]
    candidates: Callable[[PyTree], Candidates]
    actions: int


def dqn(
    network: QNetwork,
    candidates: Callable[[PyTree], Candidates],
    *,
    actions: int = 1,
    discount: float = 1.0,
    learning_rate: float = 1e-3,
    target_rate: float = 0.01,
    target: Literal["double", "as_printed"] = "double",
) -> DQN:
    """Adam on the mean squared TD error, and a target network that follows slowly.

    The value of N actions taken together is the mean of their values, and the bootstrap the mean
    over the N best in the next state, so that N = 1 is double Q-learning (van Hasselt, 2016).

    Args:
      network: `(params, state, actions) -> values`.
      candidates: `(observation) -> Candidates`, unbatched.
      actions: N, how many are taken in a step.
      discount: gamma.
      learning_rate: Adam's.
      target_rate: share of the online network that the target takes in after every step.
      target: "double" selects with the online network and evaluates with the target network;
        "as_printed" the other way round (Slade and Branson, equation 4).
    """
    optimizer = optax.adam(learning_rate)

    def init(key: Array, bias: Array | float) -> DQNState:
        params = network.init(key, bias)
        # Buffers of its own: both are donated.
        return DQNState(params, jax.tree.map(jnp.copy, params), optimizer.init(params))

    def values(params: PyTree, observation: PyTree) -> tuple[Array, Array]:
        state, features, mask = candidates(observation)
        return network.apply(params, state, features), mask

    def bootstrap(selector: PyTree, evaluator: PyTree, observation: PyTree) -> Array:
        state, features, mask = candidates(observation)
        chosen = greedy(network.apply(selector, state, features), mask, actions)
        there = mask[chosen]
        total = jnp.sum(jnp.where(there, network.apply(evaluator, state, features[chosen]), 0.0))
        return total / jnp.maximum(jnp.sum(there), 1)

    def td_error(params: PyTree, slow: PyTree, step: Transition, following: PyTree) -> Array:
        # Only what is selected among needs the values of all candidates. For N = 1
        # rlax.double_q_learning has the same errors from all values: with LAL-RL's network and a
        # batch of 32 an update takes 1.4 (10 actions) to 3.6 times (1,000) as long on two cores.
        state, features, _ = candidates(step.observation)
        value = jnp.mean(network.apply(params, state, features[step.action]))
        online = jax.lax.stop_gradient(params)
        pair = (online, slow) if target == "double" else (slow, online)
        # After the end the next slot holds another episode, or nothing that has a value.
        # rlax stops the gradient by a select, through which an unwritten slot's NaN would come.
        ahead = jnp.where(step.terminal, 0.0, bootstrap(*pair, following))
        error: Any = rlax.td_learning(
            v_tm1=value,
            r_t=step.reward,
            discount_t=jnp.float32(discount),
            v_t=jax.lax.stop_gradient(ahead),
        )
        return error

    def update(
        state: DQNState, steps: Transition, following: PyTree
    ) -> tuple[DQNState, Array, Array]:
        def loss_of(params: PyTree) -> tuple[Array, Array]:
            errors = jax.vmap(td_error, in_axes=(None, None, 0, 0))(
                params, state.target, steps, following
            )
            return jnp.mean(jnp.square(errors)), errors

        (loss, errors), gradient = jax.value_and_grad(loss_of, has_aux=True)(state.online)
        updates, moments = optimizer.update(gradient, state.optimizer, state.online)
        online: Any = optax.apply_updates(state.online, updates)
        slow: Any = optax.incremental_update(online, state.target, target_rate)
        return DQNState(online, slow, moments), errors, loss

    return DQN(init, values, update, candidates, actions)


def greedy(values: Array, mask: Array, n: int = 1) -> Array:
    """`[n]` int32: the actions of the n highest values, highest first, ties by index."""
    masked = jnp.where(mask, values, NEVER)
    if n == 1:
        return jnp.argmax(masked).astype(jnp.int32)[None]
    return jax.lax.top_k(masked, n)[1].astype(jnp.int32)


def epsilon_greedy(
    key: Array, values: Array, mask: Array, epsilon: Array | float, n: int = 1
) -> Array:
    """`[n]` int32: with probability epsilon n actions uniformly, without repetition; else `greedy`.

    Of equal values the key decides. rlax's takes one action of all, without a mask.

    Args:
      key: a PRNG key.
      values: `[A]`.
      mask: `[A]` bool; False is not taken while there is another.
      epsilon: `[]`.
      n: static.
    """
    key_explore, key_uniform = jax.random.split(key)
    explore = jax.random.bernoulli(key_explore, epsilon)
    drawn = jax.random.uniform(key_uniform, mask.shape)
    # Of a network that diverged any action is as good, but for those that cannot be taken.
    values = jnp.where(jnp.isnan(values), NEVER / 2, values)
    masked = jnp.where(mask, jnp.where(explore, drawn, values), NEVER)
    return argmax(masked, drawn)[None] if n == 1 else k_largest(masked, n, key_uniform)
