"""A preview as its pages see it: real sessions, drafts and traces; nothing leaves, and answers are made up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

from container.component import Component
from container.config.load import load
from container.config.registry import discover
from container.engine.compile import compile_container
from container.engine.trace import trace
from container.event import Hit
from container.preview.api import PreviewApi
from container.preview.bench import Json, RefusedError, Source
from container.preview.differing import difference
from container.preview.drafts import Draft, Live, drafted, drafted_bytes, problems_json, text_digest
from container.preview.masking import masked
from container.preview.pages import PreviewPages
from container.preview.sessions import Session, Sessions
from container.preview.tail import MASKED
from container.preview.tail import hidden as hidden_for_good
from container.web.access import form_token
from container.web.admin import admin_listener
from container.web.pages import Admin
from container.web.queue_api import Application, QueueApi
from tests.web.parts import NOW, Site, site

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-of-some-length"
BEARER = {"authorization": f"Bearer {TOKEN}"}
EMAIL = "jane@example.com"
PAGE = "https%3A%2F%2Fwww.shop.example%2Fp%2Fthanks%3Fttclid%3DE.C.P.1"

PURCHASE: dict[str, Any] = {
    "method": "POST",
    "path": "/g/collect",
    "query": f"v=2&tid=G-EXAMPLE01&cid=1.2&gcs=G111&dl={PAGE}&en=purchase&epn.value=72.5&cu=EUR"
    f"&ep.transaction_id=T-1001&ep.event_id=T-1001.1&pr1=idSKU-1~nmTrail Shoe~pr30~qt2&ep.user_data.email={EMAIL}",
    "headers": [["cookie", "_ttp=01K0T8BYGJH63785W68YS5NN1R_.tt.1"], ["user-agent", "Mozilla/5.0 (X11; Linux x86_64)"]],
    "body": "",
    "ip": "198.51.100.7",
}
DENIED = {**PURCHASE, "query": f"v=2&tid=G-EXAMPLE01&cid=1.2&gcs=G100&dl={PAGE}&en=page_view"}
TEST_ORDER = {**PURCHASE, "query": PURCHASE["query"].replace("T-1001", "TEST-1")}
STRANGE = {**PURCHASE, "path": "/nowhere", "query": ""}

ANSWER = {
    "status": 200,
    "headers": [["content-type", "application/json"]],
    "body": '{"code":0,"message":"OK","request_id":"2026010112000001"}',
    "seconds": 0.183,
    "attempt": 1,
    "verdict": "delivered",
    "reason": "",
}


def live(text: str | None = None) -> Live:
    """The file in force: the example container, or another text."""
    text = (ROOT / "container.yaml").read_text(encoding="utf-8") if text is None else text
    registry, environment = discover(), {"TIKTOK_TOKEN": "token"}
    loaded = load(
        text,
        filename="container.yaml",
        registry=registry,
        environment=environment,
        secrets=lambda _name: "secret",
        strict_environment=True,
    )
    assert loaded.model is not None, loaded.report()
    return Live(text, "container.yaml", loaded.model, registry, environment, lambda _name: "secret")


def hidden(record: Json) -> dict[str, Any]:
    """The record without the visitor's address, which is enough for a page to show the difference."""
    shown: dict[str, Any] = orjson.loads(orjson.dumps(record).replace(EMAIL.encode(), b"j...m/16"))
    return shown


def _set() -> asyncio.Event:
    found = asyncio.Event()
    found.set()
    return found


