"""The sandbox's page, who may call it, and further vendors beside the first."""

from __future__ import annotations

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
from starlette.applications import Starlette

from container.sandbox.app import sandbox_app
from container.sandbox.tiktok import CODES, TRACK, tiktok
from container.sandbox.vendor import Answer, Button, Checked, Incoming, SeenEvent, Vendor
from tests.sandbox.parts import HEADERS, PURCHASE, Sandbox


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/faults?status=503"), ("DELETE", "/faults"), ("DELETE", "/received")]
)
def test_another_sites_page_changes_nothing(method: str, path: str) -> None:
    assert Sandbox().call(method, path, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert Sandbox().call(method, path, headers={"sec-fetch-site": "same-origin"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/received", "/faults", "/static/page.js", "/static/page.css", "/static/icon.svg"]
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
