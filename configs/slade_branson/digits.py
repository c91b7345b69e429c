"""Slade and Branson's agent and LAL-RL on scikit-learn's digits, ten labels to thirty: as Figure 1.

Command: python launch/run.py configs/slade_branson/digits.py
Data: 1,400 of the digits in four parts: 30 state set, 560 training, 280 hold-out of the rewards,
420 evaluation; 397 test images.
Protocol: 32 trainings of each agent, 300 episodes of 20 labels (the papers': up to 10,000), then 50
runs with each policy: one label per class, then 20 single labels. Logistic regression, whose latent
space is that of the inputs.
Takes 10 min on two CPU cores, of which compilation 68 s.
Found (AUBC, final accuracy; 95 % intervals of +- .002 to .004 over the runs): margin .686, .784;
lal_rl .660, .739; least_confidence .654, .733; random .644, .713; average_confidence .643, .713;
slade_branson .630, .723; entropy .613, .673. Both agents learn: the mean return of an episode rises
from .065 to .098 (slade_branson) and .112 (lal_rl). Both end above random, slade_branson from the
fourteenth label on; neither comes near margin.
"""

from jal.experiment import Data, Experiment, LalRl, LogisticRegression, Parts, SladeBranson


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="slade_branson_digits",
        data=Data(source="sklearn:digits", test_size=397),
        parts=Parts(state=0.0215, warm=0.0, train=0.4, evaluation=0.3, holdout=0.2),
        learners={"logistic_regression": LogisticRegression(tol=1e-4)},
        agents={
            "slade_branson": SladeBranson(epochs=60, candidates=30),
            "slade_branson_margin": SladeBranson(epochs=60, candidates=30, score="margin"),
            "lal_rl": LalRl(mode="fixed_horizon", horizon=20, epochs=60, candidates=30),
        },
        strategies=(
            "slade_branson",
            "slade_branson_margin",
            "lal_rl",
            "random",
            "margin",
            "entropy",
            "least_confidence",
            "average_confidence",
        ),
        trainings=32,
        seeds=1600,
        rounds=20,
        batch=1,
    )
