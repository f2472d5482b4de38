"""The admin listener: what everybody may see, and what only the token opens."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from container.delivery.row import Acceptance, Letter, acceptance
from container.engine.run import run as run_hit
from container.event import Hit
from container.web.admin import FEW_LETTERS, Admin, admin_app, authorised
from tests.web.parts import NOW, Site, run, site

HIT = Hit(bytes(16), 1, path="/collect", query="name=purchase")
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
    assert "https://hook.example" in answer.text
    assert "1 min" in answer.text
    assert "A &lt;demonstration&gt;." in answer.text


def test_no_page_may_be_framed_cached_or_run_scripts(tmp_path: Path) -> None:
    headers = looked(tmp_path, "/", BEARER).headers
    assert "script-src" not in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_the_page_brings_its_style(tmp_path: Path) -> None:
    answer = looked(tmp_path, "/static/admin.css")
    assert answer.headers["content-type"].startswith("text/css")
    assert "table" in answer.text


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


def test_dead_letters_are_listed_by_lane_without_their_bodies(tmp_path: Path) -> None:
    async def work() -> tuple[str, str, dict[str, object]]:
        async with site(tmp_path) as here:
            for number in range(FEW_LETTERS + 2):
                await here.ask(target=f"/collect?name=unsendable&email=ada{number}@example.com")
            await here.ask(target="/collect?name=raise_in_tag")
            [first, second] = await here.store.lanes()
            assert (str(first.lane), str(second.lane)) == ("hook A-1", "hook")
            page, more = await look(here, "/", BEARER), await look(here, f"/?lane={first.number}", BEARER)
            return page.text, more.text, (await look(here, "/ready", BEARER)).json()

    page, more, ready = run(work())
    assert page.count('<b class="bad">unsendable</b>') == FEW_LETTERS
    assert more.count('<b class="bad">unsendable</b>') == FEW_LETTERS + 2
    assert f"The latest {FEW_LETTERS} of {FEW_LETTERS + 2}." in page
    assert "The latest" not in more
    assert page.count('<b class="bad">tag_failed</b>') == 1
    assert ">Hook</td>" in page
    assert ">raise_in_tag</td>" in page
    assert "2026-01-01 10:00:00 UTC" in page
    assert "the address is none of http or https" in page
    assert "example.com" not in page
    assert ready == {
        "ready": True,
        "reasons": ['Lane 1 "hook A-1" has 12 dead letters.', 'Lane 2 "hook" has 1 dead letter.'],
    }


def test_what_a_dead_letter_says_is_only_text(tmp_path: Path) -> None:
    async def work() -> str:
        async with site(tmp_path) as here:
            [row] = acceptance(run_hit(here.ingest.current.container, HIT), now=1).rows
            note, tag = "<script>note</script>", "<script>tag</script>"
            await here.store.accept(Acceptance(1, letters=[Letter(row.id, row.lane, "refused", note, 1, b"", tag)]))
            return (await look(here, "/?lane=<script>", BEARER)).text

    page = run(work())
    assert "&lt;script&gt;note" in page
    assert "<script" not in page
    assert "not readable" in page
