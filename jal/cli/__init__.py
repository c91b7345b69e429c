"""The command line: `jal run CONFIG`, `jal report DIR` and the rest."""

from jal.cli.main import command, guarded, main

__all__ = ["command", "guarded", "main"]
