"""BRAL-T's ablations on scikit-learn's digits: Tables 4, 7, 9, 10, and a claim without a table.

Command: python launch/run.py configs/bral_t/digits_ablations.py
Data, network and protocol: as digits.py; 16 seeds, two on each of eight splits.
mlp is trained by cross-entropy, mlp_super by SuperLoss with the lambda of the score: 1, .25 in
mlp_super_.25, and 2 in mlp_super_2. without_l: without the nearest labelled cluster (the paper's
section 4.2 says that it helps). two_agents learn in the first and in the fifth round. Ours: the
batch of 20, so that a TrustSet has 2 of a class. Not here: 50 and 100 actions, with which most
sub-clusters of a hundred labels are empty.
"""

import dataclasses

from _small import NETWORK, PROTOCOL

from jal.experiment import Data, Experiment, Query

BOTH = ("mlp", "mlp_super")


def get_config() -> Experiment:
    """The experiment."""
    learners = {
        "mlp": NETWORK,
        "mlp_super": dataclasses.replace(NETWORK, loss="super"),
        "mlp_super_.25": dataclasses.replace(NETWORK, loss="super", super_lambda=0.25),
        "mlp_super_2": dataclasses.replace(NETWORK, loss="super", super_lambda=2.0),
    }
    queries = (
        Query("random", learners=tuple(learners)),
        Query("bral_t", learners=BOTH),
        Query("bral_t", name="without_cl", curriculum=False, learners=BOTH),
        Query("bral_t", name="lambda_.25", lambda_=0.25, learners=("mlp", "mlp_super_.25")),
        Query("bral_t", name="lambda_2", lambda_=2.0, learners=("mlp", "mlp_super_2")),
        Query("bral_t", name="diffset", trust="second", learners=("mlp",)),
        Query("bral_t", name="without_l", use_labelled_cluster=False, learners=("mlp",)),
        Query("bral_t", name="two_agents", retrain=(0, 4), learners=("mlp",)),
        Query("bral_t", name="actions_10", actions=10, learners=("mlp",)),
        Query("bral_t", name="global", selection="global", learners=("mlp",)),
        Query("pseudo_score", learners=BOTH),
        Query("pseudo_score", name="pseudo_without_cl", curriculum=False, learners=BOTH),
    )
    return Experiment(
        name="bral_t_digits_ablations",
        data=Data(source="sklearn:digits"),
        learners=learners,
        queries=queries,
        protocol=dataclasses.replace(PROTOCOL, seeds=16),
    )
