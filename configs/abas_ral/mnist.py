"""ABAS-RAL on MNIST, the paper's settings: Tables 1 and 2, Figures 2 and 3.

Command: python launch/run.py configs/abas_ral/mnist.py
Hardware: a GPU; not yet measured on one.
Data: of the training set 10 % state set, 10 % warm start, 60 % training, 20 % evaluation; rewards
and metrics on the test set. ResNet-50 with ImageNet's weights (torchvision's first; the paper's are
TensorFlow's), 10 epochs, learning rate .01, batch 64; the optimiser is not given.
Reported: target precision 94.11 %, target budget 96.34 %; the tables' means are in `reported`.
"""

from jal.experiment import AbasRal, Data, Experiment, ResNet

MEASURED = ("precision", "accuracy", "recall", "f1", "budget")
REPORTED = {
    "abas_ral": (0.9511, 0.9505, 0.9498, 0.9504, 0.0707),
    "random": (0.9502, 0.9501, 0.9490, 0.9502, 0.6013),
    "entropy": (0.9510, 0.9409, 0.9495, 0.9499, 0.0776),
    "least_confidence": (0.9512, 0.9413, 0.9489, 0.9498, 0.0776),
    "alfa_mix": (0.9501, 0.9497, 0.9479, 0.9495, 0.0776),
}


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="abas_ral_mnist",
        data=Data(source="tfds:mnist", image_size=32),
        learners={
            "resnet50": ResNet(
                depth=50,
                weights="hf:timm/resnet50.tv_in1k",
                normalise="imagenet",
                epochs=10,
                batch_size=64,
                learning_rate=0.01,
                weight_decay=0.0,
                warm_start=True,
            )
        },
        agents={"abas_ral": AbasRal()},
        strategies=("abas_ral", "random", "entropy", "least_confidence", "alfa_mix"),
        metrics=("precision", "accuracy", "recall", "f1"),
        classifier="pretrained",
        trainings=1,
        training_segment=1,
        seeds=50,
        rounds=99,
        batch=120,
        start="random",
        initial=120,
        reported={
            f"resnet50/{name}": dict(zip(MEASURED, values, strict=True))
            for name, values in REPORTED.items()
        },
        segment=1,
    )
