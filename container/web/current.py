"""The container in force. A reload swaps the one reference, so each hit sees one configuration from start to end."""

from __future__ import annotations

from dataclasses import dataclass

from container.engine.container import Container


@dataclass(slots=True)
class Current:
    """Holds the container that takes the next hit. Mutable on purpose, and the only thing a reload changes.

    `notice`: what the pages say about it at the top, such as what a demonstration changed.
    """

    container: Container
    notice: str = ""
