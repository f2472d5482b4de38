"""The admin listener: what everybody may see, and what only the token opens."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from container.web.access import GUARDED, authorised
from container.web.admin import Admin, admin_app, admin_listener
from container.web.queue_api import QueueApi
from tests.web.parts import NOW, Site, run, site

TOKEN = "a-token-of-some-length"
BEARER = {"authorization": f"Bearer {TOKEN}"}


def basic(password: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'ada:{password}'.encode()).decode()}"}


async def look(here: Site, path: str, headers: Mapping[str, str] | None = None, *, notice: str = "") -> httpx.Response:
    counters = here.ingest.counters
    counters.add("delivered", "hook", by=3)
    counters.judged("hook https://hook.example", {"Hook": 3}, "delivered")
    ingest = here.ingest
    ingest.current.notice = notice
    admin = Admin(
        ingest.current,
        here.store,
        ingest.metrics,
        ingest.health,
        counters,
        TOKEN,
        clock=lambda: NOW + 90,
    )
    transport = httpx.ASGITransport(admin_app(admin))
    async with httpx.AsyncClient(transport=transport, base_url="http://admin.example") as caller:
        return await caller.get(path, headers=headers)


def looked(folder: Path, path: str, headers: Mapping[str, str] | None = None, *, notice: str = "") -> httpx.Response:
    async def work() -> httpx.Response:
        async with site(folder) as here:
            await here.ask()
            return await look(here, path, headers, notice=notice)

    return run(work())


def test_ready_says_yes_to_everybody(tmp_path: Path) -> None:
    answer = looked(tmp_path, "/ready")
    assert (answer.status_code, answer.json()) == (200, {"ready": True})


def test_a_process_that_stops_is_not_ready_and_tells_why_to_the_token_only(tmp_path: Path) -> None:
    async def work() -> tuple[httpx.Response, httpx.Response]:
        async with site(tmp_path) as here:
            here.ingest.health.draining = True
            return await look(here, "/ready"), await look(here, "/ready", BEARER)

    stranger, operator = run(work())
    assert (stranger.status_code, stranger.json()) == (503, {"ready": False})
    assert operator.json() == {"ready": False, "reasons": ["The process is shutting down."]}


def test_a_store_that_does_not_answer_is_a_reason(tmp_path: Path) -> None:
    async def work() -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        async with site(tmp_path) as here:
            await here.store.close()
            return await look(here, "/ready", BEARER), await look(here, "/", BEARER), await look(here, "/metrics")

    ready, page, metrics = run(work())
    assert ready.status_code == page.status_code == 503
    assert ready.json()["reasons"] == ["The store does not answer (the store is closed)."]
    assert "The store does not answer." in page.text
    assert metrics.status_code == 200


def test_metrics_show_hits_lanes_and_deliveries_to_everybody(tmp_path: Path) -> None:
    shown = looked(tmp_path, "/metrics").text
    assert "tag_container_hits_accepted_total 1.0\n" in shown
    assert 'tag_container_tag_events_total{consent="",status="fired",tag="Hook"} 1.0\n' in shown
    assert 'lane="hook https://hook.example",number="1",state="waiting"} 1.0\n' in shown
    assert 'tag_container_outbox_oldest_age_seconds{lane="hook https://hook.example",number="1"} 90.0\n' in shown
    assert 'tag_container_delivery_delivered_total{detail="",type="hook"} 3.0\n' in shown
    result = 'lane="hook https://hook.example",tag="Hook",verdict="delivered"'
    assert f"tag_container_deliveries_total{{{result}}} 3.0\n" in shown
    assert "_created" not in shown


@pytest.mark.parametrize(
    "headers", [{}, basic("wrong"), {"authorization": "Bearer"}, {"authorization": f"Digest {TOKEN}"}]
)
def test_the_page_is_closed_without_the_token(tmp_path: Path, headers: dict[str, str]) -> None:
    answer = looked(tmp_path, "/", headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert "hook" not in answer.text


@pytest.mark.parametrize("headers", [BEARER, basic(TOKEN), {"authorization": f"bearer  {TOKEN}"}])
def test_the_page_shows_each_lane_to_the_token(tmp_path: Path, headers: dict[str, str]) -> None:
    answer = looked(tmp_path, "/", headers, notice="A <demonstration>.")
    assert answer.status_code == 200
    assert "https://<wbr>hook.example<wbr>" in answer.text
    assert "1 min" in answer.text
    assert "A &lt;demonstration&gt;." in answer.text


def test_a_wrong_token_at_ready_is_refused(tmp_path: Path) -> None:
    assert looked(tmp_path, "/ready", basic("wrong")).status_code == 401


def test_a_page_without_a_token_says_how_to_set_one(tmp_path: Path) -> None:
    async def work() -> httpx.Response:
        async with site(tmp_path) as here:
            ingest = here.ingest
            admin = Admin(ingest.current, here.store, ingest.metrics, ingest.health, ingest.counters, "")
            transport = httpx.ASGITransport(admin_app(admin))
            async with httpx.AsyncClient(transport=transport, base_url="http://admin.example") as caller:
                return await caller.get("/")

    answer = run(work())
    assert answer.status_code == 403
    assert "www-authenticate" not in answer.headers
    assert "TAG_CONTAINER_ADMIN_TOKEN" in answer.text


def test_no_page_may_be_framed_or_cached_and_only_our_own_file_may_be_run(tmp_path: Path) -> None:
    answer = looked(tmp_path, "/", BEARER)
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert {"script-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} < set(policy)
    assert "unsafe" not in str(policy)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.count("<script") == answer.text.count('<script src="static/queue.js" defer></script>') == 1
    assert not re.search(r"<[^>]* (?:style|on[a-z]+)=", answer.text)


def test_the_page_brings_its_style_and_its_script(tmp_path: Path) -> None:
    style, script = looked(tmp_path, "/static/admin.css"), looked(tmp_path, "/static/queue.js")
    assert style.headers["content-type"].startswith("text/css")
    assert "table" in style.text
    assert script.headers["content-type"].startswith("text/javascript")
    assert not re.search("innerHTML|outerHTML|insertAdjacent|eval|document.write", script.text)


def test_without_a_token_nobody_is_authorised() -> None:
    assert not authorised("Bearer ", "")
    assert not authorised(basic("")["authorization"], "")


@given(some.text())
def test_no_other_header_is_authorised(header: str) -> None:
    assert not authorised(header, TOKEN)
    assert not authorised(f"Basic {header}", TOKEN)


def test_a_token_beyond_ascii_is_compared_like_any_other() -> None:
    assert authorised(basic("schlüssel")["authorization"], "schlüssel")
    assert not authorised(basic("schlussel")["authorization"], "schlüssel")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(("GET", "/", 200), ("GET", "/nowhere", 404), ("DELETE", "/ready", 405), ("GET", "/ready", 200)),
        *(("GET", "/api/queue/lanes", 200), ("GET", "/api/queue/nowhere", 404), ("GET", "/api/queue/drop", 405)),
    ],
)
def test_whatever_is_answered_is_guarded(tmp_path: Path, method: str, path: str, status: int) -> None:
    async def work() -> httpx.Response:
        async with site(tmp_path) as here:
            ingest = here.ingest
            known = (ingest.current, here.store, ingest.metrics, ingest.health, ingest.counters, TOKEN)
            admin = Admin(*known, clock=lambda: NOW)
            api = QueueApi(admin.caretaker, lambda _header: True, by="test")
            transport = httpx.ASGITransport(admin_listener(admin, api))
            async with httpx.AsyncClient(transport=transport, base_url="http://admin.example") as caller:
                return await caller.request(method, path, headers=BEARER)

    answer = run(work())
    assert answer.status_code == status
    assert {name: answer.headers.get_list(name) for name in GUARDED} == {name: [line] for name, line in GUARDED.items()}
