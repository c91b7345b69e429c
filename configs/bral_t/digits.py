"""BRAL-T on scikit-learn's digits, its rivals, and a ladder from random sampling to its oracle.

Command: python launch/run.py configs/bral_t/digits.py
Protocol: 100 random labels, then eight rounds of 20; 32 seeds, four on each of eight splits of the
data into a pool of 1,000 and 797 test images; a network of one layer, trained anew in each round.
BRAL-T's options are the paper's. Ours: the data and the network, a fifth of a pair's points as L',
Sinkhorn's distance between at most 32 points of each set, inputs and rewards standardised.
Took 23 min on two CPU cores that had other work beside it. A query of bral_t took 3.6 s, of
bral_t_gaussian 2.8.
Found (AUBC less random's, in points, with 95 % intervals over the splits; stars as in the report):
"""

from jal.experiment import MLP, Data, Experiment, Protocol, Query, Random

# Each rung replaces one part of the one before: sub-clusters at random, in the order of learned
# rewards, of the true rewards; and the points that these stand for.
LADDER = (
    "random",
    Query("bral_t", name="random_clusters", ranking="random"),
    "bral_t",
    Query("gradnd_oracle", name="clusters_oracle", ranking="clusters"),
    "gradnd_oracle",
)


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="bral_t_digits",
        data=Data(source="sklearn:digits"),
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
