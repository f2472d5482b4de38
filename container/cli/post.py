"""Where a process stands that is one of several: what it got from the one that leads them, and what it tells."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from container.cli.board import Place
from container.web.rate import Buckets


@dataclass(frozen=True, slots=True)
class Post:
    """A place among several processes. `public`, `admin`: sockets that listen, `None` for what this one does not do.

    `place`: where it says how it stands; `others`: where the workers do, for the one with the admin listener.
    `buckets`: what all of them remember of the rate of hits. `leader`: a descriptor that ends when the leader does.
    `ready`: a descriptor to write to once this process works. `public_at`: the address of the workers' listener.
    """

    name: str
    public: socket.socket | None
    admin: socket.socket | None
    place: Place
    others: Sequence[Place]
    buckets: Buckets
    leader: int
    ready: int
    public_at: str = ""

    def when_left_alone(self, then: Callable[[], None]) -> None:
        """Calls back when the leader has ended without a word: nobody would start this process again, or stop it."""
        loop = asyncio.get_running_loop()

        def ended() -> None:
            loop.remove_reader(self.leader)
            then()

        loop.add_reader(self.leader, ended)

    def works(self) -> None:
        """Says that this process does what it is there for."""
        with suppress(OSError):
            os.write(self.ready, b"1")
