"""Pre-trains a config's network: python launch/pretrain.py CONFIG --out FILE [--FIELD VALUE ...]

As `jal pretrain`, which --help explains.
"""

import sys

from jal.cli import command, guarded

if __name__ == "__main__":
    guarded(lambda: command("pretrain")(sys.argv[1:]))
