"""Where a container and its secrets come from, and how they become something that can take hits."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from container.config.load import Loaded, Secrets, load_file
from container.config.registry import Registry

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


def read(sources: Sources) -> Loaded:
    """Reads and checks the file. Raises `OSError`."""
    return load_file(
        sources.path,
        registry=sources.registry,
        environment=sources.environment,
        secrets=sources.secrets,
        strict_environment=sources.strict,
    )


def secrets_from(folder: Path | None, environment: Mapping[str, str]) -> Secrets:
    """A secret is a file of that name in the folder, else the environment variable, else not set.

    Read anew each time, so that a rotated secret counts at once. White space at the end of a file does not belong to
    it, and one that is empty is not set. A file that is there and cannot be read is told of once.
    """
    told: set[str] = set()

    def secret(name: str) -> str | None:
        if folder is not None and _FILE_NAME.fullmatch(name):
            try:
                value = (folder / name).read_text(encoding="utf-8").rstrip()
            except FileNotFoundError:
                value = ""
            except (OSError, UnicodeDecodeError) as problem:
                value = ""
                if name not in told:
                    told.add(name)
                    logger.warning('secret.unreadable name=%s reason="%s"', name, _reason(problem))
            if value:
                return value
        value = environment.get(name, "")
        return value if value.strip() else None

    return secret


def _reason(problem: OSError | UnicodeDecodeError) -> str:
    return "it is not UTF-8" if isinstance(problem, UnicodeDecodeError) else problem.strerror or "it cannot be read"
