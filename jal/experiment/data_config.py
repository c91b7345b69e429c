"""Which data an experiment runs on, and what is done to them first."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from jal.code import call, find, is_code
from jal.data import corruption, imbalance, sources
from jal.data.dataset import of_classes
from jal.data.sources import Dataset
from jal.data.splits import fractions
from jal.experiment.form import Parser, as_name, shown
from jal.experiment.frozen import Features, with_features
from jal.experiment.parts import Parts
from jal.types import Array, InputError

__all__ = ["Arrays", "Corruption", "Data", "Imbalance", "given_data", "load_data"]


@dataclasses.dataclass(frozen=True)
class Imbalance:
    """Classes of unequal size in the pool."""

    profile: Literal["none", "step", "long_tail", "ratio"] = "none"
    """How the classes' counts differ. step: 1:2:...:K; long_tail: n f^(-c/(K-1)) with the factor f;
    ratio: the same decay, with the f that gives a wanted ratio of their deviation to their mean."""
    amount: float = 10.0
    """The factor f of long_tail; the ratio of ratio."""
    largest: int | None = None
    """Points of the largest class; as many as the smallest one has now if None."""


@dataclasses.dataclass(frozen=True)
class Corruption:
    """Noise on the pool's images: zoom, rotation and multiplicative Gaussian noise."""

    share: float = 0.0
    """Share of the pool's images that are corrupted."""
    zooms: tuple[float, float] = (0.9, 1.1)
    """Least and largest factor of the zoom."""
    max_angle: float = np.pi / 12
    """Largest angle of the rotation, in radians."""
    sigma: float = 0.1
    """Standard deviation of the multiplicative noise."""


@dataclasses.dataclass(frozen=True)
class Arrays:
    """What a data set that was given to a run holds."""

    train: int
    """Training examples."""
    test: int
    """Test examples."""
    shape: tuple[int, ...]
    """Shape of one example."""
    classes: int
    """Number of classes."""


_KINDS = ("sklearn", "tfds", "hf", "folder", "npz")


def _source(tree: Any, where: str) -> Any:
    if not isinstance(tree, str) and not callable(tree):
        raise InputError(f"{where} must be a name or a function, got {shown(tree)}.")
    return tree


@dataclasses.dataclass(frozen=True)
class Data:
    """The data set, and what is done to it first."""

    source: Annotated[Any, Parser(_source)] = "sklearn:digits"
    """sklearn:digits, tfds:NAME, hf:NAME, folder:PATH of class-named folders of images, or
    npz:PATH with x and y, or with x_train, y_train, x_test and y_test; package.module:attribute of
    a function that returns a jal.data.Dataset (given split_seed and test_size where it takes
    these), or that function; arrays where a data set was given in Python."""
    test_size: int | float | None = None
    """Test examples where the source has no test set: how many, or which share; 797 of the digits
    and a fifth of other sources if None."""
    split_seed: int = 0
    """Seed of the split into pool and test set, and of all other draws from the data; the same for
    all seeds of the experiment."""
    image_size: int | None = None
    """Side in pixels to which images are resized; as they are if None."""
    classes: tuple[int, ...] | None = None
    """Classes that are kept, 0..K-1, of both sets, and numbered anew in this order; all if None."""
    train_share: float = 1.0
    """Share of the training set, drawn class by class, that forms the pool."""
    imbalance: Imbalance = Imbalance()
    corruption: Corruption = Corruption()
    features: Features = dataclasses.field(default_factory=Features)
    parts: Parts | None = None
    """Shares into which the training data are divided for agents, once all above is done: agents
    are trained on some and compared on another. None: all of it is the pool."""
    arrays: tyro.conf.Fixed[Arrays | None] = None
    """What a data set that is given in Python holds, written by the run that it is given to."""

    def of_split(self, split: int | None) -> Data:
        """The data of one of several splits; of None themselves."""
        return dataclasses.replace(self, split_seed=self.split_seed + (split or 0))


