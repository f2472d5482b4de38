"""Previews over several processes: whoever takes the marked hit, the page shows it, and nobody else hears of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.database import TOKEN, on_database, rows, soon
from tests.cli.processes import PURCHASE, Serving
from tests.cli.test_database import hit, vendor
from tests.delivery.postgres import running

pytestmark = pytest.mark.slow
LOCAL = ["--allow-egress", "127.0.0.1/32"]


@contextmanager
def caller() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=60, headers={"authorization": f"Bearer {TOKEN}"}) as found:
        yield found


def started(asks: httpx.Client, served: Serving) -> dict[str, Any]:
    answer = asks.post(f"{served.admin}/preview/sessions", json={})
    assert answer.status_code == 201
    found: dict[str, Any] = answer.json()
    return found


def marked(served: Serving, mark: str, event: str, name: str = "purchase") -> int:
    """A hit on a connection of its own, so that any of the processes may take it."""
    query = PURCHASE.replace("en=purchase", f"en={name}")
    with httpx.Client(trust_env=False, timeout=60) as visitor:
        address = f"{served.public}/g/collect?{query}&ep.event_id={event}"
        return visitor.get(address, headers={"x-gtm-server-preview": mark}).status_code


def records(asks: httpx.Client, served: Serving, session: str, many: int) -> list[Any]:
    found = [asks.get(f"{served.admin}/preview/{session}/records/{number}") for number in range(1, many + 1)]
    return [each.json() for each in found if each.status_code == 200]


def fired(record: Any) -> list[str]:
    return [tag["status"] for event in record["told"]["events"] for tag in event["tags"]]


def test_hits_of_a_preview_are_seen_on_the_page_whichever_worker_takes_them(tmp_path: Path) -> None:
    url = running().database()
    with vendor() as (text, came), on_database(tmp_path, url, "--workers", "2", *LOCAL, text=text) as served:
        with caller() as asks:
            session = started(asks, served)
            path, mark = f"{served.admin}/preview/{session['id']}", session["header"]["value"]
            assert session["link"].startswith(f"{served.public}/_preview/")
            assert [marked(served, mark, f"k{number}") for number in range(20)] == [204] * 20
            soon(lambda: len(records(asks, served, session["id"], 20)), 20)
            found = records(asks, served, session["id"], 20)
            assert {each["source"] for each in found} == {"marked"}
            assert all(each["outgoing"][0]["mode"] == "dry" for each in found)

            # A draft that was given to one process runs in all of them.
            draft = text.replace("events: purchase", "events: refund")
            assert (
                asks.put(f"{path.replace('/preview/', '/preview/sessions/')}/draft", content=draft).status_code == 200
            )
            assert [marked(served, mark, f"d{number}") for number in range(10)] == [204] * 10
            soon(lambda: len(records(asks, served, session["id"], 30)), 30)
            assert all("fired" not in fired(each) for each in records(asks, served, session["id"], 30)[20:])

            # Somebody else's hit is delivered, and none of the preview's is.
            assert hit(served.public, "live").status_code == 204
            soon(lambda: len(came), 1)
            assert b'"event_id":"live"' in came[0].replace(b" ", b"")

            assert asks.delete(f"{served.admin}/preview/sessions/{session['id']}").status_code == 204
            soon(lambda: marked(served, mark, "late") == 204 and rows(url) + len(came) > 1, True)
        assert served.stop() == 0
    assert not any(re.search(r" ERROR ", line) for line in served.lines)


def test_a_process_that_delivers_nothing_sends_nothing_of_a_preview_and_says_so(tmp_path: Path) -> None:
    url = running().database()
    with vendor() as (text, came), on_database(tmp_path, url, "--no-deliver", *LOCAL, text=text) as served:
        with caller() as asks:
            session = started(asks, served)
            page = f"{served.admin}/preview/{session['id']}"
            assert asks.post(f"{page}/mode", json={"mode": "send"}).status_code == 200
            assert marked(served, session["header"]["value"], "k1") == 204
            told = "this server delivers nothing (--no-deliver)"

            def said() -> bool:
                [record] = records(asks, served, session["id"], 1)
                return [(each["mode"], each.get("why")) for each in record["outgoing"]] == [("dry", told)]

            soon(said, True)
        assert came == []
        assert rows(url) == 0
        assert served.stop() == 0


def test_the_link_marks_a_browser_at_whichever_worker_it_comes_to(tmp_path: Path) -> None:
    url = running().database()
    with on_database(tmp_path, url, "--workers", "2", "--no-deliver") as served:
        with caller() as asks:
            session = started(asks, served)
            with httpx.Client(trust_env=False, timeout=60) as browser:
                assert "<button>" in browser.get(session["link"]).text
                headers = {"sec-fetch-site": "same-origin"}
                pressed = browser.post(session["link"], headers=headers, follow_redirects=True)
                assert "Preview is on in this browser" in pressed.text
                cookie = browser.cookies["tc_preview"]
            assert cookie == session["header"]["value"]
            for _ in range(6):
                with httpx.Client(trust_env=False, timeout=60) as another:
                    assert another.post(session["link"]).status_code == 404
        assert rows(url) == 0
        assert served.stop() == 0
