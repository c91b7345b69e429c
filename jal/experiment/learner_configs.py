"""The learners that an experiment can name, each a frozen dataclass that builds its Learner.

One of your own is a dataclass with such a `build`, or a function of an example's shape, the number
of classes and `max_labels` that makes a Learner, or a Learner itself.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp

from jal import learners
from jal.data import augmentation
from jal.data.sources import Dataset
from jal.data.statistics import IMAGENET, standardisation
from jal.learners import schedules
from jal.types import InputError, Learner

__all__ = [
    "CNN",
    "LDA",
    "MLP",
    "SVC",
    "LearnerBase",
    "LearnerConfig",
    "LinearSVC",
    "LogisticRegression",
    "ResNet",
    "Switch",
    "ViT",
    "learner_classes",
]


class LearnerBase:
    """A learner of the registry, whose options are the config's fields, unless it has a `build` of
    its own."""

    learner: ClassVar[str]
    variant: ClassVar[bool] = True
    traced: ClassVar[tuple[str, ...]] = ("C",)  # hyper-parameters of one program

    def check(self, name: str) -> None:
        """Raises InputError for a number that cannot be; `name` is the experiment's."""

    def input_shape(self, dataset: Dataset) -> tuple[int, ...]:
        """Of one example, as the learner sees it."""
        return dataset.train.x.shape[1:]

    def options(self, dataset: Dataset) -> dict[str, Any]:
        """Of the registry's factory; some depend on the data."""
        del dataset
        return dict(vars(self))

    def build(self, dataset: Dataset, max_labels: int) -> Learner:
        """The learner for one data set, of at most `max_labels` labels."""
        return learners.registry[self.learner](
            self.input_shape(dataset),
            dataset.num_classes,
            max_labels=max_labels,
            **self.options(dataset),
        )


@dataclasses.dataclass(frozen=True)
class LogisticRegression(LearnerBase):
    """Multinomial logistic regression with scikit-learn's objective."""

    learner = "logistic_regression"

    C: float = 1.0
    """Inverse regularisation strength."""
    C_grid: tuple[float, ...] = ()
    """Multiples of C to choose among by cross-validation in every round; none if empty."""
    folds: int = 5
    """Folds of the cross-validation that chooses among C_grid."""
    tol: float = 1e-6
    """Largest norm of the mean objective's gradient at which it stops."""
    max_steps: int = 100
    """Newton steps of a fit, at most."""

    def check(self, name: str) -> None:
        """Raises InputError for a number that cannot be; `name` is the experiment's."""
        _positive(name, C=self.C, folds=self.folds, max_steps=self.max_steps)
        _not_negative(name, tol=self.tol)


@dataclasses.dataclass(frozen=True)
class LinearSVC(LearnerBase):
    """Linear support vector machine, one class against the rest: scikit-learn's LinearSVC."""

    learner = "linear_svc"

    C: float = 1.0
    """Price of a violated margin."""
    C_grid: tuple[float, ...] = ()
    """Multiples of C to choose among by cross-validation in every round; none if empty."""
    folds: int = 5
    """Folds of the cross-validation that chooses among C_grid."""
    class_weight: Literal["balanced"] | None = None
    """Weights of the classes: all the same if None; balanced: C times n / (classes present x the
    class's labels)."""
    max_steps: int = 100
    """Steps of the solver in a fit, at most."""

    def check(self, name: str) -> None:
        """Raises InputError for a number that cannot be; `name` is the experiment's."""
        _positive(name, C=self.C, folds=self.folds, max_steps=self.max_steps)


@dataclasses.dataclass(frozen=True)
class SVC(LinearSVC):
    """Support vector machine with an RBF kernel: scikit-learn's SVC."""

    learner = "svc"

    gamma: float | Literal["scale"] = "scale"
    """gamma of the kernel exp(-gamma d^2); scale: 1 / (D x the variance of the labelled inputs)."""
    tol: float = 1e-4
    """Largest violation of the optimum's conditions at which the solver stops; scikit-learn's is
    1e-3."""
    max_steps: int = 100_000
    """Steps of the solver on a pair of classes in a fit, at most."""

    def check(self, name: str) -> None:
        """Raises InputError for a number that cannot be; `name` is the experiment's."""
        super().check(name)
        _positive(name, tol=self.tol)


@dataclasses.dataclass(frozen=True)
class LDA(LearnerBase):
    """Linear discriminant analysis: scikit-learn's."""

    learner = "lda"
    traced = ()

    tol: float = 1e-4
    """Singular value up to which a direction is left out, as one in which no class varies."""

    def check(self, name: str) -> None:
        """Raises InputError for a number that cannot be; `name` is the experiment's."""
        _not_negative(name, tol=self.tol)


