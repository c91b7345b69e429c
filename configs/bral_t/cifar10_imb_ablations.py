"""BRAL-T with other options, and an oracle, on CIFAR10-imb: Tables 7, 9, 10, Figure 8, right.

Command: python launch/prepare_data.py cifar10
         python launch/run.py configs/bral_t/cifar10_imb_ablations.py
Hardware: a GPU; not yet measured on one.
Data, classifier and protocol: as cifar10_imb.py, which has the rivals of Table 7, too.
bral_t_two_agents learns in the first round and in the 21st, and keeps what it learned (Table 7);
bral_t_10_actions and so on (Table 9); bral_t_lambda_1 and 2 (Table 10); gradnd_oracle: a TrustSet
of the pool by its true labels (Figure 8). bral_t itself has 5 actions and lambda .25.
Reported: the mean of 3 in `REPORTED`; the oracle as a curve.
Ours: classifiers resnet18_super_... that train by SuperLoss, too, with the lambda of the score,
since sigma is clamped for most points of a trained classifier and lambda then hardly matters.
"""

from _benchmarks import TABLE_5, bral_t, experiment, rivals, with_super_loss

from jal.experiment import Experiment, Query

LAMBDAS = {0.25: "bral_t", 1.0: "bral_t_lambda_1", 2.0: "bral_t_lambda_2"}
REPORTED = {
    "bral_t": (0.762, 0.851),
    "random": (0.710, 0.810),
    "bral_t_two_agents": (0.755, 0.837),
    "bral_t_10_actions": (0.763, 0.853),
    "bral_t_50_actions": (0.755, 0.851),
    "bral_t_100_actions": (0.758, 0.854),
    "bral_t_lambda_1": (0.752, 0.842),
    "bral_t_lambda_2": (0.749, 0.830),
}


def get_config() -> Experiment:
    """The experiment."""
    benchmark = TABLE_5["cifar10_imb"]
    trained = {one: f"resnet18_super_{one:g}" for one in LAMBDAS}
    queries = (
        *[bral_t(one, name, learners=("resnet18", trained[one])) for one, name in LAMBDAS.items()],
        bral_t(benchmark.lambda_, "bral_t_two_agents", retrain=(0, 20)),
        *[
            bral_t(benchmark.lambda_, f"bral_t_{actions}_actions", actions=actions)
            for actions in (10, 50, 100)
        ],
        Query("gradnd_oracle", lambda_=benchmark.lambda_),
        *rivals("random"),
    )
    learners = {name: with_super_loss(benchmark.learner, one) for one, name in trained.items()}
    return experiment("cifar10_imb_ablations", benchmark, queries, REPORTED, learners=learners)
