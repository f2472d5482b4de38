"""A recorder over a container of its own components, and a vendor in memory that keeps what it got."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx

from container.api import Dynamic, Event, Request, Secret, SetCookie, Settings, Skip, bearer, preview_only, tag
from container.component import component_of
from container.config.load import load
from container.config.registry import Registry
from container.delivery.judging import judges_of
from container.delivery.transport import Transport
from container.effects import Effect, Response, Verdict, by_status
from container.engine.compile import compile_container
from container.engine.container import Container
from container.engine.trace import trace
from container.event import Hit
from container.preview.evaluating import Evaluating
from container.preview.making import Evaluate
from container.preview.recorder import Recorder, Seen
from container.preview.sessions import Session, Sessions
from tests.web.parts import NOW, collect, hook
from triggers.event import event as event_trigger

TOKEN = "t0k3n-of-the-account"
VENDOR, HOOK = "https://vendor.example/track", "https://hook.example/in"

FILE = """
version: 1
container: {name: Test, id: T-1}
clients: {Test: {type: collect}}
triggers: {Every: {}}
tags:
  Pixel: {type: pixel, triggers: [Every], account: A-1, token: "${secret:TOKEN}"}
  Hook: {type: hook, triggers: [Every]}
"""


class Pixel(Settings):
    token: Secret
    account: Dynamic[str]
    test_event_code: Dynamic[str] | None = preview_only("The test code.")


def judge(response: Response) -> Verdict:
    """Says what the vendor said; raises on what is no JSON."""
    said = response.json()["said"]
    return Verdict("refused", said) if said != "ok" else by_status(response)


@tag("pixel", judge=judge, consent=(), max_age_hours=24)
def pixel(settings: Pixel, event: Event) -> list[Effect] | Skip:
    """Sends the event with its token, and sets a cookie."""
    if event.name == "quiet":
        return Skip("it is quiet")
    if event.name == "raise_in_tag":
        raise ValueError("no")
    code = settings.test_event_code or ""
    document = {"name": event.name, "id": event.sender_id, "code": code, "header": event.hit.headers.get("x-a")}
    headers = {"Authorization": bearer(settings.token)}
    target = "https://xn--a/" if event.name == "no_address" else VENDOR
    request = Request("POST", target, headers=headers, json=document, account=settings.account, test_code=code)
    return [request, SetCookie("pixel", "1")]


class Relay(Settings):
    to: str
    seconds: float | None = 5.0
    test_event_code: Dynamic[str] | None = preview_only("The test code.")


@tag("relay", consent=())
def relay(settings: Relay, event: Event) -> Request:
    """Sends the event, and waits for cookies."""
    code = settings.test_event_code or ""
    return Request("POST", settings.to, json={"name": event.name}, test_code=code, reply_cookies=settings.seconds)


REGISTRY = Registry.of([collect, hook, pixel, relay, event_trigger])
JUDGES = judges_of(found for found in map(component_of, (pixel, hook, relay)) if found is not None)


def container(text: str = FILE) -> Container:
    """The file, compiled as for preview."""
    loaded = load(
        text,
        filename="container.yaml",
        registry=REGISTRY,
        environment={},
        secrets={"TOKEN": TOKEN}.get,
        strict_environment=True,
    )
    assert loaded.model is not None, loaded.report()
    return compile_container(loaded.model, debug=True)


LIVE = container()


def a_hit(query: str = "name=purchase", *, number: int = 1, headers: Mapping[str, str] = {}, **more: Any) -> Hit:
    return Hit(number.to_bytes(16), int(NOW * 1000), "GET", "/collect", query, dict(headers), **more)


@dataclass
class Vendor:
    """Keeps what it gets. `answer`: what it says, or will."""

    answer: Callable[[httpx.Request], Any] = lambda _: httpx.Response(200, json={"said": "ok"})
    got: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> Any:
        self.got.append(request)
        return self.answer(request)

    @property
    def addresses(self) -> list[str]:
        return [str(request.url) for request in self.got]


@dataclass
class Stage:
    """A recorder, and what surrounds it. `now`: Unix seconds, by which everything goes.

    `stranger`: gets what a draft sends to where the live file sends nothing.
    """

    sessions: Sessions
    recorder: Recorder
    vendor: Vendor
    seen: Counter[Seen]
    time: SimpleNamespace
    stranger: Vendor

    def session(self, mode: Any = "dry", *, draft: str | None = None, **codes: str) -> Session:
        session = self.sessions.start(self.time.now)
        session.mode, session.test_codes = mode, codes
        if draft is not None:
            session.draft = SimpleNamespace(container=container(draft), hosts=frozenset())
        return session

    def tail(self, percent: float = 100) -> Session:
        return self.sessions.tail(percent, self.time.now)

    async def records(self, session: Session) -> list[dict[str, Any]]:
        """All of them, with the answers that come."""
        await self.recorder.settled()
        return [record for _, record in session.records.since(0)]


@asynccontextmanager
async def stage(
    vendor: Vendor | None = None,
    *,
    evaluate: Evaluate = trace,
    live: Container = LIVE,
    tails: bool = True,
    evaluating: Evaluating | None = None,
    **more: Any,
) -> AsyncIterator[Stage]:
    vendor, time, seen = vendor or Vendor(), SimpleNamespace(now=NOW, ticks=0.0), Counter[Seen]()
    stranger = Vendor()
    transport, strangers = (Transport(httpx.MockTransport(each), {"TOKEN": TOKEN}.get) for each in (vendor, stranger))

    async def found() -> Container:
        return live

    def ticks() -> float:
        time.ticks += 0.25
        return float(time.ticks)

    recorder = Recorder(
        Sessions(tails=tails),
        found,
        transport,
        JUDGES,
        strangers=strangers,
        counted=lambda result: seen.update([result]),
        clock=lambda: float(time.now),
        monotonic=ticks,
        evaluate=evaluate,
        # However slow the machine is: tests of what there is to spend have a clock of their own.
        evaluating=evaluating or Evaluating(cpu=lambda: 0.0),
        **more,
    )
    try:
        yield Stage(recorder.sessions, recorder, vendor, seen, time, stranger)
    finally:
        await recorder.close()
        await transport.close()
        await strangers.close()


def outgoing(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What goes out by the tag's name, of a record in which each has one."""
    found = {each["tag"]: each for each in record["outgoing"]}
    assert len(found) == len(record["outgoing"])
    return found
