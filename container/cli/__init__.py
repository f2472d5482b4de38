"""The command line: one file per command."""

import sys

from container.cli.signals import early

# Reading our own modules takes half a second, in which somebody may send a signal already.
if sys.argv[1:2] == ["serve"]:
    early.listen()

from container.cli.main import main

__all__ = ["main"]
