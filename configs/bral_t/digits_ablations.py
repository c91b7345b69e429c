"""BRAL-T's ablations on scikit-learn's digits: Tables 4, 7, 9, 10, and a claim without a table.

Command: python launch/run.py configs/bral_t/digits_ablations.py
Data, network and protocol: as digits.py; 16 seeds, two on each of eight splits.
mlp is trained by cross-entropy, mlp_super by SuperLoss with the lambda of the score: 1, .25 in
mlp_super_.25, and 2 in mlp_super_2. without_l: without the nearest labelled cluster (the paper's
section 4.2 says that it helps). two_agents learn in the first and in the fifth round. Ours: the
batch of 20, so that a TrustSet has 2 of a class. Not here: 50 and 100 actions, with which most
sub-clusters of a hundred labels are empty.
Took 134 min on two CPU cores that had other work beside it, of which compilation 61.
Found (AUBC less random's .923, in points, with 95 % intervals over the splits), mlp: pseudo_score
+2.43 +- .65, actions_10 +.55 +- .45, bral_t +.43 +- .52, without_l +.38 +- .32, two_agents +.24 +-
.55, diffset -.01 +- .36, global -1.58 +- .56; mlp_super, less its own random: pseudo_score +2.56 +-
.63, bral_t +.21 +- .19; lambda_.25 in mlp_super_.25 +.40 +- .63, lambda_2 in mlp_super_2 +.19 +-
.61. without_cl, lambda_.25, lambda_2 and pseudo_without_cl buy the very points of bral_t and of
pseudo_score: all labelled points are at SuperLoss's clamp, where it weighs them alike.
Paired: bral_t less diffset +.45 +- .57, less two_agents +.19 +- .39, less actions_10 -.12 +- .33,
less without_l +.06 +- .40 (final accuracy +.24 +- .63), less global +2.01 +- .70.
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
