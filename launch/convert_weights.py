"""Weights of a .pth file as safetensors: python launch/convert_weights.py NETWORK --out FILE

As `jal convert-weights`, which --help explains.
"""

import sys

from jal.cli import command, guarded

if __name__ == "__main__":
    guarded(lambda: command("convert-weights")(sys.argv[1:]))