@dataclasses.dataclass(frozen=True)
class _Trained(LearnerBase):
    """A network, trained by minibatches."""

    traced = ("learning_rate", "weight_decay")

    epochs: int = 50
    """Passes over the labelled points in each round."""
    batch_size: int = 32
    """Points per gradient step."""
    optimizer: Literal["nesterov", "adam"] = "nesterov"
    """Optimizer: SGD with Nesterov momentum 0.9, or Adam."""
    learning_rate: float = 0.05
    """Learning rate, the step size."""
    weight_decay: float = 1e-4
    """L2 penalty, added to the gradient."""
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    """Schedule of the learning rate: cosine falls to 0; plateau, by 10 after 10 epochs of no
    progress."""
    loss: Literal["cross_entropy", "super"] = "cross_entropy"
    """Loss: cross_entropy; or super, SuperLoss with tau = log K, in which easy points count more
    than hard ones."""
    super_lambda: float = 1.0
    """Lambda of SuperLoss: the larger, the more alike all points count."""
    class_weight: Literal["balanced"] | None = None
    """Weights of the classes in the loss: all the same if None; balanced: a point counts n /
    (classes present x its class's labels)."""
    thresholding: bool = False
    """Whether probabilities are divided by the classes' shares of the labelled points."""
    augment: tuple[Literal["crop", "flip"], ...] = ()
    """Random changes of training images: crop (4 pixels of padding), flip (left and right)."""
    normalise: Literal["none", "pool", "imagenet"] = "pool"
    """What each feature, or channel of images, is standardised by: the pool's own mean and scale,
    or ImageNet's. Bytes are scaled to [0, 1] in any case."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Number type of the computation; parameters stay float32."""
    warm_start: bool = False
    """Whether a fit goes on from the last round's weights instead of starting anew."""
    dropout: float = 0.0
    """Share of units dropped in training."""

    predict_batch: int = 512
    """Examples in one pass of prediction; fewer take less memory."""
    weights: str | None = None
    """Pre-trained weights to start from: a safetensors file, such as jal pretrain writes, or
    hf:OWNER/NAME; random if None."""

    def check(self, name: str) -> None:
        """Raises InputError for a number that cannot be; `name` is the experiment's."""
        _positive(name, epochs=self.epochs, batch_size=self.batch_size)
        _positive(name, learning_rate=self.learning_rate, predict_batch=self.predict_batch)
        _positive(name, super_lambda=self.super_lambda)
        _not_negative(name, weight_decay=self.weight_decay)
        if not 0 <= self.dropout < 1:
            raise InputError(
                f"dropout of {name} must be at least 0 and below 1, got {self.dropout}."
            )

    def input_shape(self, dataset: Dataset) -> tuple[int, ...]:
        """Of one example; gray images less ImageNet's mean have three channels."""
        *size, channels = dataset.train.x.shape[1:]
        return (*size, 3 if self.normalise == "imagenet" and channels == 1 else channels)

    def options(self, dataset: Dataset) -> dict[str, Any]:
        """Names turned into the functions and numbers that they stand for."""
        shape = dataset.train.x.shape[1:]
        if self.augment and len(shape) != 3:
            raise InputError(
                f"crops and flips take images (H, W, C), not inputs of shape {shape}: leave "
                "augment empty."
            )
        if self.normalise == "imagenet" and (len(shape) != 3 or shape[-1] not in (1, 3)):
            raise InputError(
                f"ImageNet's mean is for images of one or three channels, not inputs of shape "
                f"{shape}: give normalise pool or none."
            )
        options = dict(vars(self))
        options["optimizer"] = getattr(learners, self.optimizer)
        options["schedule"] = getattr(schedules, self.schedule)()
        steps = [getattr(augmentation, name)() for name in self.augment]
        options["augment"] = augmentation.compose(*steps) if steps else None
        options["dtype"] = getattr(jnp, options.pop("precision"))
        normalise = options.pop("normalise")
        if normalise == "pool":
            options["mean"], options["std"] = standardisation(dataset.train.x)
        elif normalise == "imagenet":
            options["mean"], options["std"] = IMAGENET
        return options


@dataclasses.dataclass(frozen=True)
class MLP(_Trained):
    """Multi-layer perceptron."""

    learner = "mlp"

    hidden: tuple[int, ...] = (128,)
    """Widths of the hidden layers."""

    def check(self, name: str) -> None:
        """Raises InputError for a number that cannot be; `name` is the experiment's."""
        super().check(name)
        _widths(name, hidden=self.hidden)


