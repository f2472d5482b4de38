"""A small container of its own components, and calls of an ASGI application within the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args
from urllib.parse import parse_qsl

from container.api import Claim, Event, Hit, Reply, Request, SetCookie, Settings, client, tag
from container.config.registry import Registry
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.store import Limits as StoreLimits
from container.engine.container import Container
from container.web.addresses import Proxies
from container.web.current import Current
from container.web.front import Front
from container.web.health import Health
from container.web.ingest import Ingest, Limits
from container.web.metrics import new_metrics
from container.web.noticed import AboutProxy, Noticed, Refused
from tests import canaries
from tests.containers_of import container_of
from triggers.event import event as event_trigger

T = TypeVar("T")
NOW = 1_767_261_600.0
HOOK = "https://hook.example/in"
VISIT: Mapping[str, Any] = {
    "target": f"/collect?name=purchase&{canaries.QUERY}",
    "headers": (("host", "shop.example"), *canaries.HEADERS.items()),
}

FILE = """
version: 1
container: {name: Test, id: T-1}
clients: {Test: {type: collect}}
triggers: {Every: {}}
tags: {Hook: {type: hook, triggers: [Every]}}
"""


class Collect(Settings):
    paths: tuple[str, ...] = ("/collect",)


class Hook(Settings):
    """Nothing to set."""


@client("collect")
def collect(settings: Collect, hit: Hit) -> Claim | None:
    """Claims hits with a name in the query; the query also says what to answer and what should go wrong."""
    stated = dict(parse_qsl(hit.query, keep_blank_values=True))
    if stated.get("name") == "raise_in_client":
        raise ValueError(f"the visitor's {stated['secret']}")
    if "name" not in stated:
        return None
    cookies = [SetCookie("seen", stated["cookie"])] if "cookie" in stated else []
    headers = [("x-path", hit.path), ("x-ip", hit.ip or "-"), ("x-header", stated.get("header", ""))]
    headers.append(("x-body", hit.body.decode("latin-1")))
    headers.append(("x-sees", " ".join(sorted(hit.headers))))
    event = Event(name=stated["name"], data={**stated, "size": len(hit.body)}, hit=hit)
    return Claim((event,), Reply(int(stated.get("status", "204")), headers, stated.get("body", "").encode(), cookies))


@tag("hook", consent=())
def hook(settings: Hook, event: Event) -> Request | None:
    """Sends the event, nothing for `quiet`; raises for `raise_in_tag`, has a bad address for `unsendable`."""
    if event.name == "raise_in_tag":
        raise ValueError("no")
    if event.name == "unsendable":
        return Request("POST", "ftp://hook.example/", account="A-1")
    return None if event.name == "quiet" else Request("POST", HOOK, json={"name": event.name})


REGISTRY = Registry.of([collect, hook, event_trigger])


def container(text: str = FILE) -> Container:
    """The compiled container of a file."""
    return container_of(text, REGISTRY)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an application sent."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in self.headers if key == name.encode()]

    def header(self, name: str) -> str | None:
        found = self.all(name)
        assert len(found) < 2, found
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an application. `chunks`: the body as it arrives; `gone`: the sender hangs up after them."""

    target: str = "/collect?name=purchase"
    method: str = "GET"
    headers: Sequence[tuple[str, str]] = (("host", "shop.example"),)
    chunks: Iterable[bytes] = (b"",)
    gone: bool = False
    peer: str | None = "198.51.100.7"
    version: str = "1.1"


async def ask(application: Callable[[Any, Any, Any], Awaitable[None]], call: Call) -> Answer | None:
    """The answer, `None` when the application sent none."""
    path, _, query = call.target.partition("?")
    sent: list[Any] = []
    coming = iter(call.chunks)
    upcoming: list[bytes] = [next(coming, b"")]

    async def receive() -> dict[str, Any]:
        if not upcoming:
            return {"type": "http.disconnect"}
        chunk = upcoming.pop()
        following = next(coming, None)
        if following is not None:
            upcoming.append(following)
        return {"type": "http.request", "body": chunk, "more_body": following is not None or call.gone}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": call.version,
        "method": call.method,
        "raw_path": path.encode(),
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode("latin-1").lower(), value.encode("latin-1")) for name, value in call.headers],
        "client": None if call.peer is None else (call.peer, 40_000),
    }
    await application(scope, receive, send)
    if not sent:
        return None
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return Answer(sent[0]["status"], sent[0]["headers"], sent[1]["body"])


@dataclass(frozen=True, slots=True)
class Site:
    """An ingest with a real store behind it."""

    ingest: Ingest
    store: SqliteStore
    asked: list[Answer | None] = field(default_factory=list)

    async def ask(self, **call: Any) -> Answer:
        """What a visitor sends is full of canaries; tests of limits count their own bytes."""
        visit = VISIT if self.ingest.limits == Limits() else {}
        answer = await ask(self.ingest, Call(**{**visit, **call}))
        assert answer is not None
        return answer

    async def waiting(self) -> int:
        return sum(report.waiting for report in await self.store.lanes())

    def decided(self, tag: str, status: str, consent: str = "") -> float:
        """How many events led to this status of the tag."""
        return self.metric("tag_events_total", tag=tag, status=status, consent=consent)

    def metric(self, name: str, **labels: str) -> float:
        return self.ingest.metrics.registry.get_sample_value(f"tag_container_{name}", labels) or 0.0


@asynccontextmanager
async def site(
    folder: Path,
    *,
    proxies: Proxies | None = None,
    limits: Limits | None = None,
    front: Front | None = None,
    store_limits: StoreLimits | None = None,
) -> AsyncIterator[Site]:
    """A site whose store is closed at the end."""
    store = open_store(folder, now=int(NOW * 1000), limits=store_limits or StoreLimits())
    ingest = Ingest(
        Current(container()),
        store.accept,
        new_metrics(),
        Health(),
        front or Front(proxies or Proxies()),
        limits or Limits(),
        clock=lambda: NOW,
    )
    try:
        yield Site(ingest, store)
    finally:
        await store.close()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on a loop of its own."""
    return asyncio.run(work)


def everything_noticed() -> Noticed:
    """All that there is to notice about proxies and floods, once each."""
    noticed = Noticed(lambda: 0.0)
    for about in get_args(AboutProxy):
        noticed.proxy(about, "10.0.0.1")
    for why in get_args(Refused):
        noticed.refused(why)
    return noticed
