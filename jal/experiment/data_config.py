"""Which data an experiment runs on, and what is done to them first."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from jal.code import call, find, is_code
from jal.data import corruption, imbalance, sources
from jal.data.dataset import of_classes
from jal.data.seed_splits import SeedSplits, SplitFunction, class_balanced, seed_splits, whole
from jal.data.sources import Dataset
from jal.data.splits import fractions
from jal.data.statistics import standardised
from jal.experiment.form import Parser, as_name, shown
from jal.experiment.frozen import Features, with_features
from jal.experiment.parts import Parts
from jal.types import Array, InputError

__all__ = [
    "Arrays",
    "Corruption",
    "Data",
    "Imbalance",
    "draw_splits",
    "given_data",
    "load_data",
    "prepared",
]


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


_KINDS = ("sklearn", "tfds", "hf", "folder", "npz", "keel")


def _named(tree: Any, where: str) -> Any:
    if not isinstance(tree, str) and not callable(tree):
        raise InputError(f"{where} must be a name or a function, got {shown(tree)}.")
    return tree


@dataclasses.dataclass(frozen=True)
class Data:
    """The data set, and what is done to it first."""

    source: Annotated[Any, Parser(_named)] = "sklearn:digits"
    """sklearn:NAME (digits, breast_cancer, iris, wine), keel:NAME of a table that jal data lists,
    tfds:NAME, hf:NAME, folder:PATH of class-named folders of images, or npz:PATH with x and y, or
    with x_train, y_train, x_test and y_test; package.module:attribute of a function that returns a
    jal.data.Dataset (given split_seed and test_size where it takes these), or that function; arrays
    where a data set was given in Python."""
    test_size: int | float | None = None
    """Test examples where the source has no test set: how many, or which share; 797 of the digits
    and a fifth of other sources if None."""
    split_seed: int = 0
    """Seed of the split into pool and test set, and of all other draws from the data; the same for
    all seeds of the experiment, if split is fixed."""
    image_size: int | None = None
    """Side in pixels to which images are resized; as they are if None."""
    classes: tuple[int, ...] | None = None
    """Classes that are kept, 0..K-1, of both sets, and numbered anew in this order; all if None."""
    train_share: float = 1.0
    """Share of the training set, drawn class by class, that forms the pool."""
    imbalance: Imbalance = Imbalance()
    corruption: Corruption = Corruption()
    features: Features = Features()  # noqa: RUF009  (frozen)
    split: Annotated[Any, Parser(_named)] = "fixed"
    """fixed: all seeds have one pool and one test set; per_seed: each seed draws its own, so that
    intervals hold for other data too, seed i as split_seed + i would; or a function (y [N], seed)
    -> (pool, test) of indices of all that the source holds, or package.module:attribute of one."""
    standardise: bool = False
    """Whether each feature, or channel of images, is brought to mean 0 and deviation 1, by the
    pool's own, which are each seed's where each has a pool."""
    parts: Parts | None = None
    """Shares into which the training data are divided for agents, once all above is done: agents
    are trained on some and compared on another. None: all of it is the pool."""
    arrays: tyro.conf.Fixed[Arrays | None] = None
    """What a data set that is given in Python holds, written by the run that it is given to."""

    def of_split(self, split: int | None) -> Data:
        """The data of one of several splits; of None themselves."""
        return dataclasses.replace(self, split_seed=self.split_seed + (split or 0))

    def check(self) -> None:
        """Raises InputError for what cannot be done where each seed has a pool of its own."""
        if self.split == "fixed":
            return
        for what, is_default in {
            "data.corruption": self.corruption == Corruption(),
            "data.features of pca": self.features.kind != "pca",
            "data.parts": self.parts is None,
        }.items():
            if not is_default:
                raise InputError(
                    f"{what} is of one pool, and by data.split {as_name(self.split)} each seed has "
                    "its own: give split fixed, or leave it out."
                )


def given_data(config: Data, dataset: Dataset) -> Data:
    """The config of a run that a data set is given to: its source is arrays.

    Raises:
      InputError: where the config asks for other data, or for something to be done to them that
        the caller could have done. What stays are parts, which divide the data among agents, and
        each seed's own split.
    """
    own = {"split": config.split, "standardise": config.standardise, "parts": config.parts}
    own["split_seed"] = config.split_seed
    if config.split != "fixed":  # these are of what each seed draws
        own |= {name: getattr(config, name) for name in ("test_size", "train_share", "imbalance")}
    left = {name: getattr(Data(), name) for name in own}
    asked = dataclasses.replace(config, **left, arrays=None)
    if asked not in (Data(), Data("arrays")):
        fields = (field.name for field in dataclasses.fields(Data))
        name = next(name for name in fields if getattr(asked, name) != getattr(Data(), name))
        raise InputError(
            f"a data set was given beside a config with data.{name} {getattr(asked, name)!r}: give "
            "one of them; load_data(config.data) makes a data set of a config."
        )
    train, test = dataset.train, dataset.test
    arrays = Arrays(len(train.y), len(test.y), train.x.shape[1:], dataset.num_classes)
    return Data("arrays", **own, arrays=arrays)


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
    if config.split == "fixed":
        chosen = _thinned(dataset.train.y, config, config.split_seed, dataset.num_classes)
        dataset = dataset if chosen is None else sources.take(dataset, chosen)
    dataset = _with_corruption(dataset, config.corruption, config.split_seed)
    return prepared(with_features(dataset, config.features), config)


def prepared(dataset: Dataset, config: Data) -> Dataset:
    """The data set standardised, if the config wants it and all seeds have one pool."""
    return standardised(dataset) if config.standardise and config.split == "fixed" else dataset


def draw_splits(
    config: Data, dataset: Dataset, seeds: Sequence[int], allow_code: bool = True
) -> tuple[Dataset, SeedSplits | None]:
    """The data set `whole`, and the split of each seed; the data set itself and None where the
    split is fixed.

    Args:
      config: which.
      dataset: of `load_data`, or one that was given.
      seeds: their numbers.
      allow_code: as in `load_data`.

    Raises:
      InputError: where a split cannot be drawn.
    """
    if config.split == "fixed":
        return dataset, None
    size = len(dataset.test.y) if config.test_size is None else config.test_size
    balanced = class_balanced(size)
    split: SplitFunction = find("split", config.split, {"per_seed": balanced}, allow_code)
    everything, classes = whole(dataset), dataset.num_classes
    numbers = [config.split_seed + seed for seed in seeds]
    return everything, seed_splits(
        everything,
        lambda y, seed: call("split", split, y, seed),
        numbers,
        lambda y, seed: _thinned(y, config, seed, classes),
        config.standardise,
    )


def _thinned(y: np.ndarray, config: Data, seed: int, classes: int) -> np.ndarray | None:
    """Which points of a pool stay, of the wanted share and counts; all of them if None."""
    chosen = None
    if config.train_share != 1.0:
        (chosen,) = fractions(y, (config.train_share,), seed)
        y = y[chosen]
    wanted = _counts(np.bincount(y, minlength=classes), config.imbalance)
    if wanted is None:
        return chosen
    fewer = imbalance.with_counts(y, wanted, seed)
    return fewer if chosen is None else chosen[fewer]


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


def _counts(present: np.ndarray, config: Imbalance) -> np.ndarray | None:
    """Points of each class that are wanted, of those `present [K]`; None where all are."""
    if config.profile == "none":
        return None
    largest = int(present.min()) if config.largest is None else config.largest
    if config.profile == "step":
        return imbalance.step_counts(largest, len(present))
    counts = {"long_tail": imbalance.long_tail_counts, "ratio": imbalance.ratio_counts}
    return counts[config.profile](largest, config.amount, len(present))


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
