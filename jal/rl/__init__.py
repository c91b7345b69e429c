"""Labelling as a Markov decision process: environments, deep Q-learning, three papers' agents.

An agent of one's own is an `environment` of these parts: a start, an actor (`batch_actor`,
`point_actor`), an observer (`observe_batches`, `observe_points`), a quality, a reward and a
terminal rule; a `dqn` with a `prioritised_replay` learns on it by `q_learning`.
"""

from jal.extras import require

require("jal.rl", "rl", "orbax", "rlax")


from jal.rl.abas_ral import AbasRal, batch_actor
from jal.rl.agent import (
    Agent,
    AgentData,
    Policy,
    Trainer,
    agent_data,
    check_parts,
    make_trainer,
    parameters_of,
    policy_of,
    train,
    trained_size,
)
from jal.rl.dqn import DQN, Candidates, DQNState, Transition, dqn, epsilon_greedy, greedy
from jal.rl.env import (
    Actor,
    Environment,
    EnvParams,
    EnvState,
    Goal,
    Observer,
    Progress,
    environment,
)
from jal.rl.lal_rl import LalRl
from jal.rl.observations import (
    Batches,
    Points,
    batch_candidates,
    largest_batch,
    observe_batches,
    observe_points,
    point_candidates,
    sorted_scores,
)
from jal.rl.point_agent import View, one_of_each, point_actor, point_strategy
from jal.rl.policy import load_policy, save_policy
from jal.rl.q_networks import QNetwork, lal_rl_network, mlp_network
from jal.rl.replay import Replay, ReplayState, Sample, prioritised_replay, replay_bytes
from jal.rl.rules import (
    after_two_falls,
    at_budget,
    at_quality,
    at_targets,
    constant_reward,
    efficiency_gain,
    quality_gain,
    succeeds,
)
from jal.rl.slade_branson import SladeBranson
from jal.rl.training import (
    QLearning,
    Schedule,
    TrainingState,
    Trajectory,
    WarmStartResult,
    q_learning,
    rollout,
)

__all__ = [
    "DQN",
    "AbasRal",
    "Actor",
    "Agent",
    "AgentData",
    "Batches",
    "Candidates",
    "DQNState",
    "EnvParams",
    "EnvState",
    "Environment",
    "Goal",
    "LalRl",
    "Observer",
    "Points",
    "Policy",
    "Progress",
    "QLearning",
    "QNetwork",
    "Replay",
    "ReplayState",
    "Sample",
    "Schedule",
    "SladeBranson",
    "Trainer",
    "TrainingState",
    "Trajectory",
    "Transition",
    "View",
    "WarmStartResult",
    "after_two_falls",
    "agent_data",
    "at_budget",
    "at_quality",
    "at_targets",
    "batch_actor",
    "batch_candidates",
    "check_parts",
    "constant_reward",
    "dqn",
    "efficiency_gain",
    "environment",
    "epsilon_greedy",
    "greedy",
    "lal_rl_network",
    "largest_batch",
    "load_policy",
    "make_trainer",
    "mlp_network",
    "observe_batches",
    "observe_points",
    "one_of_each",
    "parameters_of",
    "point_actor",
    "point_candidates",
    "point_strategy",
    "policy_of",
    "prioritised_replay",
    "q_learning",
    "quality_gain",
    "replay_bytes",
    "rollout",
    "save_policy",
    "sorted_scores",
    "succeeds",
    "train",
    "trained_size",
]
