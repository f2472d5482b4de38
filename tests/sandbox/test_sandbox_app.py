"""The sandbox as an application: what it keeps, what it shows, and every fault, exactly as it was asked for."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from container.sandbox.app import LARGEST_BODY, sandbox_app
from container.sandbox.faults import FaultError, parse_fault
from container.sandbox.tiktok import CODES, TRACK, tiktok
from container.sandbox.vendor import Answer, Button, Checked, Incoming, SeenEvent, Vendor

NOW = 1_767_261_700.25
EXAMPLES: dict[str, Any] = json.loads((Path(__file__).parent / "example_bodies.json").read_text(encoding="utf-8"))
PURCHASE = EXAMPLES["Full purchase"]
LEAD = EXAMPLES["Lead, national phone number"]
HEADERS = {"access-token": "a-very-secret-token", "content-type": "application/json"}


class Sandbox:
    """A sandbox in memory, with a clock that stands still and a sleep that only notes down."""

    def __init__(self, **settings: Any) -> None:
        self.slept: list[float] = []
        self.app: Starlette = sandbox_app(clock=lambda: NOW, sleep=self._sleep, **settings)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def call(self, method: str, path: str, **rest: Any) -> httpx.Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as caller:
                return await caller.request(method, path, **rest)

        return asyncio.run(exchange())

    def track(self, body: Any = PURCHASE) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", TRACK, content=content, headers=HEADERS)

    def fault(self, written: Any) -> httpx.Response:
        return self.call("POST", "/faults", json=written)

    def received(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"/received{query}").json()["received"]
        return found


def test_an_accepted_request_is_kept_with_its_events() -> None:
    sandbox = Sandbox()
    sandbox.track()
    (kept,) = sandbox.received()
    assert (kept["number"], kept["time"], kept["vendor"]) == (1, 1_767_261_700_250, "tiktok")
    assert (kept["verdict"], kept["status"], kept["answer"]["code"]) == ("accepted", 200, 0)
    assert kept["account"] == "CTESTPIXEL0123456789"
    assert kept["events"][0]["name"] == "Purchase"
    assert kept["body"] == PURCHASE


def test_a_refused_request_is_kept_with_its_reasons() -> None:
    sandbox = Sandbox()
    sandbox.track({**PURCHASE, "data": [{"event": "Purchase"}]})
    (kept,) = sandbox.received()
    assert kept["verdict"] == "refused"
    assert kept["reasons"][0] == "Batch.0.event_time: Missing data for required field."


def test_a_body_that_is_not_json_is_kept_as_text() -> None:
    sandbox = Sandbox()
    sandbox.track(b"{oops \xff")
    (kept,) = sandbox.received()
    assert (kept["body"], kept["text"]) == (None, "{oops \ufffd")


def test_halves_of_surrogate_pairs_are_shown_as_they_came() -> None:
    sandbox = Sandbox()
    sandbox.track(b'{"event_source": "web", "event_source_id": "\\ud800", "data": [{"event": "\\udfff"}]}')
    assert '"account": "\\ud800"' in sandbox.call("GET", "/received").text


def test_the_token_is_never_kept() -> None:
    sandbox = Sandbox()
    sandbox.track()
    assert "a-very-secret-token" not in sandbox.call("GET", "/received").text
    assert sandbox.received()[0]["headers"]["access-token"].startswith("(19 characters, sha256 ")


def test_since_leaves_out_what_was_seen() -> None:
    sandbox = Sandbox()
    sandbox.track()
    sandbox.track(LEAD)
    assert [kept["number"] for kept in sandbox.received("?since=1")] == [2]
    assert sandbox.received("?since=2") == []


@pytest.mark.parametrize("since", ["x", "-1", "1.5", "9" * 30])
def test_since_that_is_no_number_is_a_problem(since: str) -> None:
    assert Sandbox().call("GET", f"/received?since={since}").status_code == 400


def test_only_the_last_requests_are_kept() -> None:
    sandbox = Sandbox(keep=2)
    for _ in range(4):
        sandbox.track()
    assert [kept["number"] for kept in sandbox.received()] == [3, 4]


def test_numbers_go_on_after_clearing() -> None:
    sandbox = Sandbox()
    sandbox.track()
    sandbox.call("DELETE", "/received")
    assert sandbox.received() == []
    sandbox.track()
    assert [kept["number"] for kept in sandbox.received()] == [2]


def test_a_repeated_event_names_the_request_that_had_it_first() -> None:
    sandbox = Sandbox()
    sandbox.track(LEAD)
    sandbox.track({**PURCHASE, "data": [PURCHASE["data"][0], LEAD["data"][0]]})
    assert [kept["copies"] for kept in sandbox.received()] == [{}, {"1": 1}]


def test_an_event_that_was_not_accepted_is_no_first_copy() -> None:
    sandbox = Sandbox()
    sandbox.fault({"status": 503})
    sandbox.track()
    sandbox.track()
    assert sandbox.received()[1]["copies"] == {}


def test_a_forgotten_request_is_no_first_copy() -> None:
    sandbox = Sandbox(keep=1)
    for body in (LEAD, PURCHASE, LEAD):
        sandbox.track(body)
    assert sandbox.received()[0]["copies"] == {}


def test_a_missing_trailing_slash_is_no_route_and_is_kept() -> None:
    sandbox = Sandbox()
    answer = sandbox.call("POST", TRACK[:-1], json=PURCHASE, headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (404, 40400)
    assert sandbox.received()[0]["reasons"][0].startswith("Route not found: POST /open_api/v1.3/event/track.")


def test_a_body_without_end_is_not_read_to_its_end() -> None:
    sandbox = Sandbox()
    assert sandbox.track(b" " * (LARGEST_BODY + 1)).status_code == 413
    assert sandbox.received() == []


FAULTS: list[tuple[dict[str, Any], int, Any, dict[str, str]]] = [
    ({"code": 0}, 200, {"code": 0, "message": "OK", "data": {}}, {}),
    ({"code": 0, "data": None}, 200, {"code": 0, "message": "OK", "data": None}, {}),
    ({"code": 40002, "message": "Batch.1.event_time: x"}, 200, {"code": 40002, "message": "Batch.1.event_time: x"}, {}),
    ({"partial": True}, 200, {"code": 20001}, {}),
    ({"body": {"code": 51010}}, 200, {"code": 51010}, {}),
    ({"status": 200, "body": "plain"}, 200, "plain", {}),
    ({"html": True}, 200, "<html>", {"content-type": "text/html"}),
    ({"empty": True}, 200, "", {"content-length": "0"}),
    ({"redirect": "https://elsewhere.example/"}, 302, "", {"location": "https://elsewhere.example/"}),
    *(
        ({"status": status}, status, None, {})
        for status in (302, 400, 401, 403, 404, 408, 425, 500, 502, 503, 504, 599)
    ),
    ({"status": 204, "body": "never sent"}, 204, "", {}),
    ({"status": 429, "retry_after": 2}, 429, "Too Many Requests", {"retry-after": "2"}),
    ({"status": 429, "retry_after": 0.5}, 429, None, {"retry-after": "0.5"}),
    (
        {"status": 503, "retry_after": "Thu, 01 Jan 2026 10:05:00 GMT", "body": {"a": 1}},
        503,
        {"a": 1},
        {"retry-after": "Thu, 01 Jan 2026 10:05:00 GMT"},
    ),
    *(({"code": code}, 200, {"code": code, "message": message}, {}) for code, message in CODES.items()),
]


@pytest.mark.parametrize(("written", "status", "body", "headers"), FAULTS, ids=[json.dumps(row[0]) for row in FAULTS])
def test_a_fault_answers_exactly_as_asked(
    written: dict[str, Any], status: int, body: Any, headers: dict[str, str]
) -> None:
    sandbox = Sandbox()
    assert sandbox.fault(written).json() == {"faults": [{**written, "times": 1}]}
    answer = sandbox.track()
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in headers} == headers
    if isinstance(body, dict):
        assert {name: answer.json()[name] for name in body} == body
    elif body is not None:
        assert answer.text.startswith(body)
        assert bool(answer.text) is bool(body)
    assert sandbox.received()[0]["verdict"] == "faulted"
    assert sandbox.received()[0]["fault"] == written


def test_a_code_answers_404_only_for_a_wrong_address() -> None:
    sandbox = Sandbox()
    sandbox.fault({"code": 40400})
    assert sandbox.track().status_code == 200


def test_a_partial_success_names_the_failed_events() -> None:
    sandbox = Sandbox()
    sandbox.fault({"partial": [0, 3]})
    assert [failed["order"] for failed in sandbox.track().json()["data"]["failed_events"]] == [0, 3]


def test_a_slow_answer_is_the_true_one_after_a_while() -> None:
    sandbox = Sandbox()
    sandbox.fault({"slow": 2.5})
    assert sandbox.track().json()["code"] == 0
    assert sandbox.slept == [2.5]
    assert sandbox.received()[0]["verdict"] == "accepted"


def test_slow_goes_with_another_fault() -> None:
    sandbox = Sandbox()
    sandbox.fault({"slow": 1, "status": 504})
    assert sandbox.track().status_code == 504
    assert sandbox.slept == [1]


def test_a_broken_connection_has_no_answer() -> None:
    sandbox = Sandbox()
    sandbox.fault({"close": True})
    with pytest.raises(ConnectionAbortedError):
        sandbox.track()
    assert sandbox.received()[0]["status"] is None


def test_faults_come_in_their_order_and_as_often_as_asked() -> None:
    sandbox = Sandbox()
    sandbox.fault([{"code": 50000, "times": 2}, {"status": 503}])
    answers = [sandbox.track() for _ in range(4)]
    assert [(answer.status_code, answer.text[:13]) for answer in answers] == [
        (200, '{"code": 5000'),
        (200, '{"code": 5000'),
        (503, "Service Unava"),
        (200, '{"code": 0, "'),
    ]
    assert sandbox.call("GET", "/faults").json() == {"faults": []}


def test_a_fault_for_an_event_waits_for_that_event() -> None:
    sandbox = Sandbox()
    sandbox.fault({"code": 50000, "event": "Lead"})
    assert [sandbox.track(body).json()["code"] for body in (PURCHASE, LEAD, LEAD)] == [0, 50000, 0]


def test_a_fault_for_always_stays_until_it_is_taken_away() -> None:
    sandbox = Sandbox()
    sandbox.fault({"status": 503, "times": "always"})
    assert [sandbox.track().status_code for _ in range(3)] == [503] * 3
    sandbox.call("DELETE", "/faults")
    assert sandbox.track().status_code == 200


def test_a_faulted_request_keeps_what_the_check_would_have_said() -> None:
    sandbox = Sandbox()
    sandbox.fault({"status": 503})
    sandbox.track({**PURCHASE, "data": [{}]})
    assert sandbox.received()[0]["reasons"][0].startswith("Batch.0.event: Missing")


def test_a_fault_may_be_written_as_a_query() -> None:
    sandbox = Sandbox()
    assert sandbox.call("POST", "/faults?code=40100&times=3&event=Purchase").json() == {
        "faults": [{"code": 40100, "event": "Purchase", "times": 3}]
    }


WRONG_FAULTS: list[Any] = [
    *([], "x", 5, None, {}, {"times": 1}, {"teapot": True}),
    *({"code": code} for code in ("40100", True, -1, 100_000, 1.5)),
    *({"status": status} for status in (99, 100, 199, 600, "503", True)),
    *({"status": 503, "times": times} for times in (0, -1, 1.5, "3", True, None, 1_000_001)),
    *({"slow": seconds} for seconds in (-1, 601, "5", True, None)),
    *({"status": 429, "retry_after": wait} for wait in (-1, True, "a\r\nx: y", "é")),
    *({"redirect": address} for address in ("", 5, "a\nb", True)),
    *({"html": False}, {"empty": 1}, {"close": "yes"}, {"partial": False}, {"partial": ["x"]}, {"partial": [-1]}),
    *({"status": 503, "code": 40100}, {"html": True, "empty": True}, {"code": 1, "message": 5}),
    *({"status": 503, "event": 5}, {"status": 503, "vendor": "nobody"}, {"status": 503, "vendor": 5}),
]


@pytest.mark.parametrize("written", WRONG_FAULTS, ids=json.dumps)
def test_a_fault_that_cannot_be_meant_is_explained(written: Any) -> None:
    with pytest.raises(FaultError, match=r"\.$"):
        parse_fault(written, [tiktok()])


@pytest.mark.parametrize("content", [b"{", b'[{"status": 503}, {"status": 1}]'])
def test_nothing_of_a_wrong_script_is_taken(content: bytes) -> None:
    sandbox = Sandbox()
    answer = sandbox.call("POST", "/faults", content=content)
    assert answer.status_code == 400
    assert answer.json()["problem"]
    assert sandbox.call("GET", "/faults").json() == {"faults": []}


def test_a_script_has_an_end() -> None:
    sandbox = Sandbox()
    assert sandbox.fault([{"status": 503}] * 1000).status_code == 200
    assert sandbox.fault({"status": 503}).status_code == 400


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.dictionaries(
            st.sampled_from(
                ["code", "status", "body", "slow", "times", "event", "partial", "redirect", "retry_after", "x"]
            ),
            inner,
        ),
        max_leaves=6,
    )
)
def test_any_fault_is_taken_or_explained(written: Any) -> None:
    answer = Sandbox().call("POST", "/faults", content=json.dumps([written]).encode())
    assert answer.status_code in (200, 400)
    assert answer.status_code == 200 or answer.json()["problem"].endswith(".")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/faults?status=503"), ("DELETE", "/faults"), ("DELETE", "/received")]
)
def test_another_sites_page_changes_nothing(method: str, path: str) -> None:
    assert Sandbox().call(method, path, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert Sandbox().call(method, path, headers={"sec-fetch-site": "same-origin"}).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/received", "/faults", "/static/page.js", "/static/page.css", "/static/sandbox.css", "/static/icon.svg"],
)
def test_everything_of_our_own_is_guarded(path: str) -> None:
    answer = Sandbox().call("GET", path)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_other_file_is_served() -> None:
    assert Sandbox().call("GET", "/static/..%2fapp.py").status_code == 404
    assert Sandbox().call("GET", "/static/other.js").status_code == 404


def test_the_page_offers_every_code_and_has_no_inline_script() -> None:
    page = Sandbox().call("GET", "/").text
    assert all(f">{code} {message}</option>" in page for code, message in CODES.items())
    assert page.count("<script") == 1
    assert "style=" not in page
    assert "onclick" not in page


def other_vendor() -> Vendor:
    def check(incoming: Incoming) -> Checked:
        seen = (SeenEvent("<script>alert(1)</script>"),)
        return Checked(Answer(204, text=""), accepted=True, events=seen, account=incoming.path)

    def refuse(fault: Any, request_id: str) -> Answer:
        return Answer(400, {"error": fault["error"], "trace": request_id})

    button = Button("</option><script>alert(1)</script>", {"error": "'><script>"})
    return Vendor(
        name="other",
        title="<b>Other</b>",
        address="/v1/events",
        paths=("/v1/{account}/events",),
        check=check,
        faults={"error": refuse},
        buttons=(button,),
        menu=(button,),
    )


def test_a_second_vendor_needs_nothing_but_itself() -> None:
    sandbox = Sandbox(vendors=[tiktok(), other_vendor()])
    sandbox.fault([{"error": 190}, {"vendor": "tiktok", "code": 40100}])
    answers = [sandbox.call("POST", "/v1/7/events") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400, 204]
    assert answers[0].json()["error"] == 190
    assert sandbox.track().json()["code"] == 40100
    assert [kept["vendor"] for kept in sandbox.received()] == ["other", "other", "tiktok"]


def test_a_fault_of_one_vendor_leaves_the_others_alone() -> None:
    sandbox = Sandbox(vendors=[tiktok(), other_vendor()])
    sandbox.fault({"code": 40100})
    assert sandbox.call("POST", "/v1/7/events").status_code == 204
    assert sandbox.track().json()["code"] == 40100


def test_the_page_escapes_what_a_vendor_says() -> None:
    page = Sandbox(vendors=[other_vendor()]).call("GET", "/").text
    assert "<b>Other</b>" not in page
    assert page.count("<script") == 1


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """The application on a port of its own, its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def test_a_connection_breaks_before_the_first_byte_on_a_real_server(caplog: pytest.LogCaptureFixture) -> None:
    with served(sandbox_app()) as address, httpx.Client(base_url=address, trust_env=False) as caller:
        caller.post("/faults", json={"close": True})
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            caller.post(TRACK, json=PURCHASE, headers=HEADERS)
        assert caller.post(TRACK, json=PURCHASE, headers=HEADERS).json()["code"] == 0
    assert not caplog.records


CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.chromium
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_page_shows_hostile_events_as_text(tmp_path: Path) -> None:
    event = {
        **PURCHASE["data"][0],
        "event": "<script>document.title='hacked'</script>",
        "properties": {"<img src=x onerror=alert(1)>": "<b>bold</b>", "contents": [{"<i>key</i>": "<u>x</u>"}]},
    }
    with served(sandbox_app()) as address, httpx.Client(base_url=address, trust_env=False) as caller:
        caller.post(TRACK, json={**PURCHASE, "data": [event]}, headers=HEADERS)
        caller.post(TRACK, json={**PURCHASE, "data": [{"event": 1}]}, headers=HEADERS)
        caller.post("/faults", json={"status": 503, "event": "<em>later</em>"})
        dom = _rendered(address, tmp_path)
    assert "&lt;script&gt;document.title='hacked'&lt;/script&gt;" in dom
    assert "<title>Sandbox</title>" in dom
    assert "Batch.0.event: Not a valid string." in dom
    assert "&lt;em&gt;later&lt;/em&gt;" in dom
    for markup in ("<img", "<b>bold", "<i>key", "<u>x", "<em>"):
        assert markup not in dom


def _rendered(address: str, folder: Path) -> str:
    assert CHROMIUM is not None
    arguments = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={folder}", "--virtual-time-budget=2000", "--dump-dom", address),
    ]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True).stdout
