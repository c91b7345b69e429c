"""Slade and Branson's agent trained for 3,000 episodes, over eight splits of the digits.

Command: python launch/run.py configs/slade_branson/long_digits.py
Data and protocol: as digits.py, but five times the episodes, 30 candidates drawn in training and
for the policy alike, and the 32 trainings over eight splits, over which all intervals are. The
reward asks for the accuracy at the end; both metrics are shown. Ours, not the paper's: the data and
logistic regression, with which the latent space is that of the inputs; 30 candidates where the
paper has the pool; an epsilon that falls to the end of the training, which nothing else stops.
Took 43 min on two CPU cores that had as much other work beside it, of which compilation 133 s with
JAX_COMPILATION_CACHE_DIR set.
Found (AUBC, final accuracy; 95 % intervals over the splits): margin .694 +- .009, .793 +- .008;
slade_branson .671 +- .008, .771 +- .010; random .647 +- .008, .717 +- .008. In points of the same
splits the agent is 2.44 +- .43 of AUBC and 5.37 +- .83 of the accuracy at the end above random, in
each of the eight, and 2.32 +- .42 and 2.15 +- .79 below margin, which needs no training. Of the 32
trainings 29 are above random in AUBC.
"""

from jal.experiment import (
    Data,
    Experiment,
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
    agents = {
        "slade_branson": SladeBranson(
            epochs=300, candidates=30, policy_candidates=30, exploration=1.0, window=0
        )
    }
    trainings = [
        Training(agent, name=name, data=DATA, learner=LEARNER, seeds=32, splits=8)
        for name, agent in agents.items()
    ]
    experiment = Experiment(
        name="slade_branson_long_digits",
        data=DATA,
        learners={"logistic_regression": LEARNER},
        queries=(*map(Learned, agents), "random", "margin"),
        protocol=Protocol(seeds=1600, splits=8, rounds=20, batch=1),
    )
    return [*trainings, experiment]
