"""The container in force. A reload swaps the one reference, so each hit sees one configuration from start to end."""

from __future__ import annotations

from dataclasses import dataclass

from container.engine.container import Container
from container.preview.drafts import Live


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not taken, at a moment in Unix milliseconds. `first`: the first of its problems.

    `times`: how often in a row a reload was refused.
    """

    at: int
    file: str
    first: str
    problems: int = 1
    times: int = 1


@dataclass(slots=True)
class Current:
    """Holds the container that takes the next hit. Mutable on purpose, and the only thing a reload changes.

    `notice`: what the pages say about it at the top, such as what a demonstration changed. `refusal`: of the last
    reload, if it failed. `live`: the file that it was made of, for what preview compares with.
    """

    container: Container
    notice: str = ""
    refusal: Refusal | None = None
    live: Live | None = None
