"""BRAL-T without its parts, and beside an oracle, on CIFAR-10: Table 4, Figure 8, left.

Command: python launch/prepare_data.py cifar10
         python launch/run.py configs/bral_t/cifar10_ablations.py
Hardware: a GPU; not yet measured on one.
Data, classifier and protocol: as cifar10.py.
pseudo_score: errors against the classifier's own labels. bral_diffset: the second best group by
EL2N in the TrustSet's place. bral_t_without_cl: no curriculum, plain EL2N. gradnd_oracle: a
TrustSet of the pool by its true labels.
Reported: the mean of 3 in `REPORTED`; the oracle as a curve.
Ours: resnet18_super trains by SuperLoss, too, which the paper's wording leaves open; there BRAL-T
without curriculum tells what that alone does. bral_t_without_l: the nearest labelled cluster is not
seen, which section 4.2 says is worse, without a table.
"""

from _benchmarks import TABLE_5, ablations, rivals

from jal.experiment import Experiment, Query

REPORTED = {
    "pseudo_score": (0.842, 0.908),
    "bral_diffset": (0.843, 0.909),
    "bral_t_without_cl": (0.845, 0.906),
    "random": (0.832, 0.902),
    "bral_t": (0.847, 0.916),
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = TABLE_5["cifar10"]
    oracle = Query("gradnd_oracle", lambda_=benchmark.lambda_)
    return ablations("cifar10_ablations", benchmark, (oracle, *rivals("random")), REPORTED)