@dataclasses.dataclass(frozen=True)
class CNN(_Trained):
    """Two 3x3 convolutions, a 2x2 maximum, three dense layers."""

    learner = "cnn"

    channels: tuple[int, int] = (32, 64)
    """Channels of the two convolutions."""
    hidden: tuple[int, int] = (128, 64)
    """Widths of the hidden dense layers."""
    dropout: float = 0.25
    """Share of units dropped in training."""

    def check(self, name: str) -> None:
        """Raises InputError for a number that cannot be; `name` is the experiment's."""
        super().check(name)
        _widths(name, channels=self.channels, hidden=self.hidden)


@dataclasses.dataclass(frozen=True)
class ResNet(_Trained):
    """ResNet-18, 34 or 50."""

    learner = "resnet"

    depth: Literal[18, 34, 50] = 18
    """Number of layers."""
    stem: Literal["imagenet", "cifar", "grayscale"] = "imagenet"
    """First layers. imagenet: 7x7 of stride 2, and a pool; cifar: 3x3 for small images; grayscale:
    imagenet's behind a 1x1 convolution from one channel to three."""


@dataclasses.dataclass(frozen=True)
class ViT(_Trained):
    """ViT-S/16, as DeiT-S and DINO have it."""

    learner = "vit"

    epsilon: float = 1e-6
    """Epsilon of the layer norms: 1e-6 for weights of DINO and timm, 1e-12 for those of
    transformers."""


@dataclasses.dataclass(frozen=True)
class Switch(LearnerBase):
    """A shallow learner, on a network's frozen features where that has pre-trained weights; then
    the network, fine-tuned, from the round on in which it leads in cross-validation."""

    learner = "switch"
    traced = ()

    shallow: SVC | LinearSVC | LogisticRegression | LDA = SVC()
    """Of the features that the network has before it is trained; of the inputs themselves where
    the network has no pre-trained weights."""
    network: MLP | CNN | ResNet | ViT = MLP()
    """Trained as it is in each round from the switch on."""
    folds: int = 5
    """Folds of the cross-validation in each round before the switch."""
    lead: float = 2.0
    """Standard errors by which the network's accuracy must be above the other's; 0 for any lead."""
    balanced: bool = False
    """Whether every class has the same weight in these accuracies."""

    def check(self, name: str) -> None:
        """Raises InputError for a number that cannot be; `name` is the experiment's."""
        self.shallow.check(f"{name}.shallow")
        self.network.check(f"{name}.network")
        _not_negative(name, lead=self.lead)
        if self.folds < 2:
            raise InputError(f"folds of {name} must be at least 2, got {self.folds}.")

    def build(self, dataset: Dataset, max_labels: int) -> Learner:
        """The learner for one data set, of at most `max_labels` labels."""
        network = self.network.build(dataset, max_labels)
        if self.network.weights is None:
            shallow = self.shallow.build(dataset, max_labels)
        else:
            one = jnp.asarray(dataset.train.x[:1])
            seen = jax.eval_shape(
                lambda key: network.predict(network.init(key, network.prepare(one)), one),
                jax.random.key(0),
            )
            make = learners.registry[self.shallow.learner]
            options = self.shallow.options(dataset)
            size = seen.features.shape[1:]
            shallow = make(size, dataset.num_classes, max_labels=max_labels, **options)
            shallow = learners.on_features(shallow, network)
        return learners.switching(
            shallow,
            network,
            folds=self.folds,
            lead=self.lead,
            balanced=self.balanced,
            max_labels=max_labels,
        )


LearnerConfig = LogisticRegression | SVC | LinearSVC | LDA | MLP | CNN | ResNet | ViT | Switch

_CLASSES = (LogisticRegression, LinearSVC, SVC, LDA, MLP, CNN, ResNet, ViT, Switch)


def learner_classes() -> dict[str, type]:
    """The configs by the learner's name."""
    return {kind.learner: kind for kind in _CLASSES}


def _positive(name: str, **options: float) -> None:
    for option, value in options.items():
        if not 0 < value < math.inf:
            raise InputError(f"{option} of {name} must be positive, got {value}.")


def _not_negative(name: str, **options: float) -> None:
    for option, value in options.items():
        if not 0 <= value < math.inf:
            raise InputError(f"{option} of {name} must not be negative, got {value}.")


def _widths(name: str, **options: tuple[int, ...]) -> None:
    for option, value in options.items():
        if any(width < 1 for width in value):
            raise InputError(f"{option} of {name} must be widths of at least 1, got {value}.")
