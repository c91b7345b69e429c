"""What some tests need beside jal: absence skips them, or fails them where it may not be absent."""

import os
from pathlib import Path

import pytest

__all__ = ["fashion_mnist_files", "require"]


def require(available: bool, what: str, hint: str) -> None:
    """Skips the test, or the module, unless `available`; fails it where JAL_REQUIRE lists `what`.

    JAL_REQUIRE holds names with commas between them, such as fashion_mnist,torch.
    """
    if available:
        return
    reason = f"{what} is not on this machine: {hint}"
    if what in os.environ.get("JAL_REQUIRE", "").split(","):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def fashion_mnist_files() -> Path:
    """The folder of Debian's files, which JAL_FASHION_MNIST names where it is another."""
    from jal.data.fashion_mnist import SOURCE_DIR

    folder = Path(os.environ.get("JAL_FASHION_MNIST", SOURCE_DIR))
    found = len(list(folder.glob("*-ubyte.gz"))) == 4
    require(found, "fashion_mnist", "apt-get install dataset-fashion-mnist")
    return folder
