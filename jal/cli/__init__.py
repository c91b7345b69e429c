"""The command line: `jal run CONFIG`, `jal report DIR` and the rest."""

from jal.extras import require

require("the command jal", "experiments", "tyro")


from jal.cli.main import command, guarded, main

__all__ = ["command", "guarded", "main"]
