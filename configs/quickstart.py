"""Eight query strategies on scikit-learn's handwritten digits, with two learners.

Command: python launch/run.py configs/quickstart.py
Data: 1,797 real 8x8 images bundled with scikit-learn; 1,000 form the pool, 797 the test set.
Protocol: one label per class at the start, then 20 rounds of 10; 32 seeds.
Takes 40 to 49 s on two CPU cores, of which compilation 14 to 17 s.
Expected: margin first with both learners, final accuracy .959 (logistic regression), .976 (MLP);
random .918 and .926. quickstart.png beside this file shows the curves.
"""

from jal.experiment import MLP, Data, Experiment, LogisticRegression, Protocol


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="quickstart",
        data=Data(source="sklearn:digits"),
        learners={"logistic_regression": LogisticRegression(C=1.0), "mlp": MLP(hidden=(128,))},
        queries=(
            "random",
            "least_confidence",
            "margin",
            "entropy",
            "average_confidence",
            "k_center",
            "kmeans",
            "badge",
        ),
        protocol=Protocol(seeds=32, rounds=20, batch=10),
    )
