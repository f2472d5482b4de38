"""Where a container and its secrets come from, and how they become something that can take hits."""

from __future__ import annotations

import gc
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from container.config.load import Loaded, Secrets, load_file
from container.config.registry import Registry
from container.delivery.told import quoted

logger = logging.getLogger("container.cli")

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sources:
    """What a container is read from. `strict`: whether an unset reference is an error."""

    path: Path
    registry: Registry
    environment: Mapping[str, str]
    secrets: Secrets
    strict: bool = False


@contextmanager
def uncollected() -> Iterator[None]:
    """Looks for no garbage meanwhile: a container is a great many objects, and nearly all of them stay.

    Looking takes a third of the time that loading takes, and whoever else runs in this process waits for it.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@uncollected()
def read(sources: Sources) -> Loaded:
    """Reads and checks the file. Raises `OSError`."""
    return load_file(
        sources.path,
        registry=sources.registry,
        environment=sources.environment,
        secrets=sources.secrets,
        strict_environment=sources.strict,
    )


def secrets_from(
    folder: Path | None,
    environment: Mapping[str, str],
    learn: Callable[[str, str], None] = lambda _name, _value: None,
) -> Secrets:
    """A secret is a file of that name in the folder, else the environment variable, else not set.

    Read anew each time, so that a rotated secret counts at once. White space at the end of a file does not belong to
    it. One that is empty is not set, and neither is one that cannot be read: both are told of once, and the environment
    does not stand in for a file that is there. `learn`: told the name and the value of each that is read.
    """
    secret = _in_folder_or_environment(folder, environment)

    def learned(name: str) -> str | None:
        value = secret(name)
        if value is not None:
            learn(name, value)
        return value

    return learned


def own_secret(secrets: Secrets, name: str, folder: Path | None) -> str:
    """A secret of the process itself: a file or a variable, empty for none.

    Without its key deliveries would be sealed with another one, so a file that is there has to count.
    """
    found = secrets(name)
    if found is None and folder is not None and os.path.lexists(folder / name):
        raise typer.BadParameter(
            f'--secrets-dir: the file "{name}" is empty or cannot be read: fill it, or let this user read it'
        )
    return found or ""


def _in_folder_or_environment(folder: Path | None, environment: Mapping[str, str]) -> Secrets:
    told: set[str] = set()

    def tell(name: str, reason: str) -> None:
        if name not in told:
            told.add(name)
            logger.warning("secret.unreadable name=%s reason=%s", name, quoted(reason))

    def secret(name: str) -> str | None:
        if folder is not None and _FILE_NAME.fullmatch(name):
            try:
                value = (folder / name).read_text(encoding="utf-8").rstrip()
            except FileNotFoundError:
                told.discard(name)
            except (OSError, UnicodeDecodeError) as problem:
                tell(name, _reason(problem))
                return None
            else:
                if not value:
                    tell(name, "it is empty")
                    return None
                told.discard(name)
                return value
        value = environment.get(name, "")
        return value if value.strip() else None

    return secret


def _reason(problem: OSError | UnicodeDecodeError) -> str:
    return "it is not UTF-8" if isinstance(problem, UnicodeDecodeError) else problem.strerror or "it cannot be read"
