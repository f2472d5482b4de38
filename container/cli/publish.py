"""`--allow-publish`: what has to hold for it, and what publishes then."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import typer

from container.cli.reload import Reloader
from container.cli.rewrite_file import rewrite_file
from container.preview.drafts import Live
from container.preview.publishing import Publisher


def check_publish(config: Path, *, allow: bool, workers: int) -> None:
    """Whether there is one file that one process may write."""
    if not allow:
        return
    if workers > 1:
        raise typer.BadParameter(
            "--allow-publish goes with one process: with --workers publish by changing the file, and use --watch"
        )
    if not config.is_file() or not os.access(config, os.W_OK) or not os.access(config.resolve().parent, os.W_OK):
        raise typer.BadParameter(
            f'--allow-publish: "{config}" cannot be written anew, since the file or its folder is read-only for '
            "this user: let it write both, or leave --allow-publish away"
        )


def publisher_of(path: Path, folder: Path, reloader: Reloader, clock: Callable[[], int]) -> Publisher:
    """What writes the container file. `folder`: the data folder, which keeps what the file said before."""

    def live() -> Live:
        found = reloader.current.live
        if found is None:
            raise LookupError("a container that was read from a file has one")
        return found

    return Publisher(path, folder, live, rewrite_file, reloader.reload, clock)
