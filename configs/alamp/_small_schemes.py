"""What ALAMP's small configs share: the paper's protocol on Fashion-MNIST, and its two schemes.

Each seed draws a pool and a test set of its own from all 70,000 images. Ours: the SVM sees 128
principal components of the features, by which a round takes a fifth of the time; its C is 10 in
all rounds, where the paper cross-validates: beforehand five folds of 200, 1,000 and 2,000 labelled
images gave 1, 10 and 100 the same accuracy within .015, and .01 and .1 less. (digits.py does it in
each round.) Margins are of decision values, as in _schemes.py. Fine-tuning costs more: it runs with
5 seeds and three queries, and buys 600 labels at a time, so that random's curves can be compared at
each of its budgets, but what alamp and badge buy is chosen in fewer, larger batches. So does the
switch from one scheme to the other, which the paper proposes and does not try; it buys at random.
"""

import dataclasses

from jal.experiment import (
    CNN,
    SVC,
    Data,
    Experiment,
    Features,
    Protocol,
    Query,
    Random,
    Switch,
)

PROTOCOL = Protocol(seeds=20, rounds=15, batch=200, start=Random(labels=200))
OF_THE_NETWORK = dataclasses.replace(PROTOCOL, seeds=5, rounds=5, batch=600)

OF_SVM = (
    "random",
    "decision_margin",
    "k_center",
    Query("alamp", margin="decision"),
    Query("alamp_div", margin="decision"),
    "random_div",
    Query("margin_div", margin="decision"),
)
OF_FINE_TUNING = ("random", "alamp", "badge")


def _svc(imbalanced: bool) -> SVC:
    return SVC(C=10.0, tol=1e-3, class_weight="balanced" if imbalanced else None)


def svm(name: str, data: Data, features: Features, imbalanced: bool = False) -> Experiment:
    """The SVM on frozen features; its classes weighted where imbalanced."""
    return Experiment(
        name=f"{name}_svm",
        data=dataclasses.replace(data, features=features),
        learners={"svc": _svc(imbalanced)},
        queries=OF_SVM,
        protocol=PROTOCOL,
    )


def _network(weights: str | None, imbalanced: bool) -> CNN:
    return CNN(
        channels=(8, 16),
        epochs=10,
        batch_size=32,
        learning_rate=0.02,
        weight_decay=5e-4,
        schedule="cosine",
        normalise="none",
        thresholding=imbalanced,
        weights=weights,
    )


def fine_tuning(
    name: str, data: Data, weights: str | None = None, imbalanced: bool = False
) -> Experiment:
    """A small CNN trained anew in each round, on all its layers; thresholding where imbalanced."""
    return Experiment(
        name=f"{name}_fine_tuning",
        data=data,
        learners={"cnn": _network(weights, imbalanced)},
        queries=OF_FINE_TUNING,
        protocol=OF_THE_NETWORK,
    )


def switch(name: str, data: Data, weights: str) -> Experiment:
    """The SVM on what the CNN was taught before; all of the CNN, once it leads in three folds."""
    learner = Switch(shallow=_svc(False), network=_network(weights, False), folds=3)
    return Experiment(
        name=f"{name}_switch",
        data=data,
        learners={"switch": learner},
        queries=("random",),
        protocol=OF_THE_NETWORK,
    )
