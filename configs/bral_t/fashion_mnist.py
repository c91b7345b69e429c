"""BRAL-T's rivals on Fashion-MNIST, ResNet-18 and the paper's settings (Table 5): 10,000 labels.

Command: python launch/prepare_data.py fashion_mnist
         python launch/run.py configs/bral_t/fashion_mnist.py
Hardware: a GPU; not yet measured on one. On two CPU cores it would take days.
Reported in the paper (its Table 2, mean of 3): random has an AUBC of .844 and ends at .874.
"""

from jal.experiment import Data, Execution, Experiment, Protocol, Random, ResNet


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="bral_t_fashion_mnist",
        data=Data(source="tfds:fashion_mnist"),
        learners={
            "resnet18": ResNet(
                depth=18,
                stem="grayscale",
                epochs=40,
                batch_size=128,
                optimizer="adam",
                learning_rate=1e-3,
                weight_decay=0.0,
                normalise="none",
            )
        },
        queries=(
            "random",
            "least_confidence",
            "margin",
            "entropy",
            "k_center",
            "kmeans",
            "badge",
        ),
        protocol=Protocol(seeds=3, rounds=38, batch=250, start=Random(labels=500)),
        execution=Execution(segment=2),
    )
