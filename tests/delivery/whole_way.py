"""The whole way of an event: a container file, a hit, the rows, the worker, and sockets on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from aiohttp.abc import AbstractResolver, ResolveResult

from container.component import component_of
from container.config.load import Loaded, load
from container.config.registry import discover
from container.delivery.egress import Network
from container.delivery.judging import judges_of
from container.delivery.row import acceptance
from container.delivery.selection import RowReport
from container.delivery.sqlite import open_store
from container.delivery.store import LaneReport
from container.delivery.worker import Surroundings, Worker
from container.engine.compile import compile_container
from container.engine.outcome import Outcome
from container.engine.run import run as run_hit
from container.event import Hit
from tags.http_request import http_request
from tags.tiktok_events_api import tiktok_events_api
from tests.delivery.harness import LOOPBACK, NOW, SECRETS, Clock, dead_letters
from tests.delivery.raw_sink import transport

REGISTRY = discover()

CONTAINER = """
version: 1
container: {name: Example Shop, id: SHOP-1}
consent: {default: granted}
clients:
  Measurement Protocol: {type: measurement_protocol}
triggers:
  Everything: {}
tags:
"""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What one hit led to: `sent` is what the engine planned, `lanes` and `dead` how the store stands after one try."""

    outcome: Outcome
    lanes: Sequence[LaneReport]
    dead: Sequence[RowReport]

    @property
    def told(self) -> str:
        """What the operator reads of the first lane's last answer."""
        answer = self.lanes[0].answer if self.lanes else None
        return "" if answer is None else f"{answer.verdict}: {answer.excerpt}"


def hook(**settings: Any) -> str:
    """A container with one tag that sends every event to an address. JSON is YAML, so nothing is to be quoted."""
    stated = {"type": "http_request", "triggers": ["Everything"], "consent": "not_needed", **settings}
    return f"{CONTAINER}  Hook: {orjson.dumps(stated).decode()}\n"


def read(text: str) -> Loaded:
    """The container file as `validate` reads it."""
    return load(
        text,
        filename="container.yaml",
        registry=REGISTRY,
        environment={},
        secrets=SECRETS.get,
        strict_environment=True,
    )


def hit(params: Mapping[str, Any], name: str = "purchase") -> Hit:
    """A hit of the Measurement Protocol with one event."""
    body = {"client_id": "1.2", "events": [{"name": name, "params": dict(params)}]}
    return Hit(bytes(16), NOW, "POST", "/mp/collect", "", body=orjson.dumps(body), ip="198.51.100.7")


async def deliver(
    folder: Path,
    loaded: Loaded,
    came: Hit,
    *,
    exceptions: Sequence[Network] = LOOPBACK,
    resolver: AbstractResolver | None = None,
    total: float = 5.0,
) -> Arrived:
    """Runs the hit, stores what follows from it, and tries each delivery once."""
    assert loaded.model is not None, loaded.report()
    outcome = run_hit(compile_container(loaded.model), came)
    clock = Clock()
    store = open_store(folder, now=clock.now)
    components = [component_of(http_request), component_of(tiktok_events_api)]
    judges = judges_of(component for component in components if component is not None)
    async with transport(exceptions=exceptions, resolver=resolver, total=total) as sender:
        worker = Worker(store, sender, judges, surroundings=Surroundings(clock=clock, sleep=clock.sleep))
        try:
            await store.accept(acceptance(outcome, now=clock.now, linger=0))
            await worker.turn()
            await worker.settled()
            return Arrived(outcome, await store.lanes(), await dead_letters(store))
        finally:
            await worker.stop(0)
            await store.close()


class Names(AbstractResolver):
    """Finds addresses as the operating system does, and the names in a table: one answer after the other, the last
    for ever. Asks nobody else.
    """

    def __init__(self, table: Mapping[str, Sequence[Sequence[str]]] = {}) -> None:
        self._table = {name: list(answers) for name, answers in table.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answers = self._table.get(host.lower().removesuffix("."))
        if answers is not None:
            addresses = answers.pop(0) if len(answers) > 1 else answers[0]
            return [_result(host, address, port) for address in addresses]
        loop = asyncio.get_running_loop()
        flags = socket.AI_NUMERICHOST
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=flags)
        return [_result(host, str(address[0]), port) for _, _, _, _, address in found]

    async def close(self) -> None:
        return


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
