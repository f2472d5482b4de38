"""Where a process can be made to end: the steps of a hit and of a delivery, by the functions that take them."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from operator import attrgetter
from typing import Any, Protocol

import httpx

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
_MUCH_BYTES = 1 << 30
_INTO_THE_CHECKPOINT_SECONDS = 0.0003


class Die(Protocol):
    """Counts a passing; at the last one it does `first` and ends the process."""

    def __call__(self, first: Callable[[], object] = ...) -> None: ...


Arm = Callable[[Die], None]


def arm(name: str, die: Die) -> None:
    """Wraps what stands behind this failpoint. Raises `KeyError` when there is none of that name."""
    {**POINTS, **INTO_SPOOL, **OUT_OF_SPOOL}[name](die)


def _found(path: str) -> tuple[Any, str, Any]:
    """What holds a function, its name there, and the function. `path`: `module:name` or `module:Class.name`."""
    module, _, name = path.partition(":")
    holder, _, last = name.rpartition(".")
    owner: Any = importlib.import_module(module)
    if holder:
        owner = attrgetter(holder)(owner)
    return owner, last, getattr(owner, last)


def before(path: str) -> Arm:
    """The step is about to be taken."""

    def armed(die: Die) -> None:
        owner, name, step = _found(path)

        @functools.wraps(step)
        def wrapped(*given: Any, **more: Any) -> Any:
            die()
            return step(*given, **more)

        setattr(owner, name, wrapped)

    return armed


def after(path: str, counts: Callable[[Any], bool] = lambda _: True) -> Arm:
    """The step was taken. `counts`: whether this passing does, by what it returned."""

    def armed(die: Die) -> None:
        owner, name, step = _found(path)

        def passed(result: Any) -> Any:
            if counts(result):
                die()
            return result

        @functools.wraps(step)
        def wrapped(*given: Any, **more: Any) -> Any:
            return passed(step(*given, **more))

        @functools.wraps(step)
        async def awaited(*given: Any, **more: Any) -> Any:
            return passed(await step(*given, **more))

        setattr(owner, name, awaited if inspect.iscoroutinefunction(step) else wrapped)

    return armed


def _in_checkpoint(die: Die) -> None:
    """The log is being copied into the file, which SQLite does in one go: another thread does not wait for it."""
    owner, name, step = _found("container.delivery.writer:Writer._checkpoint")

    def soon() -> None:
        time.sleep(_INTO_THE_CHECKPOINT_SECONDS)
        die()

    @functools.wraps(step)
    def wrapped(writer: Any, size: int) -> None:
        threading.Thread(target=soon, daemon=True).start()
        # As if so much had been written that it is time.
        step(writer, max(size, _MUCH_BYTES))

    setattr(owner, name, wrapped)


def _in_migration(die: Die) -> None:
    """Some of the statements that bring an earlier file up to date were carried out."""
    owner, name, step = _found("container.delivery.schema:migrate")

    @functools.wraps(step)
    def wrapped(connection: sqlite3.Connection, *given: Any) -> Any:
        connection.set_trace_callback(lambda _: die())
        try:
            return step(connection, *given)
        finally:
            connection.set_trace_callback(None)

    setattr(owner, name, wrapped)


def _half_answered(die: Die) -> None:
    """Half of the answer to a visitor is on the wire."""
    owner, name, step = _found("uvicorn.protocols.http.httptools_impl:RequestResponseCycle.send")

    @functools.wraps(step)
    async def wrapped(cycle: Any, message: Any) -> None:
        if message["type"] == "http.response.start" and 200 <= message["status"] < 300:
            socket = cycle.transport.get_extra_info("socket")
            die(lambda: os.write(socket.fileno(), _ANSWER[: len(_ANSWER) // 2]))
        await step(cycle, message)

    setattr(owner, name, wrapped)


def _sending(share: float) -> Arm:
    """So much of a request is on its way to a vendor."""

    def armed(die: Die) -> None:
        owner, name, step = _found("container.delivery.transport:Transport._exchange")

        @functools.wraps(step)
        async def wrapped(transport: Any, request: httpx.Request, **more: Any) -> Any:
            content = request.content
            headers = [*request.headers.raw]
            if b"content-length" not in {key.lower() for key, _ in headers}:
                headers.append((b"Content-Length", str(len(content)).encode()))
            parted = httpx.Request(
                request.method,
                request.url,
                headers=headers,
                content=_in_parts(content, round(len(content) * share), die),
                extensions=request.extensions,
            )
            return await step(transport, parted, **more)

        setattr(owner, name, wrapped)

    return armed


async def _in_parts(content: bytes, size: int, die: Die) -> AsyncIterator[bytes]:
    yield content[:size]
    # The loop hands it to the system, the system to whoever listens.
    for _ in range(3):
        await asyncio.sleep(0)
    time.sleep(0.005)  # noqa: ASYNC251 - nothing else is to happen meanwhile
    die()
    if content[size:]:
        yield content[size:]


POINTS: Mapping[str, Arm] = {
    "body_read": after("container.web.ingest:read_body"),
    "parsed": after("container.engine.run:claim_hit"),
    "evaluated": before("container.web.ingest:acceptance"),
    "enqueued": after("container.delivery.writer:Writer._joined"),
    "in_tx": after("container.delivery.accepting:_insert"),
    "before_commit": after("container.delivery.writer:Writer._results"),
    "after_commit": after("container.delivery.writer:Writer._commit"),
    "before_response": before("container.web.ingest:respond"),
    "response_half": _half_answered,
    "after_claim": after("container.delivery.sqlite:SqliteStore.claim", lambda claimed: bool(claimed and claimed.rows)),
    "request_half": _sending(0.5),
    "after_send": _sending(1.0),
    "after_response": after("container.delivery.transport:Transport.send"),
    "in_complete": after("container.delivery.statements:settle"),
    "after_complete": after("container.delivery.sqlite:SqliteStore.settle"),
    "in_checkpoint": _in_checkpoint,
    "in_replay": after("container.delivery.queue:replay", lambda returned: returned.rows > 0),
    "in_migration": _in_migration,
    "in_shutdown": before("container.delivery.writer:Writer.close"),
}
"""The last three take more than traffic: letters that are sent again, an earlier file, a stop."""

INTO_SPOOL: Mapping[str, Arm] = {
    "spool_begin": before("container.delivery.spool:SpoolStore.begin"),
    "spool_keep": before("container.delivery.spool:SpoolStore._keep"),
    **{name: POINTS[name] for name in ("enqueued", "in_tx", "before_commit", "after_commit")},
    "spool_kept": after("container.delivery.spool:SpoolStore._keep"),
}
"""The steps of a hit that comes while the database is away, in their order."""

OUT_OF_SPOOL: Mapping[str, Arm] = {
    "spool_read": after("container.delivery.forwarding:Forwarding._next", lambda found: found is not None),
    "spool_known": after("container.delivery.forwarding:Forwarding._known"),
    "spool_offer": before("container.delivery.forwarding:Forwarding._offer"),
    "database_in_tx": after("container.delivery.postgres_accepting:insert_rows"),
    "database_committed": after("container.delivery.postgres_accepting:Accepting._flush"),
    "spool_forget": before("container.delivery.forwarding:Forwarding._forget"),
    "spool_in_drop": after("container.delivery.queue:drop"),
    "spool_dropped": before("container.delivery.sqlite_queue:SqliteQueue.forget_guards"),
    "spool_forgot": after("container.delivery.forwarding:Forwarding._forget"),
    "spool_empty": after("container.delivery.forwarding:Forwarding.step", lambda more: not more),
    "spool_closing": before("container.delivery.forwarding:Forwarding.close"),
}
"""The steps by which the database gets what the spool holds, in their order: deleted is from `spool_forget` on."""

MOST_PASSINGS: Mapping[str, int] = {"in_replay": 1, "in_migration": 15, "in_shutdown": 1}
"""Of those that are passed rarely: how often before they strike, at most."""
