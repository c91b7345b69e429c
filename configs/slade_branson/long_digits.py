"""Slade and Branson's agent trained for 3,000 episodes, over eight splits of the digits.

Command: python launch/run.py configs/slade_branson/long_digits.py
Data and protocol: as digits.py, but five times the episodes, 30 candidates drawn in training and
for the policy alike, and the 32 trainings over eight splits, over which all intervals are. The
reward asks for the accuracy at the end; both metrics are shown. With logistic regression the
latent space is that of the inputs.
Not yet measured.
"""

from jal.experiment import Data, Experiment, LogisticRegression, Parts, SladeBranson


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="slade_branson_long_digits",
        data=Data(source="sklearn:digits", test_size=397),
        parts=Parts(state=0.0215, warm=0.0, train=0.4, evaluation=0.3, holdout=0.2),
        learners={"logistic_regression": LogisticRegression(tol=1e-4)},
        agents={
            "slade_branson": SladeBranson(
                epochs=300, candidates=30, policy_candidates=30, exploration=1.0, window=0
            )
        },
        strategies=("slade_branson", "random", "margin"),
        trainings=32,
        seeds=1600,
        splits=8,
        rounds=20,
        batch=1,
    )
