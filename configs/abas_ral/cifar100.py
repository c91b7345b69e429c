"""ABAS-RAL on CIFAR-100, the paper's settings: Tables 1 and 2, Figures 2 and 3.

Command: python launch/run.py configs/abas_ral/cifar100.py
Hardware: a GPU; not yet measured on one.
Data: of the training set 10 % state set, 10 % warm start, 60 % training, 20 % evaluation; rewards
and metrics on the test set. ResNet-50 with ImageNet's weights (torchvision's first; the paper's are
TensorFlow's), 10 epochs, learning rate .01, batch 64; the optimiser is not given.
Reported: target precision 28.01 %, target budget 99.94 %; the tables' means are in `reported`.
"""

from jal.experiment import AbasRal, Data, Experiment, ResNet

MEASURED = ("precision", "accuracy", "recall", "f1", "budget")
REPORTED = {
    "abas_ral": (0.3202, 0.3214, 0.3214, 0.3154, 0.0198),
    "random": (0.3189, 0.3247, 0.3247, 0.3168, 0.4871),
    "entropy": (0.3164, 0.3202, 0.3201, 0.3123, 0.1100),
    "least_confidence": (0.3173, 0.3205, 0.3205, 0.3131, 0.1100),
    "alfa_mix": (0.3182, 0.3229, 0.3229, 0.3153, 0.1100),
}


def get_config() -> Experiment:
    """The experiment."""
    return Experiment(
        name="abas_ral_cifar100",
        data=Data(source="tfds:cifar100"),
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
        rounds=98,
        batch=100,
        start="random",
        initial=200,
        reported={
            f"resnet50/{name}": dict(zip(MEASURED, values, strict=True))
            for name, values in REPORTED.items()
        },
        segment=1,
    )
