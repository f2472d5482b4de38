"""A store as a process sees it that serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from container.delivery.counters import StoreFigures
from container.delivery.preview_table import PreviewTable
from container.delivery.store import Store


class ServedStore(Store, Protocol):
    """A store, and what a process that serves wants to know of it besides."""

    @property
    def trouble(self) -> str:
        """Why no hits are taken, empty while they are."""
        ...

    @property
    def given_up(self) -> bool:
        """Whether it has failed for so long that the process should end."""
        ...

    @property
    def notices(self) -> Sequence[str]:
        """What somebody should look after, as sentences."""
        ...

    def previews(self) -> PreviewTable | None:
        """Where processes share the sessions of preview; `None` where there is one process alone.

        Raises `StoreUnavailableError` while nobody knows.
        """
        ...

    def figures(self) -> StoreFigures:
        """How it stands at this moment."""
        ...