def given_data(config: Data, dataset: Dataset) -> Data:
    """The config of a run that a data set is given to: its source is arrays.

    Raises:
      InputError: where the config asks for other data, or for something to be done to them; all but
        split_seed and parts, which divide the data among agents.
    """
    asked = dataclasses.replace(config, split_seed=0, parts=None, arrays=None)
    if asked not in (Data(), Data("arrays")):
        fields = (field.name for field in dataclasses.fields(Data))
        name = next(name for name in fields if getattr(asked, name) != getattr(Data(), name))
        raise InputError(
            f"a data set was given beside a config with data.{name} {getattr(asked, name)!r}: give "
            "one of them; load_data(config.data) makes a data set of a config."
        )
    train, test = dataset.train, dataset.test
    arrays = Arrays(len(train.y), len(test.y), train.x.shape[1:], dataset.num_classes)
    return Data("arrays", split_seed=config.split_seed, parts=config.parts, arrays=arrays)


def load_data(config: Data, allow_code: bool = True) -> Dataset:
    """The data set: loaded, of some classes, thinned out, imbalanced, corrupted, as features.

    Args:
      config: which.
      allow_code: whether the source may name a module that must be imported.

    Raises:
      InputError: where any of these cannot be done.
    """
    if config.split_seed < 0:
        raise InputError(f"split_seed must not be negative, got {config.split_seed}.")
    if config.source == "arrays":
        what, held = "", config.arrays
        if held is not None:
            what = (
                f", {held.train:,} training and {held.test:,} test examples of shape {held.shape} "
                f"in {held.classes} classes"
            )
        raise InputError(
            f"the data are arrays that were given in Python{what}: give them again, as dataset= of "
            "jal.experiment.run or jal.experiment.resume."
        )
    source = config.source
    if not isinstance(source, str) or (is_code(source) and source.partition(":")[0] not in _KINDS):
        dataset = _of_function(config, allow_code)
    else:
        dataset = sources.load(
            source,
            test_size=config.test_size,
            split_seed=config.split_seed,
            image_size=config.image_size,
        )
    if config.classes is not None:
        dataset = of_classes(dataset, config.classes)
    if config.train_share != 1.0:
        (chosen,) = fractions(dataset.train.y, (config.train_share,), config.split_seed)
        dataset = sources.take(dataset, chosen)
    dataset = _with_imbalance(dataset, config.imbalance, config.split_seed)
    dataset = _with_corruption(dataset, config.corruption, config.split_seed)
    return with_features(dataset, config.features)


def _of_function(config: Data, allow_code: bool) -> Dataset:
    function = find("data source", config.source, {}, allow_code)
    if not callable(function):
        raise InputError(
            f"data source {config.source} must be a function that returns a jal.data.Dataset, got "
            f"{shown(function)}."
        )
    takes = inspect.signature(function).parameters
    given = {"test_size": config.test_size, "image_size": config.image_size}
    options = {name: value for name, value in given.items() if value is not None}
    options["split_seed"] = config.split_seed
    for name, value in options.items():
        if name not in takes and value:
            raise InputError(
                f"data source {as_name(config.source)} takes no {name}, got {value}: leave it out."
            )
    taken = {name: value for name, value in options.items() if name in takes}
    made = call("data source", function, **taken)
    if not isinstance(made, Dataset):
        raise InputError(
            f"data source {as_name(config.source)} must return a jal.data.Dataset, such as "
            f"from_arrays makes, and returns {shown(made)}."
        )
    return made


def _with_imbalance(dataset: Dataset, config: Imbalance, seed: int) -> Dataset:
    if config.profile == "none":
        return dataset
    classes = dataset.num_classes
    counts = np.bincount(dataset.train.y, minlength=classes)
    largest = int(counts.min()) if config.largest is None else config.largest
    if config.profile == "step":
        wanted = imbalance.step_counts(largest, classes)
    elif config.profile == "long_tail":
        wanted = imbalance.long_tail_counts(largest, config.amount, classes)
    else:
        wanted = imbalance.ratio_counts(largest, config.amount, classes)
    return imbalance.imbalanced(dataset, wanted, seed)


def _with_corruption(dataset: Dataset, config: Corruption, seed: int) -> Dataset:
    if config.share == 0.0:
        return dataset
    if not 0 < config.zooms[0] <= config.zooms[1] or config.sigma < 0:
        raise InputError(
            f"corruption takes zooms of 0 < least <= largest and a sigma of at least 0, got "
            f"{config.zooms} and {config.sigma}."
        )

    def corrupt(key: Array, image: Array) -> Array:
        return corruption.corrupt(key, image, config.zooms, config.max_angle, config.sigma)

    return corruption.corrupted(dataset, seed, config.share, corrupt)
