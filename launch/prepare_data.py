"""Prepares a data set for tfds:NAME: python launch/prepare_data.py NAME. As `jal prepare-data`."""

import sys

from jal.cli import command, guarded

if __name__ == "__main__":
    guarded(lambda: command("prepare-data")(sys.argv[1:]))
