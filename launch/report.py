"""Makes the pictures and page of a run anew: python launch/report.py DIR. As `jal report`."""

import sys

from jal.cli import command, guarded

if __name__ == "__main__":
    guarded(lambda: command("report")(sys.argv[1:]))
