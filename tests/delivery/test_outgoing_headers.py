"""Any text in any place of a request: what arrives has the intended lines and no other, or a reason is told."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from container.delivery.row import Letter, acceptance
from container.delivery.store import ClaimedRow
from container.delivery.transport import NoAnswer, Transport, vendor_transport
from container.effects import Batch, Request, Response
from container.engine.coerce import Lacking
from container.event import Event, Hit
from container.header import OF_THE_CONNECTION, is_token
from container.secret import Secret, SecretText
from container.testing import resolved
from tags.http_request import HttpRequest, http_request
from tests.delivery.harness import LOOPBACK, NOW, outcome, planned, run
from tests.delivery.raw_sink import OK, sending, sink
from tests.delivery.whole_way import Names

TRICKS = [
    "a\r\nX-Injected: 1",
    "a\nX-Injected: 1",
    "a\rX-Injected: 1",
    "\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a\0b",
    "\u560a\u560dX-Injected: 1",
    "\u010a\u010dX-Injected: 1",
    "\x0bX: 1\x0c\x1c\x1d\x1e\x85\u2028\u2029",
    "%0d%0aX-Injected: 1",
    "\ud800\udfff",
    " leading and trailing \t",
    ": colon",
    "x" * 9000,
    "é" * 900,
    "=?utf-8?q?=0D=0A?=",
    "../../etc",
    "?#&;=+%",
    "content-length: 0",
]
TEXT = st.text(st.characters(exclude_categories=()), max_size=20) | st.sampled_from(TRICKS)
SIGNS = st.text("\r\n\0 :;,=\t%aX-\x7f\x80\u2028\ud800", max_size=8)
ANY_TEXT = TEXT | SIGNS
ANY_NAME = ANY_TEXT | st.sampled_from([*OF_THE_CONNECTION, "X-A", "x-a", "Content-Type", "User-Agent", "Cookie"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
ORDINARY, FEW = settings(max_examples=100), settings(max_examples=40)

LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\x20-\x7e\x80-\xff]*)")
FIRST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Z-]+) (/[\x21-\x7e]*) HTTP/1\.1")
OWN = ("host", "accept", "user-agent", "accept-encoding")
"""What every request has besides the intended headers."""


@dataclass
class Got:
    """What came of a request: what arrived, the dead letter, or why nothing was sent."""

    answer: Response | NoAnswer | None = None
    letter: Letter | None = None
    raw: list[bytes] = field(default_factory=list)

    @property
    def parsed(self) -> tuple[str, str, list[tuple[str, bytes]], bytes]:
        """Method, target, headers (names in lower case) and body, read as strictly as the standard says."""
        [raw] = self.raw
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        start = FIRST_LINE.fullmatch(first)
        assert start is not None, first
        found = [LINE.fullmatch(line) for line in lines]
        assert all(found), lines
        headers = [(line[1].decode().lower(), line[2]) for line in found if line]
        lengths = [value for name, value in headers if name == "content-length"]
        assert lengths == ([b"%d" % len(body)] if lengths or body else [])
        assert "transfer-encoding" not in dict(headers)
        return start[1].decode(), start[2].decode(), headers, body


def claimed_rows(request: Request) -> tuple[list[ClaimedRow], list[Letter]]:
    accepted = acceptance(outcome(planned(1, request)), now=NOW)
    rows = [
        ClaimedRow(1, row.id, row.frame, row.item, row.tag, row.event_name, row.event_time, 1, 0, 0, row.first, 0)
        for row in accepted.rows
    ]
    return rows, list(accepted.letters)


async def arriving(make: Any, secrets: Mapping[str, str] = {}) -> Got:
    """Sends what `make(port)` gives to a server that only listens."""
    async with sink(sending(OK)) as vendor:
        request = make(vendor.port)
        if request is None:
            return Got()
        rows, letters = claimed_rows(request)
        if letters:
            return Got(letter=letters[0])
        sender = Transport(vendor_transport(LOOPBACK, resolver=Names()), secrets.get, total=5.0)
        try:
            answer = await sender.send(rows, now=NOW)
        finally:
            await sender.close()
        await asyncio.sleep(0)
        return Got(answer, raw=vendor.requests)


def told(got: Got) -> bool:
    """Whether nothing was sent, and a sentence says why."""
    reason = got.letter.note if got.letter else got.answer.reason if isinstance(got.answer, NoAnswer) else ""
    return bool(reason) and reason.isprintable() and not got.raw


def intended(names: list[str]) -> Counter[str]:
    return Counter(name.lower() for name in names if name.lower() not in OF_THE_CONNECTION)


@ORDINARY
@given(st.dictionaries(ANY_NAME, ANY_TEXT, max_size=3), ANY_TEXT)
@example({"X-A": "a\r\nX-Injected: 1"}, "")
@example({"X-A\r\nX-Injected": "1"}, "")
@example({"Host": "evil.example", "Content-Length": "0", "Transfer-Encoding": "chunked"}, "a")
def test_a_tag_cannot_add_a_line_to_the_headers(headers: dict[str, str], body: str) -> None:
    got = run(arriving(lambda port: Request("POST", f"http://127.0.0.1:{port}/a", headers=headers, body=body)))
    if not all(map(is_token, headers)) or not _writable(body):
        assert got.letter is not None
        assert told(got)
        return
    method, target, found, arrived = got.parsed
    assert (method, target, arrived) == ("POST", "/a", body.encode())
    names = Counter(name for name, _ in found)
    stated = intended([*headers])
    usual = Counter({"content-length": 1, "content-type": 1, **dict.fromkeys(OWN, 1)})
    assert stated - usual <= names
    assert names - stated <= usual
    assert isinstance(got.answer, Response)


@ORDINARY
@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
@example("a\r\nX-Injected: 1", "..", "&x=1")
def test_a_value_of_an_event_stays_where_the_analyst_put_it(value: str, other: str, third: str) -> None:
    stated = {
        "url": "http://127.0.0.1:PORT/a/{{ event.other }}/b?q={{ event.value }}",
        "query": {"r": "{{ event.third }}"},
        "headers": {"X-A": "{{ event.value }}", "X-B": "b {{ event.other }}", "Cookie": "c={{ event.third }}"},
        "json": {"v": "{{ event.value }}", "w": ["{{ event.other }}", "x {{ event.third }}"]},
    }
    event = Event("purchase", {"value": value, "other": other, "third": third}, Hit(bytes(16), NOW))

    def make(port: int) -> Request | None:
        written = {**stated, "url": str(stated["url"]).replace("PORT", str(port))}
        made = resolved(HttpRequest, written, event)
        if isinstance(made, Lacking):
            return None
        assert isinstance(made, HttpRequest)
        return next(effect for effect in http_request(made, event) if isinstance(effect, Request))

    got = run(arriving(make))
    if got.answer is None and got.letter is None:
        assert other in ("", ".", "..") or unquote(other) in (".", "..")
        return
    if not all(map(_writable, (value, other, third))):
        assert got.letter is not None
        assert got.letter.note == "it holds what JSON cannot say"
        return
    _, target, headers, body = got.parsed
    path, _, query = target.partition("?")
    assert path.split("/")[:2] == ["", "a"]
    assert path.split("/")[3:] == ["b"]
    assert unquote(path.split("/")[2]) == other
    assert parse_qsl(query, keep_blank_values=True) == [("q", value), *([("r", third)] if third else [])]
    assert {name for name, _ in headers} - {*OWN, "content-length", "content-type"} <= {"x-a", "x-b", "cookie"}
    assert orjson.loads(body) == {"v": value, "w": [other, f"x {third}"]}


@ORDINARY
@given(ANY_TEXT, st.sampled_from(["header", "query", "form", "json", "text"]))
@example("a\r\nX-Injected: 1", "header")
@example("a\r\nX-Injected: 1", "query")
@example("\ud800", "json")
@example("\u2028", "header")
def test_a_secret_stays_where_the_analyst_put_it(value: str, place: str) -> None:
    secret = Secret("KEY")
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    def make(port: int) -> Request:
        url = f"http://127.0.0.1:{port}/"
        match place:
            case "header":
                return Request("POST", url, headers={"Authorization": SecretText(("Bearer ", secret))})
            case "query":
                return Request("POST", SecretText((f"{url}?key=", secret, "&x=1")))
            case "form":
                return Request("POST", url, headers=form, body=SecretText(("key=", secret, "&x=1")))
            case "json":
                return Request("POST", url, json={"key": secret, "x": 1})
        return Request("POST", url, body=SecretText(("key ", secret)))

    got = run(arriving(make, {"KEY": value}))
    in_header = place == "header" and re.search(r"[\x00-\x1f\x7f]", value)
    if not value or not _writable(value) or in_header:
        assert isinstance(got.answer, NoAnswer)
        assert got.answer.cause == "missing_secret"
        assert told(got)
        return
    _, target, headers, body = got.parsed
    assert {name for name, _ in headers} <= {*OWN, "content-length", "content-type", "authorization"}
    seen: dict[str, Callable[[], bool]] = {
        "header": lambda: dict(headers)["authorization"].strip() == f"Bearer {value}".encode().strip(),
        "query": lambda: parse_qsl(target.partition("?")[2]) == [("key", value), ("x", "1")],
        "form": lambda: parse_qsl(body.decode()) == [("key", value), ("x", "1")],
        "json": lambda: orjson.loads(body) == {"key": value, "x": 1},
        "text": lambda: body == f"key {value}".encode(),
    }
    assert seen[place]()


@FEW
@given(JSON, JSON, st.booleans())
def test_a_body_holds_one_document_whatever_is_in_it(document: Any, item: Any, batched: bool) -> None:
    batch = Batch("data", 10) if batched else None
    envelope = {"source": document, "data": []} if batched else document

    def make(port: int) -> Request:
        return Request("POST", f"http://127.0.0.1:{port}/", json=envelope, item=item if batched else None, batch=batch)

    got = run(arriving(make))
    if got.letter is not None:
        assert told(got)
        return
    _, _, headers, body = got.parsed
    assert {name for name, _ in headers} <= {*OWN, "content-length", "content-type"}
    if batched:
        assert len(orjson.loads(body)["data"]) == 1
    else:
        assert not body or orjson.loads(body) is not Ellipsis


@given(ANY_TEXT, ANY_TEXT)
@example("https://127.0.0.1:99999/", "POST")
@example("https://[::1%25eth0]/", "POST")
@example("https://xn--a/", "POST")
@example("https://a\udcff.example/", "POST")
@example("https://a.example:80:80/", "P OST")
@example("https://" + "a" * 5000 + "/", "POST")
@example("https://a..example/", "POST")
@example("https://\u00ad/", "POST")
@example("https://[/", "POST")
@example("https://\u2100.example/", "POST")
def test_an_address_or_a_method_that_is_none_has_a_reason(url: str, method: str) -> None:
    async def scenario() -> None:
        for address in (url, f"https://{url}", f"https://a.example/{url}", f"https://a.example:{url}/"):
            rows, letters = claimed_rows(Request(method, address, json={}))
            assert all(letter.note and letter.note.isprintable() for letter in letters)
            sender = Transport(httpx.MockTransport(lambda request: httpx.Response(200)), lambda name: None)
            for row in rows:
                answer = await sender.send([row], now=NOW)
                assert isinstance(answer, Response) or (answer.reason and answer.reason.isprintable())
            await sender.close()

    run(scenario())


@pytest.mark.parametrize("name", sorted(OF_THE_CONNECTION))
def test_a_header_of_the_connection_is_the_connections(name: str) -> None:
    got = run(arriving(lambda port: Request("POST", f"http://127.0.0.1:{port}/", headers={name: "close"}, json={})))
    assert [value for header, value in got.parsed[2] if header == name] != [b"close"]


def _writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
