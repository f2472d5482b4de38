"""`serve` with a tag that relays hits: the visitor's browser gets what the other server sets."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from container.api import Event, Request, Settings, tag
from container.cli.build import Built, build, tell_of_relays
from container.cli.sources import Sources
from container.config.registry import Registry
from container.delivery.sqlite import open_store
from tests import canaries
from tests.cli.processes import PATIENCE_SECONDS, PURCHASE, Serving, serving
from tests.web.parts import collect
from triggers.event import event as event_trigger

PLUG_IN = '''
from container.api import Event, Request, Settings, tag


class Relay(Settings):
    endpoint: str
    relay: bool = True
    seconds: float = 5.0


@tag("relay", consent=())
def relay(settings: Relay, event: Event) -> Request:
    """Send the event to another server, and pass on the cookies that it sets."""
    return Request("POST", settings.endpoint, json={"name": event.name}, reply_cookies=settings.seconds)
'''
FILE = """
version: 1
container: {{name: Served, id: S-1}}
clients: {{GA4: {{type: ga4}}}}
triggers: {{Purchase: {{events: purchase}}}}
tags:
  Other server: {{type: relay, triggers: [Purchase], endpoint: "{address}", seconds: {seconds}}}
"""


@dataclass
class Other:
    """The other server. `free`: it answers. `asked`: it was asked."""

    address: str = ""
    free: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)


@contextmanager
def other() -> Iterator[Other]:
    found = Other()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            found.asked.set()
            found.free.wait(PATIENCE_SECONDS)
            self.send_response(200)
            self.send_header("Set-Cookie", "FPID=2.a%2Bb; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax")
            self.send_header("Set-Cookie", "FPLC=x; Path=/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.address = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        found.free.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def relaying(folder: Path, to: Other, seconds: float = 5.0) -> Iterator[Serving]:
    about = folder / "packages" / "relay_tag-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: relay-tag\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[container.components]\nrelay = relay_tag\n", encoding="utf-8")
    (about.parent / "relay_tag.py").write_text(PLUG_IN, encoding="utf-8")
    text = FILE.format(address=to.address, seconds=seconds)
    paths = f"{about.parent}:{Path(__file__).resolve().parents[2]}"
    arguments = ("--allow-egress", "127.0.0.0/8", "--data", str(folder / "data"))
    with serving(folder, *arguments, text=text, environment={"PYTHONPATH": paths}) as found:
        yield found


def send(found: Serving) -> httpx.Response:
    headers = {**canaries.HEADERS, "host": "metrics.shop.example"}
    return httpx.get(f"{found.public}/g/collect?{PURCHASE}", headers=headers, timeout=PATIENCE_SECONDS)


@pytest.mark.slow
def test_a_browser_gets_the_cookies_of_the_other_server(tmp_path: Path) -> None:
    with other() as there, relaying(tmp_path, there) as here:
        there.free.set()
        answer = send(here)
        assert answer.is_success
        assert [line for line in answer.headers.get_list("set-cookie") if line.startswith("FP")] == [
            "FPID=2.a%2Bb; Path=/; Domain=shop.example; Max-Age=60; Secure; HttpOnly; SameSite=Lax",
            "FPLC=x; Path=/; Domain=shop.example; SameSite=Lax",
        ]
        figures = httpx.get(f"{here.admin}/metrics", timeout=PATIENCE_SECONDS).text
        assert 'tag_container_reply_cookies_total{result="passed"} 1.0' in figures
        assert here.stop() == 0
        assert not any("relay.no_cookies" in line for line in here.lines)


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_who_waits_is_answered_before_the_process_ends_and_nothing_is_lost(tmp_path: Path, times: int) -> None:
    """Asked twice to stop, it lets nobody wait any longer."""
    with other() as there, relaying(tmp_path, there, 5.0 if times == 2 else 1.5) as here:
        answers: list[httpx.Response] = []
        visitor = threading.Thread(target=lambda: answers.append(send(here)))
        visitor.start()
        assert there.asked.wait(PATIENCE_SECONDS)
        begun = time.monotonic()
        here.process.send_signal(signal.SIGTERM)
        here.wait_for(r"serve\.stopping")
        if times == 2:
            here.process.send_signal(signal.SIGTERM)
        visitor.join(PATIENCE_SECONDS)
        assert time.monotonic() - begun < 4
        [answer] = answers
        assert answer.is_success
        assert not any(line.startswith("FP") for line in answer.headers.get_list("set-cookie"))
        if times == 1:
            there.free.set()
        assert here.process.wait(PATIENCE_SECONDS) == 0
    assert left_in(tmp_path / "data") == (0 if times == 1 else 1)


def left_in(folder: Path) -> int:
    """Deliveries that wait in the store, none of them after a crash."""

    async def look() -> int:
        store = open_store(folder, now=int(time.time() * 1000))
        try:
            assert store.recovered == 0
            return sum(each.waiting for each in await store.lanes())
        finally:
            await store.close()

    return asyncio.run(look())


class Relay(Settings):
    endpoint: str
    relay: bool = True


@tag("relay", consent=())
def relay(settings: Relay, event: Event) -> Request:
    """Send the event to another server."""
    return Request("POST", settings.endpoint, json={"name": event.name}, reply_cookies=1.0)


def told(folder: Path, more: str, *, delivers: bool, alone: bool, caplog: pytest.LogCaptureFixture) -> list[str]:
    path = folder / "container.yaml"
    path.write_text(
        "version: 1\ncontainer: {name: Relay, id: R-1}\nclients: {Test: {type: collect}}\ntriggers: {Every: {}}\n"
        f"tags: {{Other: {{type: relay, triggers: [Every], endpoint: 'https://relay.example/'{more}}}}}\n",
        encoding="utf-8",
    )
    caplog.set_level(logging.INFO)
    built = build(Sources(path, Registry.of([collect, relay, event_trigger]), {}, lambda _: None, strict=True))
    assert isinstance(built, Built)
    assert built.container is not None, built.loaded.report()
    tell_of_relays(built, delivers=delivers, alone=alone)
    return [record.getMessage().partition(" ")[0] for record in caplog.records if "relay." in record.getMessage()]


@pytest.mark.parametrize(
    ("more", "delivers", "alone", "expected"),
    [
        ("", True, True, []),
        ("", True, False, ["relay.shared"]),
        ("", False, False, ["relay.no_cookies"]),
        (", relay: false", False, False, []),
        (", paused: true", False, False, []),
    ],
)
def test_at_the_start_it_says_whose_cookies_cannot_come(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    more: str,
    delivers: bool,
    alone: bool,
    expected: list[str],
) -> None:
    assert told(tmp_path, more, delivers=delivers, alone=alone, caplog=caplog) == expected
