"""Connections to PostgreSQL that wait for no answer without end.

A server that hangs says nothing, and neither does a network that lost the connection: no limit of the database's own
holds then. So the time is measured here, and whoever waits for too long hangs up. What was asked for may be done all
the same.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import make_conninfo

from container.delivery.postgres_address import check_address
from container.delivery.remedies import SILENT

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 5
"""The database itself gives up a statement after so long."""

MARGIN_SECONDS = 1.0
"""And has so much longer to say so."""

PROGRAM = "tag-container"
ATTENDED_EVERY_SECONDS = 10.0
_A_DAY = 24 * 3600.0


class SilentError(psycopg.OperationalError):
    """Nothing was heard for so long that we hung up."""


class PatientConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """`patience`: seconds that a statement may take; the server has a moment more to say that it was too long."""

    patience: float = STATEMENT_SECONDS
    _hung_up = False

    async def wait(self, *arguments: Any, **more: Any) -> Any:
        """As the library waits for whatever the server should say, and not for ever."""
        timer = asyncio.get_running_loop().call_later(self.patience + MARGIN_SECONDS, self.hang_up)
        try:
            return await super().wait(*arguments, **more)
        except psycopg.Error:
            if self._hung_up:
                raise SilentError(SILENT) from None
            raise
        finally:
            timer.cancel()

    async def cancel_safe(self, *, timeout: float = 0.0) -> None:  # noqa: ARG002, ASYNC109 - the library's own
        """Hangs up: to ask the server to stop, as the library does, takes as long as it says nothing."""
        self.hang_up()

    def hang_up(self) -> None:
        """Whoever waits for the server learns at once that the connection is over."""
        self._hung_up = True
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)


def named(url: str, name: str) -> str:
    """The address under which the database shows who is connected, unless it, or the environment, says that itself.

    Raises `StoreRefusedError` where it cannot be read.
    """
    check_address(url)
    return make_conninfo(url, fallback_application_name=name)


async def connect(url: str) -> PatientConnection:
    """One connection by itself, for `migrate` and the first look. Raises `psycopg.Error`, `StoreRefusedError`."""
    check_address(url)
    return await PatientConnection.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)


@asynccontextmanager
async def attended(
    connection: PatientConnection, url: str, *, every: float = ATTENDED_EVERY_SECONDS
) -> AsyncIterator[None]:
    """Around work that may take as long as the database answers somebody else."""
    connection.patience = _A_DAY
    attending = asyncio.create_task(_attend(connection, url, every))
    try:
        yield
    finally:
        attending.cancel()
        await asyncio.gather(attending, return_exceptions=True)


async def _attend(connection: PatientConnection, url: str, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            async with await connect(url) as other:
                await other.execute("select 1")
        except (SilentError, errors.ConnectionTimeout):
            connection.hang_up()
            return
        except psycopg.Error:
            # It says why not, so it is there.
            continue
