"""Runs a config: python launch/run.py CONFIG [--FIELD VALUE ...] [--out DIR | --resume DIR].

As `jal run`, which --help explains.
"""

import sys

from jal.cli import command, guarded

if __name__ == "__main__":
    guarded(lambda: command("run")(sys.argv[1:]))
