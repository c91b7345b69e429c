"""Runs a config over values: python launch/sweep.py CONFIG --over FIELD VALUE ...

As `jal sweep`, which --help explains.
"""

import sys

from jal.cli import command, guarded

if __name__ == "__main__":
    guarded(lambda: command("sweep")(sys.argv[1:]))
