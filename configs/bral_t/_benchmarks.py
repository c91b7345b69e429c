"""What BRAL-T's configs share: the benchmarks of the paper's Table 5, classifiers and rivals.

The paper leaves open how classifiers are trained; here it is as in the public code of the study
that it follows (Zhan et al., 2022): Adam, learning rate 1e-3, 128 images a step, crops and flips
on the CIFARs; for images of 224 pixels and for X-rays 32 a step and, of its augmentations, flips;
where the paper says SGD the study's learning rates, with Nesterov momentum .9. Budgets are of
labels bought after those at the start, as there: so CIFAR10-imb has the 40 rounds of section C.3.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jal.data.imbalance import long_tail_counts
from jal.experiment import (
    Data,
    Execution,
    Experiment,
    Imbalance,
    Protocol,
    Query,
    Random,
    ResNet,
    Shown,
)
from jal.experiment.starts import Start

Reported = Mapping[str, tuple[float, float]]  # query -> AUBC and final accuracy


class Benchmark(NamedTuple):
    """A row of Table 5.

    Attributes:
      data: which.
      learner: its classifier.
      initial: labels at the start, |L0|.
      budget: labels bought, Q; less where the pool has fewer.
      batch: labels bought in a round, b.
      lambda_: of SuperLoss (appendix B).
    """

    data: Data
    learner: ResNet
    initial: int
    budget: int
    batch: int
    lambda_: float = 1.0


def resnet18(epochs: int, **fields: Any) -> ResNet:
    """The paper's ResNet-18, from random weights in each round."""
    given: dict[str, Any] = {
        "depth": 18,
        "batch_size": 128,
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
    }
    return ResNet(epochs=epochs, **(given | fields))


def _cifar(epochs: int) -> ResNet:
    return resnet18(epochs, stem="cifar", augment=("crop", "flip"))


def large(**fields: Any) -> ResNet:
    """For few labels, and images that are large or of two classes."""
    return resnet18(30, batch_size=32, augment=("flip",), **fields)


def long_tail(classes: int, factor: int) -> Benchmark:
    """CIFAR10-LT or CIFAR100-LT; `budget` is what is left of the pool where that is less."""
    points = int(long_tail_counts(50_000 // classes, factor, classes).sum())
    data = Data(f"tfds:cifar{classes}", imbalance=Imbalance("long_tail", amount=float(factor)))
    epochs, lambda_ = {10: (50, 1.0), 100: (60, 0.25)}[classes]  # CIFAR100-LT's is not said
    return Benchmark(data, _cifar(epochs), 2000, min(20_000, points - 2000), 500, lambda_)


TABLE_5 = {
    "fashion_mnist": Benchmark(
        Data("tfds:fashion_mnist"),
        resnet18(40, stem="grayscale", normalise="none"),
        *(500, 10_000, 250),
    ),
    "emnist": Benchmark(
        Data("tfds:emnist/byclass"),
        resnet18(40, stem="grayscale", normalise="none"),
        *(1000, 50_000, 500, 0.25),
    ),
    "cifar10": Benchmark(Data("tfds:cifar10"), _cifar(50), 1000, 40_000, 500),
    "cifar100": Benchmark(Data("tfds:cifar100"), _cifar(60), 1000, 40_000, 500, 0.25),
    "cifar10_imb": Benchmark(
        Data("tfds:cifar10", imbalance=Imbalance("step")), _cifar(50), 1000, 20_000, 500, 0.25
    ),
    "breakhis": Benchmark(
        Data("folder:BreaKHis_v1/histology_slides/breast", test_size=0.3, image_size=224),
        large(),
        *(100, 5000, 100),
    ),
    "pneumonia_mnist": Benchmark(
        Data("folder:chest_xray", image_size=28),
        large(stem="cifar", optimizer="nesterov", normalise="none"),
        *(100, 5000, 100),
    ),
}
RIVALS = ("random", "loss_prediction", "waal")  # of Table 1
CURVES = ("vaal", "badge", "k_center", "cluster_margin", "bald", "kmeans")  # more of Figure 4
_WITH_OPTIONS = {
    # The paper detaches its head after 20 epochs; it has no subset.
    "loss_prediction": Query("loss_prediction", detach_epoch=20, subset=None),
    "similar": Query("flqmi", name="similar"),
}
_DROPOUT = 0.5  # BALD's classifier; ours, the paper does not say how it samples a ResNet


def bral_t(lambda_: float, name: str = "bral_t", **fields: Any) -> Query:
    """BRAL-T with some of its options; with `learners` on these alone."""
    return Query("bral_t", name=name, lambda_=lambda_, **fields)


def rivals(*names: str) -> tuple[Query, ...]:
    """Strategies by the paper's names, with what it says of their options."""
    return tuple(_WITH_OPTIONS.get(name, Query(name)) for name in names)


def experiment(
    name: str,
    benchmark: Benchmark,
    queries: Sequence[Query],
    reported: Reported,
    *,
    learners: Mapping[str, ResNet] | None = None,
    start: Start | None = None,
) -> Experiment:
    """The paper's protocol on a benchmark.

    Args:
      name: of the experiment.
      benchmark: data, classifier, labels.
      queries: those without learners run with the benchmark's classifier, BALD with that and
        dropout, and random with both.
      reported: what the paper has for the benchmark's classifier.
      learners: more classifiers, for queries that name them.
      start: where it is another than random.
    """
    known = {"resnet18": benchmark.learner, **(learners or {})}
    if any(query.name == "bald" for query in queries):
        known["resnet18_dropout"] = dataclasses.replace(benchmark.learner, dropout=_DROPOUT)
    if len(known) > 1:
        usual = {"bald": ("resnet18_dropout",), "random": tuple(known)}
        queries = [
            dataclasses.replace(
                query, learners=query.learners or usual.get(query.name, ("resnet18",))
            )
            for query in queries
        ]
    return Experiment(
        name=f"bral_t_{name}",
        data=benchmark.data,
        learners=known,
        queries=tuple(queries),
        protocol=Protocol(
            seeds=3,
            rounds=math.ceil(benchmark.budget / benchmark.batch),
            batch=benchmark.batch,
            budget=benchmark.budget if benchmark.budget % benchmark.batch else None,
            start=start or Random(labels=benchmark.initial),
        ),
        execution=Execution(segment=1),
        shown=Shown(
            reported={
                f"resnet18/{query}": {"aubc": aubc, "accuracy": final}
                for query, (aubc, final) in reported.items()
            }
        ),
    )


def with_super_loss(learner: ResNet, lambda_: float) -> ResNet:
    """The classifier, trained by SuperLoss."""
    return dataclasses.replace(learner, loss="super", super_lambda=lambda_)


def ablations(
    name: str, benchmark: Benchmark, others: Sequence[Query], reported: Reported
) -> Experiment:
    """Table 4's strategies and others on a benchmark; of both kinds of training those that differ
    in the curriculum."""
    lambda_, both = benchmark.lambda_, ("resnet18", "resnet18_super")
    queries = (
        bral_t(lambda_, learners=both),
        bral_t(lambda_, "bral_t_without_cl", curriculum=False, learners=both),
        bral_t(lambda_, "bral_diffset", trust="second"),
        bral_t(lambda_, "bral_t_without_l", use_labelled_cluster=False),
        Query("pseudo_score", lambda_=lambda_),
        *others,
    )
    learners = {"resnet18_super": with_super_loss(benchmark.learner, lambda_)}
    return experiment(name, benchmark, queries, reported, learners=learners)
