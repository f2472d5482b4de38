"""Processes on one database: `serve`, `deliver`, and several of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.processes import FILE, PATIENCE_SECONDS, Serving, serving
from tests.delivery.postgres import KEY, execute

TOKEN = "a-token-of-the-admin"


def environment(url: str, **more: str) -> Mapping[str, str]:
    return {
        "SERVED_TOKEN": "token",
        "TAG_CONTAINER_KEY": KEY,
        "TAG_CONTAINER_STORE": url,
        "TAG_CONTAINER_ADMIN_TOKEN": TOKEN,
    } | more


@contextmanager
def on_database(folder: Path, url: str, *arguments: str, command: str = "serve", text: str = FILE) -> Iterator[Serving]:
    """A command that works on this database."""
    with serving(folder, *arguments, command_name=command, text=text, environment=environment(url)) as served:
        yield served


def soon(look: Callable[[], Any], wanted: Any) -> None:
    """Returns once `look` gives what is wanted."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (found := look()) != wanted:
        assert time.monotonic() < until, found
        time.sleep(0.05)


def rows(url: str) -> int:
    """How many deliveries wait in a database, or are being sent."""
    [(found,)] = execute(url, "select count(*) from delivery")
    return int(found)
