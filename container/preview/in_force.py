"""The container file in force, as preview runs it: compiled once more, with what a trace reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from container.engine.container import Container
from container.preview.bench import RefusedError
from container.preview.drafts import Live, as_live

NO_FILE = "This server runs no container file of its own, so there is nothing to draft beside."


class InForce:
    """`live`: the file in force, `None` when the container was not read from one."""

    def __init__(self, live: Callable[[], Live | None]) -> None:
        self._live = live
        self._made: tuple[Live, Container] | None = None
        self._turn = asyncio.Lock()

    def file(self) -> Live:
        """The file. Raises `RefusedError`."""
        found = self._live()
        if found is None:
            raise RefusedError(NO_FILE)
        return found

    async def compiled(self) -> Container:
        """The file's container for preview: made off the loop, once for each file. Raises `RefusedError`."""
        # Hits that come meanwhile wait for the same one.
        async with self._turn:
            live = self.file()
            if self._made is None or self._made[0] is not live:
                made = await asyncio.to_thread(as_live, live)
                self._made = live, made.container
            return self._made[1]
