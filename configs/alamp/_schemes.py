"""What ALAMP's configs share: the two training schemes of section 5.1, and the queries of each.

The paper leaves open how many images a step of fine-tuning has, here 32; among which C its SVM is
chosen by cross-validation, here powers of ten around scikit-learn's default; the side of the images
that the network sees, here 224; and of what the margins are that alamp compares: here, for the SVM,
of its decision values, since calibrated probabilities are drawn at random, and the paper calls the
scheme deterministic once the first labels are chosen.
"""

import dataclasses

from jal.experiment import SVC, Data, Experiment, Features, Protocol, Query, Random, ResNet, Shown

WEIGHTS = "hf:microsoft/resnet-18"  # of ILSVRC
SIDE = 224
C_GRID = (0.01, 0.1, 1.0, 10.0, 100.0)
PROTOCOL = Protocol(seeds=5, rounds=15, batch=200, start=Random(labels=200))

OF_SVM = (
    "random",
    "decision_margin",
    "k_center",
    Query("alamp", margin="decision"),
    Query("alamp_div", margin="decision"),
)
DIVERSIFIED = ("random_div", Query("margin_div", margin="decision"))  # of Figure 5
OF_FINE_TUNING = ("random", "margin", "k_center", "alamp", "alamp_div", "badge")


def svm(name: str, data: Data, imbalanced: bool, diversified: bool = False) -> Experiment:
    """SVM on the features of the pre-trained network, its classes weighted where imbalanced."""
    learner = SVC(C_grid=C_GRID, class_weight="balanced" if imbalanced else None)
    return Experiment(
        name=f"{name}_svm",
        data=dataclasses.replace(data, features=Features("resnet18", weights=WEIGHTS)),
        learners={"svc": learner},
        queries=OF_SVM + DIVERSIFIED * diversified,
        protocol=PROTOCOL,
    )


def fine_tuning(name: str, data: Data, imbalanced: bool) -> Experiment:
    """The whole network trained on, from the pre-trained weights in each round; thresholding where
    imbalanced."""
    learner = ResNet(
        depth=18,
        epochs=80,
        batch_size=32,
        optimizer="nesterov",
        learning_rate=0.01,
        schedule="plateau",
        weight_decay=1e-3,
        normalise="imagenet",
        thresholding=imbalanced,
        weights=WEIGHTS,
    )
    return Experiment(
        name=f"{name}_fine_tuning",
        data=data,
        learners={"resnet18": learner},
        queries=OF_FINE_TUNING,
        protocol=PROTOCOL,
    )


def both(
    name: str,
    data: Data,
    imbalanced: bool,
    diversified: bool = False,
    levels: tuple[float, ...] = (),
) -> list[Experiment]:
    """A column of Figure 2 or 3: one scheme, then the other; the labels to accuracies of 5.3."""
    schemes = svm(name, data, imbalanced, diversified), fine_tuning(name, data, imbalanced)
    return [dataclasses.replace(one, shown=Shown(levels=levels)) for one in schemes]
