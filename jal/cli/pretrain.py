"""`jal pretrain`: fits a config's network on all of its data, and saves the weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from jal.cli.configs import find_config
from jal.cli.options import parse_options
from jal.experiment import Experiment
from jal.experiment.config_file import load_config
from jal.experiment.pretraining import pretrain
from jal.types import InputError

__all__ = ["pretrain_command"]

_ABOUT = """Fits a network of a config, a Python file with get_config(), which returns an
Experiment, or the name of one that `jal configs` lists, on all of its data, and writes the weights.
They are what the field weights of a learner takes, such as --learners.cnn.weights. Its data and its
learners are read, of which every field can be overridden, such as --data.classes."""


@dataclasses.dataclass(frozen=True)
class _Extra:
    out: Path | None = None
    """A new safetensors file."""
    learner: str | None = None
    """The learner that is fitted; the config's first if not given."""
    seed: int = 0
    """Seed of the random weights and of the minibatches."""


def pretrain_command(arguments: Sequence[str], prog: str = "jal pretrain") -> None:
    """Fits, saves, and says how good it is."""
    given = list(arguments)
    named = given.pop(0) if given and not given[0].startswith("-") else None
    config = Experiment() if named is None else load_config(find_config(named))
    if not isinstance(config, Experiment):
        raise InputError(f"{named} must be a config of one experiment.")
    config, extra = parse_options(config, _Extra, given, f"{prog} {named or 'CONFIG'}", _ABOUT)
    if named is None:
        raise InputError("give a config first, such as fashion_mnist.")
    if extra.out is None:
        raise InputError("give --out FILE, a new safetensors file.")
    if extra.out.suffix != ".safetensors" or extra.out.exists():
        raise InputError(f"--out must be a new file that ends in .safetensors, got {extra.out}.")
    assert isinstance(config, Experiment)
    found = pretrain(config, extra.out, extra.learner, extra.seed)
    print(
        f"{found.points:,} points, train loss {found.train_loss:.3f}, test accuracy "
        f"{found.accuracy:.3f}; the weights are in {extra.out}"
    )
