"""ABAS-RAL on MNIST, the paper's settings: Tables 1 and 2, Figure 2; Table 3 by two options.

Command: python launch/run.py configs/abas_ral/mnist.py
         python launch/run.py configs/abas_ral/mnist.py --classifier scratch --target .85
Hardware: a GPU; not yet measured on one.
Data: of the training set 10 % state set, 10 % warm start, 60 % training, 20 % evaluation; rewards
and metrics on the test set. ResNet-50 with ImageNet's weights (torchvision's first; the paper's are
TensorFlow's), 10 epochs, learning rate .01, batch 64; the optimiser is not given.
Reported: target precision 94.11 %, target budget 96.34 %.
Mean budget 7.07 % (random 60.13, the others 7.76);
from scratch 26.67 % (entropy 34.10, uncertainty 32.10, ALFA-Mix 40.32).
"""

from jal.experiment import AbasRal, Data, Experiment, ResNet


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
        segment=1,
    )
