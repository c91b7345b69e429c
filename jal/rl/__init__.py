"""Labelling as a Markov decision process: environments, deep Q-learning, three papers' agents."""

from jal.rl.abas_ral import AbasRal
from jal.rl.agent import (
    Agent,
    AgentData,
    Policy,
    Training,
    agent_data,
    check_parts,
    policy_of,
    train,
)
from jal.rl.dqn import DQN, Candidates, DQNState, Transition, dqn, epsilon_greedy, greedy
from jal.rl.env import (
    Actor,
    Environment,
    EnvParams,
    EnvState,
    Goal,
    Progress,
    environment,
)
from jal.rl.lal_rl import LalRl
from jal.rl.replay import Replay, ReplayState, prioritised_replay, replay_bytes
from jal.rl.slade_branson import SladeBranson
from jal.rl.training import Schedule, Trainer, TrainingState, Trajectory, Warmth, rollout, trainer

__all__ = [
    "DQN",
    "AbasRal",
    "Actor",
    "Agent",
    "AgentData",
    "Candidates",
    "DQNState",
    "EnvParams",
    "EnvState",
    "Environment",
    "Goal",
    "LalRl",
    "Policy",
    "Progress",
    "Replay",
    "ReplayState",
    "Schedule",
    "SladeBranson",
    "Trainer",
    "Training",
    "TrainingState",
    "Trajectory",
    "Transition",
    "Warmth",
    "agent_data",
    "check_parts",
    "dqn",
    "environment",
    "epsilon_greedy",
    "greedy",
    "policy_of",
    "prioritised_replay",
    "replay_bytes",
    "rollout",
    "train",
    "trainer",
]
