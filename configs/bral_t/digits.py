"""BRAL-T on scikit-learn's digits, and the ladder from random sampling to the oracle.

Command: python launch/run.py configs/bral_t/digits.py
"""

from jal.experiment import MLP, Data, Experiment, Imbalance, Protocol, Query, Random

# Each rung replaces one part of the one before.
LADDER = (
    "random",
    Query("bral_t", name="random_clusters", ranking="random"),
    "bral_t",
    Query("gradnd_oracle", name="clusters_oracle", ranking="clusters"),
    "gradnd_oracle",
)


def get_config(imbalance: Imbalance = Imbalance()) -> Experiment:
    """The experiment."""
    return Experiment(
        name="bral_t_digits" if imbalance == Imbalance() else "bral_t_digits_imbalanced",
        data=Data(source="sklearn:digits", imbalance=imbalance),
        learners={"mlp": MLP(hidden=(128,), normalise="none")},
        queries=(
            *LADDER,
            Query("bral_t", name="bral_t_gaussian", distance="gaussian"),
            Query("bral_t", name="margin_clusters", ranking="margin"),
            "pseudo_score",
            "margin",
            "badge",
        ),
        protocol=Protocol(seeds=32, splits=8, rounds=8, batch=20, start=Random(labels=100)),
    )
