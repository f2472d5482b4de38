"""The command line: one file per command."""

from container.cli.main import main

__all__ = ["main"]
