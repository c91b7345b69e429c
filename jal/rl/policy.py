"""Policies on disk: written by Orbax, whole or not at all, with what made them beside them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from jal import files
from jal.code import find, is_code, reference
from jal.rl.abas_ral import AbasRal
from jal.rl.agent import Agent, Policy
from jal.rl.env import Goal
from jal.rl.lal_rl import LalRl
from jal.rl.slade_branson import SladeBranson
from jal.types import InputError, PyTree

__all__ = ["agent_classes", "load_policy", "save_policy"]

_AGENTS: dict[str, Any] = {kind.__name__: kind for kind in (AbasRal, LalRl, SladeBranson)}
_META = "policy.json"


def agent_classes() -> dict[str, Any]:
    """The agents' classes by their names."""
    return dict(_AGENTS)


def save_policy(folder: Path, agent: Agent, policy: Policy) -> None:
    """Writes a trained policy, of one training or of many; replaces one that is there.

    Args:
      folder: to make.
      agent: its options.
      policy: with its classifier, which need not be loaded again.
    """
    folder = Path(folder)
    making = folder.with_name(f".{folder.name}.tmp").resolve()
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(making / "policy", {"weights": policy.weights, "goal": policy.goal})
        if jax.tree.leaves(policy.classifier):
            checkpointer.save(making / "classifier", policy.classifier)
    meta = {
        "agent": {"type": _type_of(agent), **_options(agent)},
        "state_size": agent.trained_size(policy),
        "trainings": list(jnp.shape(policy.goal.quality)),
    }
    (making / _META).write_text(json.dumps(meta, indent=2) + "\n")
    files.seal(making)
    if folder.exists():
        shutil.rmtree(folder)
    making.rename(folder)
    files.sync(folder.parent)


def _type_of(agent: Agent) -> str:
    """The class's name; of one's own `package.module:class`, or in brackets what is none."""
    kind = type(agent)
    if _AGENTS.get(kind.__name__) is kind:
        return kind.__name__
    return reference(kind) or f"<{kind.__name__}>"


def _options(agent: Agent) -> dict[str, Any]:
    return dataclasses.asdict(agent) if dataclasses.is_dataclass(agent) else {}  # pyright: ignore


def load_policy(
    folder: Path,
    classifier: PyTree = None,
    agent: Agent | None = None,
    allow_code: bool = False,
) -> tuple[Agent, Policy]:
    """The agent's options and its policy, as they were saved.

    Args:
      folder: as given to `save_policy`.
      classifier: shapes and dtypes of the classifier's variables; without them it is left out.
      agent: the one that was saved, where its class is in no module.
      allow_code: whether the module of an agent that is not jal's may be imported.

    Raises:
      InputError: where the folder holds no policy, or a damaged one, or one of an agent whose code
        may not be imported.
    """
    folder = Path(folder)
    if not (folder / _META).is_file():
        raise InputError(f"{folder} holds no trained policy: it has no {_META}.")
    flaw = files.damaged(folder)
    if flaw:
        raise InputError(f"the policy in {folder} is damaged, in {flaw}: train it again.")
    try:
        meta = json.loads((folder / _META).read_text())
        saved = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in meta["agent"].items()
        }
        kind = str(saved.pop("type"))
        found: Agent = agent or _found(folder, kind, allow_code)(**saved)
        # By name: the config file that a class was defined in need not be imported any more.
        named = kind.strip("<>").rpartition(":")[2].rpartition(".")[2]
        if agent is not None and (type(agent).__name__, _options(agent)) != (named, saved):
            raise InputError(
                f"the policy in {folder} is of another agent than {_type_of(agent)} with these "
                "options: give the one that was trained."
            )
        lead = tuple(meta["trainings"])
        one = jax.eval_shape(lambda: found.network(meta["state_size"]).init(jax.random.key(0), 0.0))
        like = {
            "weights": jax.tree.map(lambda leaf: _like((*lead, *leaf.shape), leaf.dtype), one),
            "goal": jax.tree.map(lambda _: _like(lead, jnp.float32), Goal(0.0, 0.0)),
        }
        with ocp.StandardCheckpointer() as checkpointer:
            restored: Any = checkpointer.restore((folder / "policy").resolve(), like)
            seen: PyTree = () if classifier is None else classifier
            if jax.tree.leaves(classifier):
                seen = checkpointer.restore(
                    (folder / "classifier").resolve(),
                    jax.tree.map(lambda leaf: _like(leaf.shape, leaf.dtype), classifier),
                )
    except InputError:
        raise
    except Exception as error:  # Orbax raises errors of many types
        raise InputError(f"the policy in {folder} is damaged: train it again.") from error
    return found, Policy(restored["weights"], restored["goal"], seen)


def _found(folder: Path, kind: str, allow_code: bool) -> Any:
    """The class of the agent that a policy is of."""
    if kind.startswith("<"):
        raise InputError(
            f"the policy in {folder} is of the agent {kind[1:-1]}, which is in no module: load it "
            "with the agent that was trained, as load_policy(..., agent=...)."
        )
    if kind not in _AGENTS and not is_code(kind):
        raise InputError(
            f"the policy in {folder} is of the agent {kind}, which is none of "
            f"{', '.join(_AGENTS)}: train it again."
        )
    return find("agent", kind, _AGENTS, allow_code)


def _like(shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)
