"""ABAS-RAL on CIFAR-10, the paper's settings: Tables 1 and 2, Figure 2; Table 3 by two options.

Command: python launch/run.py configs/abas_ral/cifar10.py
         python launch/run.py configs/abas_ral/cifar10.py --classifier scratch --target .85
Hardware: a GPU; not yet measured on one.
Data: of the training set 10 % state set, 10 % warm start, 60 % training, 20 % evaluation; rewards
and metrics on the test set. ResNet-50 with ImageNet's weights (torchvision's first; the paper's are
TensorFlow's), 10 epochs, learning rate .01, batch 64; the optimiser is not given.
Reported: target precision 44.66 %, target budget 98.03 %.
Mean budget 5.12 % (random 50.79, the others 11);
from scratch 7.74 % (entropy, uncertainty and ALFA-Mix 100).
"""

from jal.experiment import AbasRal, Data, Experiment, ResNet


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
        segment=1,
    )
