"""Slade and Branson's agent and LAL-RL on scikit-learn's digits, ten labels to thirty: as Figure 1.

Command: python launch/run.py configs/slade_branson/digits.py
Data: 1,400 of the digits in four parts: 30 state set, 560 training, 280 hold-out of the rewards,
420 evaluation; 397 test images.
Protocol: 32 trainings of each agent, 600 episodes of 20 labels (the papers': up to 10,000), then 50
runs with each policy: one label per class, then 20 single labels. Logistic regression, whose latent
space is that of the inputs.
Took 32 min on two CPU cores that had as much other work beside it, of which compilation 346 s.
Found (AUBC, final accuracy; 95 % intervals over the trainings): margin .686 +- .002, .784 +- .002;
lal_rl_clock .685 +- .004, .778 +- .008; slade_branson_clock .679 +- .003, .780 +- .003; lal_rl .673
+- .005, .767 +- .008; least_confidence .654 +- .003, .733 +- .003; random .644 +- .002, .713 +-
.003; average_confidence .643 +- .002, .713 +- .003; slade_branson .634 +- .006, .730 +- .011;
entropy .613 +- .002, .673 +- .002.
So the paper's agent, trained on 30 candidates drawn in each step, is .9 points of AUBC below random
and above it at the end only (trained on the whole pool it is level with random: clock_digits.py).
Its state does not say how many labels are left, so that a classifier which looks young promises
gains to come, and the agent learns to keep it young. With a clock, transitions replayed uniformly
and as many candidates for the policy as in training it is 3.6 points above random, .7 below margin,
and LAL-RL is level with margin. The parts: clock_digits.py.
"""

from jal.experiment import (
    Data,
    Experiment,
    LalRl,
    Learned,
    LogisticRegression,
    Parts,
    Protocol,
    SladeBranson,
    Training,
)

DATA = Data(
    source="sklearn:digits",
    test_size=397,
    parts=Parts(state=0.0215, warm=0.0, train=0.4, evaluation=0.3, holdout=0.2),
)
LEARNER = LogisticRegression(tol=1e-4)


def get_config() -> list[Training | Experiment]:
    """The trainings and the experiment."""
    clock = {"clock": True, "exponent": 0.0, "policy_candidates": 30}
    agents = {
        "slade_branson": SladeBranson(epochs=60, candidates=30, exploration=1.0, window=0),
        "slade_branson_clock": SladeBranson(
            epochs=60, candidates=30, exploration=1.0, window=0, **clock
        ),
        "lal_rl": LalRl(mode="fixed_horizon", horizon=20, epochs=60, candidates=30),
        "lal_rl_clock": LalRl(mode="fixed_horizon", horizon=20, epochs=60, candidates=30, **clock),
    }
    rivals = ("random", "margin", "entropy", "least_confidence", "average_confidence")
    trainings = [
        Training(agent, name=name, data=DATA, learner=LEARNER, seeds=32)
        for name, agent in agents.items()
    ]
    experiment = Experiment(
        name="slade_branson_digits",
        data=DATA,
        learners={"logistic_regression": LEARNER},
        queries=(*map(Learned, agents), *rivals),
        protocol=Protocol(seeds=1600, rounds=20, batch=1),
    )
    return [*trainings, experiment]