@dataclass
class Workbench:
    """As `Bench` has it. `published`: the texts that became the live file. `masks`: as a server does, all of it.

    `stated`: the hits that were run or compared. `reads`: set once drafts may be read.
    """

    file: Live = field(default_factory=live)
    sessions: Sessions = field(default_factory=Sessions)
    public: str = "https://tags.shop.example"
    prefix: str = ""
    publishes: bool = True
    published: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    number: int = 0
    masks: bool = False
    stated: list[Json] = field(default_factory=list)
    reads: asyncio.Event = field(default_factory=_set)

    def hide(self, record: Json, _session: Session) -> dict[str, Any]:
        if record.get(MASKED):
            return dict(record)
        return masked(record, known=["/g/collect", "/collect", "GA4"]) if self.masks else hidden(record)

    @property
    def tail(self) -> bool:
        return self.sessions.tails

    @property
    def can_publish(self) -> bool:
        return self.publishes

    def name(self) -> str:
        return "Example Shop"

    def tags(self, _session: Session) -> Sequence[Json]:
        return [{"name": "TikTok - events", "type": "tiktok_events_api", "test_code": True, "switch": {}}]

    def tag_type(self, name: str) -> Component | None:
        return self.file.registry.find("tag", name)

    async def draft(self, session: Session, text: str, filename: str) -> Sequence[Json]:
        if not text:
            session.draft = None
            return []
        await self.reads.wait()
        found = drafted(text, self.file, filename=filename)
        if not isinstance(found, Draft):
            return problems_json(found, filename)
        session.draft = found
        return problems_json(found.problems, filename)

    async def tests(self, session: Session) -> Json | None:
        return None if session.draft is None else session.draft.tests().as_json()

    def live_changed(self, session: Session) -> bool:
        return session.draft is not None and session.draft.base != self.file.digest

    async def draft_file(self, session: Session, content: bytes) -> Sequence[Json]:
        found = drafted_bytes(content, self.file)
        session.draft = found if isinstance(found, Draft) else session.draft
        return problems_json(found.problems if isinstance(found, Draft) else found)

    def text(self, session: Session) -> str:
        return str(session.draft.text if session.draft else self.file.text)

    async def difference(self, session: Session) -> Sequence[Json]:
        return [each.as_json() for each in difference(self.file.text, self.text(session))]

    async def publish(self, session: Session, *, by: str, note: str = "", shown: str = "") -> None:
        if session.draft is None:
            raise RefusedError("There is no draft to publish.")
        assert shown in ("", text_digest(session.draft.text))
        self.notes.append(note)
        self.published.append(session.draft.text)

    async def versions(self) -> Sequence[Json]:
        about = {"version": "0123456789ab", "by": "admin_token", "note": "Test orders are no sales."}
        return [{"number": 1, "until": int(NOW * 1000), **about}]

    async def restoring(self, number: int) -> Json:
        things = difference(self.file.text, self.file.text.replace("^TEST-", "^DRY-"))
        return {"things": [each.as_json() for each in things], "digest": self.file.digest}

    async def restore(self, number: int, *, by: str, note: str = "", shown: str = "") -> None:
        self.notes.append(note)
        self.published.append(f"version {number}")

    async def run(self, session: Session, hit: Json, *, source: Source) -> int:
        self.stated.append(hit)
        return self.keep(session, hit, source=source)

    async def compared(self, session: Session, hit: Json) -> Json:
        self.stated.append(hit)
        return {"live": self._told(None, hit), "draft": self._told(session, hit)}

    def keep(self, session: Session, hit: Json, *, source: str = "marked", **more: Any) -> int:
        """A record of the hit, with an answer to what was sent unless this is a dry run."""
        told = self._told(session, hit)
        outgoing = [
            _outgoing(tag["tag"], event["name"], request, session.mode)
            for event in told["events"]
            for tag in event["tags"]
            for request in tag["requests"]
        ]
        record = {"at": int(NOW * 1000), "source": source, "mode": session.mode, "draft": session.draft is not None}
        record |= {"hit": hit, "told": told, "reply": told["reply"], "outgoing": outgoing, "console": [], **more}
        return session.records.add(record if session.tail is None else hidden_for_good(record, ["/g/collect"]))

    def _told(self, session: Session | None, hit: Json) -> dict[str, Any]:
        self.number += 1
        draft = session and session.draft
        container = draft.container if draft else compile_container(self.file.model, debug=True)
        return trace(container, hit_of(hit, self.number)).told


def hit_of(hit: Json, number: int = 1) -> Hit:
    headers = {name.lower(): value for name, value in hit["headers"]}
    about = (hit["method"], hit["path"], hit["query"], headers, hit["body"].encode(errors="replace"))
    return Hit(number.to_bytes(16, "big"), int(NOW * 1000), *about, ip=hit["ip"])


def _outgoing(tag: str, event: str, request: Mapping[str, Any], mode: str) -> dict[str, Any]:
    body = orjson.dumps(request["json"]).decode() if "json" in request else request.get("body", "")
    sent = {"tag": tag, "event": event, "row": "1", "mode": mode, "method": request["method"], "url": request["url"]}
    answer = None if mode == "dry" else ANSWER
    return {**sent, "headers": [list(each) for each in request["headers"].items()], "body": body, "answer": answer}


@dataclass(frozen=True)
class Screen:
    """`caller` sends what the page's script would, with the token as a browser has it."""

    bench: Workbench
    api: PreviewApi
    session: Session
    caller: httpx.AsyncClient

    @property
    def base(self) -> str:
        return f"/preview/{self.session.id}"

    async def get(self, path: str, *, status: int = 200) -> Any:
        answer = await self.caller.get(f"{self.base}/{path}")
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, document: Any = None, *, status: int = 200) -> Any:
        token = {"x-form-token": form_token(TOKEN, self.api.clock())}
        answer = await self.caller.post(f"{self.base}/{path}", json=document or {}, headers=token)
        assert answer.status_code == status, answer.text
        return answer.json()


def listener(here: Site, api: PreviewApi) -> Application:
    """Everything that the admin listener answers, preview included."""
    ingest = here.ingest
    known = (ingest.current, here.store, ingest.metrics, ingest.health, ingest.counters, TOKEN)
    admin = Admin(*known, clock=lambda: NOW)
    queue = QueueApi(admin.caretaker, lambda _header: False, by="test")
    return admin_listener(admin, queue, PreviewPages(api).routes())


@asynccontextmanager
async def screen(folder: Path, bench: Workbench | None = None) -> AsyncIterator[Screen]:
    """An admin listener with preview, and a session."""
    bench = bench or Workbench()
    async with site(folder) as here:
        api = PreviewApi(bench, TOKEN, lambda: NOW, beat=0.05)
        transport = httpx.ASGITransport(listener(here, api))
        headers = {"authorization": f"Basic {_basic()}", "sec-fetch-site": "same-origin"}
        async with httpx.AsyncClient(transport=transport, base_url="http://admin.example", headers=headers) as caller:
            yield Screen(bench, api, bench.sessions.start(NOW), caller)
        api.streams.close()


def _basic() -> str:
    return httpx.BasicAuth("ada", TOKEN)._auth_header.removeprefix("Basic ")
