"""The JSON interface of the queue: who may ask, what it answers, and what goes on as a job."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from container.delivery.person import person
from container.delivery.progress import Progress
from container.delivery.row import acceptance
from container.delivery.schema import FILE
from container.delivery.sqlite import SqliteStore, open_store
from container.engine.run import run as run_hit
from container.event import Hit
from container.preview.sessions import Sessions
from container.web.access import GUARDED
from container.web.admin import authorised
from container.web.caretaker import Caretaker
from container.web.queue_api import QueueApi, queue_app, with_queue
from container.web.queue_moves import ImportOverError, Imports
from tests import canaries
from tests.delivery.harness import NOW, accepted, must_claim, planned, run
from tests.web.parts import container

TOKEN = "a-token-of-some-length"
BEARER = {"authorization": f"Bearer {TOKEN}"}
JSON = {"content-type": "application/json", **BEARER}


@dataclass(frozen=True, slots=True)
class Desk:
    """The interface over a store, and somebody who asks it."""

    store: SqliteStore
    caretaker: Caretaker
    caller: httpx.AsyncClient
    woken: list[bool]

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.caller.get(f"/api/queue{path}", params=query, headers=BEARER)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, document: Mapping[str, Any], status: int = 202) -> Any:
        answer = await self.caller.post(f"/api/queue{path}", json=document, headers=JSON)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def done(self, path: str, document: Mapping[str, Any]) -> Any:
        """The job that this begins, when it has ended."""
        number = (await self.post(path, document))["job"]["number"]
        job = self.caretaker.jobs.get(number)
        assert job is not None
        await self.caretaker.jobs.finished(job)
        return (await self.get(f"/jobs/{number}"))["job"]


@asynccontextmanager
async def desk(folder: Path, *, dead: int = 0, waiting: int = 0) -> AsyncIterator[Desk]:
    store = open_store(folder, now=NOW)
    if dead:
        await store.accept(accepted(*(planned(number) for number in range(1, dead + 1))))
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "refused", note="no", now=NOW)
    if waiting:
        await store.accept(accepted(*(planned(number) for number in range(101, 101 + waiting))))
    woken: list[bool] = []
    found = container()
    caretaker = Caretaker(store, lambda: found, lambda: woken.append(True), clock=lambda: NOW)
    app = queue_app(QueueApi(caretaker, partial(authorised, token=TOKEN), by="admin_token"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin.example") as caller:
        try:
            yield Desk(store, caretaker, caller, woken)
        finally:
            await caretaker.jobs.close()
            await store.close()


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}])
@pytest.mark.parametrize(("method", "path"), [("GET", "/lanes"), ("GET", "/export"), ("POST", "/drop")])
def test_nothing_is_answered_without_the_token(tmp_path: Path, headers: dict[str, str], method: str, path: str) -> None:
    async def work() -> None:
        async with desk(tmp_path, waiting=1) as here:
            answer = await here.caller.request(method, f"/api/queue{path}", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic")

    run(work())


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "text/plain"},
        {"content-type": "application/json", "origin": "https://evil.example"},
        {"content-type": "application/json", "origin": "null"},
        {"content-type": "application/json", "sec-fetch-site": "cross-site"},
        {"content-type": "application/json", "sec-fetch-site": "same-site"},
    ],
)
def test_another_sites_page_changes_nothing(tmp_path: Path, headers: dict[str, str]) -> None:
    async def work() -> None:
        async with desk(tmp_path, waiting=1) as here:
            body = b'{"all": true, "place": "waiting"}'
            answer = await here.caller.post("/api/queue/drop", content=body, headers={**BEARER, **headers})
            assert answer.status_code == 403
            assert (await here.get("/count", place="waiting"))["rows"] == 1

    run(work())


@pytest.mark.parametrize("path", ["/export", "/rows/waiting/1?whole=1", "/lanes", "/rows?place=waiting"])
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "https://evil.example", "sec-fetch-site": "none"},
    ],
)
def test_another_sites_page_reads_nothing(
    tmp_path: Path, path: str, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with desk(tmp_path, waiting=1) as here:
            answer = await here.caller.get(f"/api/queue{path}", headers={**BEARER, **headers})
            assert (answer.status_code, canaries.EVERYTHING.within(answer.text)) == (403, [])
            # An address that somebody typed, and a page of ours.
            for site in ("none", "same-origin"):
                answer = await here.caller.get(f"/api/queue{path}", headers={**BEARER, "sec-fetch-site": site})
                assert answer.status_code == 200

    run(work())


@pytest.mark.parametrize("path", ["/lanes", "/export", "/rows/waiting/1?whole=1", "/rows/dead/9"])
def test_every_answer_is_guarded(tmp_path: Path, path: str) -> None:
    async def work() -> None:
        async with desk(tmp_path, waiting=1) as here:
            answer = await here.caller.get(f"/api/queue{path}", headers=BEARER)
            assert {name: answer.headers.get(name) for name in GUARDED} == dict(GUARDED)

    run(work())


def test_what_goes_out_and_comes_in_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with desk(tmp_path / "a", dead=2, waiting=3) as here:
            lines = (await here.caller.get("/api/queue/export", headers=BEARER)).content.splitlines()
        async with desk(tmp_path / "b") as there:
            rows = [*map(orjson.loads, lines), {}]
            await there.post("/import", {"rows": rows, "last": True}, 200)

    with caplog.at_level(logging.WARNING):
        run(work())
    assert [record.getMessage() for record in caplog.records] == [
        "queue.exported by=admin_token rows=5 unreadable=0",
        "queue.imported by=admin_token rows=5 known=0 damaged=1 full=0",
    ]


def test_an_export_says_at_its_end_how_many_it_wrote_and_could_not_read(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path, dead=1, waiting=3) as here:
            with closing(sqlite3.connect(tmp_path / FILE)) as other, other:
                other.execute("update delivery set body=x'00' where number=2")
            lines = (await here.caller.get("/api/queue/export?end=1", headers=BEARER)).content.splitlines()
            assert orjson.loads(lines[-1]) == {"end": {"rows": 3, "unreadable": 1}}
            assert len(lines) == 4

    run(work())


def test_imports_that_begin_at_the_same_moment_have_numbers_of_their_own(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as here:
            sent = [here.caller.post("/api/queue/import", json={"rows": []}, headers=JSON) for _ in range(3)]
            answers = await asyncio.gather(*sent)
            assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
            [number] = [answer.json()["import"] for answer in answers if answer.status_code == 200]
            await here.post("/import", {"rows": [], "import": number, "last": True}, 200)

    run(work())


def test_an_import_that_stands_still_is_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with desk(tmp_path) as here:
            imports = Imports(by="test", idle_seconds=0.01)
            number = await imports.begin(here.store)
            while not caplog.records:  # noqa: ASYNC110 - it is the time that passes that makes it so
                await asyncio.sleep(0.01)
            with pytest.raises(ImportOverError):
                await imports.slice(here.store, number, [], clock=lambda: NOW, last=False)

    with caplog.at_level(logging.WARNING):
        run(work())
    assert caplog.records[0].getMessage().startswith("queue.imported by=test rows=0")


def test_a_job_is_cancelled_between_two_slices(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def endless(progress: Progress) -> None:
        progress.done = 500
        await asyncio.Event().wait()

    async def work() -> None:
        async with desk(tmp_path) as here:
            job = here.caretaker.jobs.begin("drop", endless)
            await asyncio.sleep(0)
            answer = await here.post(f"/jobs/{job.number}/cancel", {}, 200)
            assert (answer["job"]["state"], answer["job"]["done"]) == ("failed", 500)
            assert answer["job"]["problem"].startswith("It was stopped on demand.")
            assert (await here.post(f"/jobs/{job.number}/cancel", {}, 200)) == answer
            await here.post("/jobs/9/cancel", {}, 404)
            assert here.caretaker.jobs.running is None

    with caplog.at_level(logging.WARNING):
        run(work())
    assert [each.getMessage() for each in caplog.records] == ["queue.job_cancelled kind=drop done=500 by=admin_token"]


def test_a_page_of_the_same_origin_may(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path, waiting=1) as here:
            headers = {**JSON, "origin": "https://ADMIN.example", "sec-fetch-site": "same-origin"}
            answer = await here.caller.post("/api/queue/drop", content=b'{"lane": 1}', headers=headers)
            assert answer.status_code == 202

    run(work())


@pytest.mark.parametrize("asked", ["/rows?place=dead&lane=9", "/count?lane=9", "/export?lane=9"])
def test_a_lane_that_there_is_not_is_told(tmp_path: Path, asked: str) -> None:
    async def work() -> None:
        async with desk(tmp_path, dead=1) as here:
            answer = await here.caller.get(f"/api/queue{asked}", headers=BEARER)
            assert (answer.status_code, answer.json()) == (404, {"error": "There is no lane 9."})
            for path in ("/replay", "/drop"):
                assert await here.post(path, {"lane": 9}, 404) == {"error": "There is no lane 9."}
            assert here.caretaker.jobs.get(1) is None

    run(work())


def test_a_reason_that_there_is_not_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path, dead=1) as here:
            near = await here.post("/drop", {"reason": "refuse"}, 422)
            assert near["error"].startswith('There is no reason "refuse". Did you mean "refused"? The reasons are ref')
            far = await here.caller.get("/api/queue/rows?reason=%1b%5b31m", headers=BEARER)
            assert far.status_code == 422
            assert far.json()["error"].startswith('There is no reason "\ufffd[31m". The reasons are refused, ')
            assert (await here.get("/count"))["rows"] == 1

    run(work())


def test_a_row_that_is_not_there_is_told_with_the_place_that_has_its_number(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path, dead=1, waiting=2) as here:
            said = {}
            for row in ("waiting/1", "dead/3", "dead/9"):
                answer = await here.caller.get(f"/api/queue/rows/{row}", headers=BEARER)
                assert answer.status_code == 404
                said[row] = answer.json()
            assert said["waiting/1"]["elsewhere"] == "dead"
            assert said["waiting/1"]["error"].endswith("Number 1 is a dead letter: it is /api/queue/rows/dead/1.")
            assert said["dead/3"]["elsewhere"] == "waiting"
            assert said["dead/3"]["error"].endswith("Number 3 waits: it is /api/queue/rows/waiting/3.")
            assert said["dead/9"] == {"error": "There is no such row."}

    run(work())


def test_what_is_received_and_in_flight_has_these_names(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path, waiting=2) as here:
            await here.store.claim(1, now=NOW, most_items=1, ahead=0)
            found = await here.get("/lanes")
            [lane] = found["lanes"]
            assert 0 < lane["share"] == pytest.approx(2 * found["fill"])
            assert (lane["waiting"], lane["in_flight"]) == (1, 1)
            rows = (await here.get("/rows", place="waiting"))["rows"]
            assert sorted(row["in_flight"] for row in rows) == [False, True]
            assert {row["received"] for row in rows} == {NOW}

    run(work())


def test_lanes_and_rows_are_listed_without_content(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path, dead=3, waiting=2) as here:
            [lane] = (await here.get("/lanes"))["lanes"]
            assert (lane["number"], lane["waiting"], lane["dead"], lane["mode"]) == (1, 2, 3, "open")
            first = (await here.get("/rows", most=2))["rows"]
            assert [(row["place"], row["reason"], row["tag"]) for row in first] == [
                ("dead", "refused", "TikTok - events")
            ] * 2
            [last] = (await here.get("/rows", before=first[-1]["number"]))["rows"]
            assert last["number"] < first[-1]["number"]
            assert (await here.get("/rows", place="dead", reason="gave_up"))["rows"] == []
            assert not canaries.EVERYTHING.within(orjson.dumps([lane, first, last]))

    run(work())


def test_a_row_is_masked_and_shown_whole_on_demand_which_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> tuple[Any, Any]:
        async with desk(tmp_path, waiting=1) as here:
            [row] = (await here.get("/rows", place="waiting"))["rows"]
            path = f"/rows/waiting/{row['number']}"
            return await here.get(path), await here.get(path, whole=1)

    with caplog.at_level(logging.WARNING):
        masked, whole = run(work())
    assert not canaries.EVERYTHING.within(orjson.dumps(masked))
    assert canaries.EMAIL in whole["body"]
    assert [record.getMessage() for record in caplog.records] == ["queue.shown number=1 place=waiting by=admin_token"]


def test_the_hit_of_a_letter_is_shown_masked_too(tmp_path: Path) -> None:
    query = f"name=raise_in_tag&{canaries.QUERY}"
    hit = Hit(bytes(16), NOW, "POST", "/collect", query, canaries.HEADERS, b"x", canaries.IP)

    async def work() -> tuple[Any, Any]:
        async with desk(tmp_path) as here:
            await here.store.accept(acceptance(run_hit(container(), hit), now=NOW))
            return await here.get("/rows/dead/1"), await here.get("/rows/dead/1", whole=1)

    masked, whole = run(work())
    assert (masked["holds"], masked["url"].partition("?")[0], masked["tag"]) == ("hit", "/collect", "Hook")
    assert not canaries.EVERYTHING.within(orjson.dumps(masked))
    assert (whole["ip"], ["user-agent", canaries.USER_AGENT] in whole["headers"]) == (canaries.IP, True)


def test_letters_are_replayed_as_a_job(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path, dead=3) as here:
            numbers = [row["number"] for row in (await here.get("/rows"))["rows"]]
            job = await here.done("/replay", {"numbers": numbers[:1]})
            assert (job["state"], job["done"], job["total"], job["changed"]) == ("done", 1, 1, {"waiting again": 1})
            assert (await here.done("/replay", {"reason": "refused", "lane": 1}))["changed"] == {"waiting again": 2}
            assert (await here.done("/replay", {"all": True}))["changed"] == {}
            assert (await here.get("/count", place="waiting"))["rows"] == 3

    run(work())


def test_rows_are_dropped_as_a_job_of_the_place_that_is_named(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path, dead=2, waiting=2) as here:
            assert (await here.done("/drop", {"lane": 1}))["changed"] == {"dropped": 2}
            assert (await here.get("/count", place="waiting"))["rows"] == 2
            assert (await here.done("/drop", {"place": "waiting", "all": True}))["changed"] == {"dropped": 2}

    run(work())


def test_one_job_runs_at_a_time(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path, dead=2) as here:
            begun = await here.post("/drop", {"all": True})
            refused = await here.post("/replay", {"all": True}, 409)
            assert refused["job"]["number"] == begun["job"]["number"]
            assert "is running" in refused["error"]

    run(work())


def test_a_lane_is_paused_and_resumed_and_the_worker_told(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path, waiting=1) as here:
            assert await here.post("/lanes/1/pause", {}, 200) == {"lane": 1, "paused": True}
            assert [lane["paused"] for lane in (await here.get("/lanes"))["lanes"]] == [True]
            assert await here.post("/lanes/1/resume", {}, 200) == {"lane": 1, "paused": False}
            assert here.woken == [True, True]
            await here.post("/lanes/7/pause", {}, 404)

    run(work())


def test_everything_goes_out_as_lines_and_in_again(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path / "a", dead=2, waiting=3) as here:
            answer = await here.caller.get("/api/queue/export", headers=BEARER)
            lines = [orjson.loads(line) for line in answer.content.splitlines()]
            dead = await here.caller.get("/api/queue/export?place=dead", headers=BEARER)
        assert [line["place"] for line in lines] == ["waiting"] * 3 + ["dead"] * 2
        assert len(dead.content.splitlines()) == 2
        async with desk(tmp_path / "b") as there:
            begun = await there.post("/import", {"rows": lines[:2]}, 200)
            total = await there.post("/import", {"rows": [*lines, {}], "import": begun["import"], "last": True}, 200)
            assert (total["taken"], total["known"], total["damaged"]) == (5, 2, 1)
            await there.post("/import", {"rows": [], "import": begun["import"]}, 409)

    run(work())


def test_a_person_is_forgotten_and_first_only_counted(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path, dead=1, waiting=2) as here:
            counted = await here.done("/forget", {"email": canaries.EMAIL, "dry_run": True})
            assert (counted["kind"], counted["changed"]) == ("count", {"waiting": 2, "dead": 1, "guards": 0})
            assert (await here.done("/forget", {"email": canaries.EMAIL}))["changed"] == counted["changed"]
            again = await here.done("/forget", {"email": canaries.EMAIL})
            assert again["changed"] == {"waiting": 0, "dead": 0, "guards": 0}

    run(work())


def test_what_previews_have_recorded_is_forgotten_with_any_person(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as here:
            sessions = Sessions()
            session = sessions.start(NOW / 1000)
            session.records.add({"hit": {"path": "/g/collect"}})
            caretaker = replace(here.caretaker, previews=sessions)
            for dry_run, left in ((True, 1), (False, 0)):
                job = caretaker.forget(person(email=canaries.EMAIL), dry_run=dry_run)
                await caretaker.jobs.finished(job)
                assert job.progress.changed["records of previews"] == 1
                assert len(session.records) == left
            assert sessions.open

    run(work())


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/replay", {}),
        ("/replay", {"lane": "x"}),
        ("/replay", {"lane": -1}),
        ("/replay", {"numbers": ["1"]}),
        ("/replay", {"numbers": [True]}),
        ("/replay", {"ids": 5}),
        ("/replay", {"reason": 5}),
        ("/drop", {"place": "elsewhere", "all": True}),
        ("/import", {"rows": 5}),
        ("/import", {"rows": [5]}),
        ("/forget", {}),
        ("/forget", {"email": 5}),
        ("/forget", {"email": "nobody"}),
        ("/forget", {"phone": "0612345678"}),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(tmp_path: Path, path: str, document: Mapping[str, Any]) -> None:
    async def work() -> None:
        async with desk(tmp_path) as here:
            assert (await here.post(path, document, 422))["error"].endswith(".")

    run(work())


def test_a_body_that_is_no_object_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> list[int]:
        async with desk(tmp_path) as here:
            monkeypatch.setattr("container.web.queue_api.LARGEST_BODY", 10)
            bodies = [b"{", b"[]", b'{"all": 12345678}']
            answers = [await here.caller.post("/api/queue/drop", content=body, headers=JSON) for body in bodies]
            return [answer.status_code for answer in answers]

    assert run(work()) == [400, 422, 413]


def test_a_row_and_a_job_that_are_gone_are_told(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as here:
            for path in ("/rows/dead/1", "/jobs/1"):
                answer = await here.caller.get(f"/api/queue{path}", headers=BEARER)
                assert (answer.status_code, "There is no such" in answer.json()["error"]) == (404, True)

    run(work())


def test_a_store_that_does_not_answer_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as here:
            await here.store.close()
            answer = await here.caller.get("/api/queue/rows", headers=BEARER)
            assert (answer.status_code, "the store is closed" in answer.json()["error"]) == (503, True)
            job = (await here.post("/replay", {"all": True}))["job"]
            found = here.caretaker.jobs.get(job["number"])
            assert found is not None
            await here.caretaker.jobs.finished(found)
            assert (found.state, found.problem) == ("failed", "The store is closed.")

    run(work())


def test_it_stands_beside_another_application(tmp_path: Path) -> None:
    async def other(_request: object) -> PlainTextResponse:
        return PlainTextResponse("a page")

    async def work() -> None:
        async with desk(tmp_path) as here:
            app = with_queue(
                Starlette(routes=[Route("/", other)]), QueueApi(here.caretaker, lambda _header: True, by="test")
            )
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a.example") as caller:
                assert (await caller.get("/")).text == "a page"
                assert (await caller.get("/api/queue/lanes")).json() == {"lanes": [], "fill": 0.0}
                assert (await caller.get("/api/queues")).status_code == 404

    run(work())
