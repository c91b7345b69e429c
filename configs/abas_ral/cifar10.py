"""ABAS-RAL on CIFAR-10, the paper's settings: Tables 1 and 2, Figures 2 and 3.

Command: python launch/run.py configs/abas_ral/cifar10.py
Hardware: a GPU; not yet measured on one.
Data: of the training set 10 % state set, 10 % warm start, 60 % training, 20 % evaluation; rewards
and metrics on the test set. ResNet-50 with ImageNet's weights (torchvision's first; the paper's are
TensorFlow's), 10 epochs, learning rate .01, batch 64; the optimiser is not given.
Reported: target precision 44.66 %, target budget 98.03 %; the tables' means are in `reported`.
"""

from jal.experiment import AbasRal, Data, Experiment, ResNet

MEASURED = ("precision", "accuracy", "recall", "f1", "budget")
REPORTED = {
    "abas_ral": (0.4617, 0.4347, 0.4347, 0.4267, 0.0512),
    "random": (0.4589, 0.4400, 0.4400, 0.4297, 0.5079),
    "entropy": (0.4504, 0.4296, 0.4295, 0.4217, 0.1100),
    "least_confidence": (0.4604, 0.4396, 0.4396, 0.4317, 0.1100),
    "alfa_mix": (0.4567, 0.4354, 0.4392, 0.4208, 0.1100),
}


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="abas_ral_cifar10",
        data=Data(source="tfds:cifar10"),
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
        batch=100,
        start="random",
        initial=100,
        reported={
            f"resnet50/{name}": dict(zip(MEASURED, values, strict=True))
            for name, values in REPORTED.items()
        },
        segment=1,
    )
