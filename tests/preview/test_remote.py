"""What the command asks for, as docs/decisions/preview-drafts.md has it, with real drafts."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from container.config.source import LARGEST_FILE
from container.preview.api import PreviewApi
from container.preview.sessions import IDLE_SECONDS, LONGEST_SECONDS, MOST_SESSIONS, Alone, NotSharedError, Session
from tests.preview.page_parts import BEARER, TOKEN, listener, live
from tests.preview.test_workbench import Bench
from tests.web.parts import NOW, run, site

PATH = "/preview/sessions"


@dataclass
class Here:
    """A server, and who asks it with the admin token. `now`: Unix seconds."""

    bench: Bench
    caller: httpx.AsyncClient
    now: list[float] = field(default_factory=lambda: [NOW])

    async def ask(self, method: str, path: str = "", content: bytes = b"", *, status: int) -> Any:
        """What is answered, `None` where there is no body."""
        answer = await self.caller.request(method, PATH + path, content=content)
        assert answer.status_code == status, answer.text
        if status == 404:
            assert answer.text == "Not Found"
            return None
        return answer.json() if answer.content else None

    async def start(self) -> str:
        return f"/{(await self.ask('POST', content=b'{}', status=201))['id']}"

    def session(self, path: str) -> Session:
        return next(each for each in self.bench.sessions.all(self.now[0]) if f"/{each.id}" == path)


def with_server(folder: Path, work: Callable[[Here], Awaitable[None]]) -> None:
    async def done() -> None:
        async with site(folder) as place:
            bench, now = Bench(folder), [NOW]
            app = listener(place, PreviewApi(bench.made(), TOKEN, lambda: now[0]))
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://admin.example", headers=BEARER
            ) as caller:
                await work(Here(bench, caller, now))

    run(done())


TEXT = live().text
DRAFT = TEXT.replace("TEST-", "DRY-")


def test_a_session_is_told_as_it_is_documented(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        said = await here.ask("POST", content=b"{}", status=201)
        [session] = here.bench.sessions.all(NOW)
        code = said.pop("link").removeprefix("/_preview/")
        assert here.bench.sessions.redeem(code, NOW) is session
        assert said == {
            "id": session.id,
            "page": f"/preview/{session.id}",
            "header": {"name": "X-Gtm-Server-Preview", "value": session.mark},
            "curl": "curl -i 'https://YOUR-HOST/g/collect?v=2&tid=G-EXAMPLE01&cid=1.2&en=page_view'"
            f" -H 'X-Gtm-Server-Preview: {session.mark}'",
            "mode": "dry",
            "ends": NOW + IDLE_SECONDS,
        }
        assert await here.ask("GET", f"/{session.id}", status=200) == {**said, "link": ""}

    with_server(tmp_path, work)


def test_a_session_whose_link_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    class Away(Alone):
        async def offered(self, session: Session, code: bytes, now: float) -> None:
            raise NotSharedError("No link was made.")

    async def work(here: Here) -> None:
        here.bench.sessions.others = Away()
        assert await here.ask("POST", content=b"{}", status=503) == {"problem": "No link was made."}
        assert here.bench.sessions.all(NOW) == []

    with_server(tmp_path, work)


def test_that_somebody_waits_for_its_end_does_not_make_a_session_last(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        path = await here.start()
        here.now[0] += IDLE_SECONDS - 1
        assert (await here.ask("GET", path, status=200))["ends"] == NOW + IDLE_SECONDS
        here.now[0] += 1
        await here.ask("GET", path, status=404)
        assert not here.bench.sessions.open

    with_server(tmp_path, work)


def test_a_session_that_was_ended_is_there_no_more(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        path = await here.start()
        assert await here.ask("DELETE", path, status=204) is None
        for method, under in (("GET", ""), ("DELETE", ""), ("PUT", "/draft")):
            await here.ask(method, path + under, DRAFT.encode(), status=404)

    with_server(tmp_path, work)


def test_a_draft_is_answered_with_its_version_its_warnings_and_what_it_changes(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        path = await here.start()
        said = await here.ask("PUT", f"{path}/draft", DRAFT.encode(), status=200)
        assert said.keys() == {"version", "problems", "difference", "tests"}
        assert said["tests"] == {"count": 4, "failed": 0, "said": "All 4 tests pass."}
        assert said["version"] == here.session(path).draft.container.version
        assert said["problems"] == []
        assert [(each["kind"], each["name"], each["what"]) for each in said["difference"]] == [
            ("trigger", "Real Purchase", "changed"),
            ("setting", "tests", "changed"),
        ]
        warned = DRAFT.replace("triggers:\n", "triggers:\n  Unused: {events: x}\n", 1).encode()
        [problem] = (await here.ask("PUT", f"{path}/draft", warned, status=200))["problems"]
        assert (problem["level"], problem["code"]) == ("warning", "unused-trigger")
        failing = TEXT.replace("^TEST-", "^DRY-").encode()
        tests = (await here.ask("PUT", f"{path}/draft", failing, status=200))["tests"]
        assert (tests["failed"], tests["said"]) == (1, '1 of 4 tests fails: "Test orders are not reported".')

    with_server(tmp_path, work)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"version: 9\n", (1, 1)),
        (b"version: 1\n# \xc3\xa9\xff", (2, 4)),
        (b"\xff\xfev\0", (1, 1)),
        (b"", (1, 1)),
        (b" \n# nothing\n", (1, 1)),
    ],
)
def test_a_draft_with_errors_is_told_where_they_are_and_what_ran_before_goes_on(
    tmp_path: Path, content: bytes, place: tuple[int, int]
) -> None:
    async def work(here: Here) -> None:
        path = await here.start()
        await here.ask("PUT", f"{path}/draft", DRAFT.encode(), status=200)
        said = await here.ask("PUT", f"{path}/draft", content, status=422)
        assert said.keys() == {"problems"}
        assert (said["problems"][0]["line"], said["problems"][0]["column"]) == place
        assert here.session(path).draft.text == DRAFT

    with_server(tmp_path, work)


def test_a_draft_is_as_large_as_a_container_file_may_be(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        path = await here.start()
        whole = DRAFT.encode() + b"#" * (LARGEST_FILE - len(DRAFT.encode()))
        for content, status in (
            (whole, 200),
            (BOM_UTF8 + whole, 200),
            (whole + b"#", 413),
            (BOM_UTF8 * 2 + whole, 413),
        ):
            await here.ask("PUT", f"{path}/draft", content, status=status)

    with_server(tmp_path, work)


def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        paths = [await here.start() for _ in range(MOST_SESSIONS)]
        assert "End one of them" in (await here.ask("POST", content=b"{}", status=409))["problem"]
        here.bench.file = None
        said = await here.ask("PUT", f"{paths[0]}/draft", DRAFT.encode(), status=409)
        assert "no container file" in said["problem"]

    with_server(tmp_path, work)


def test_a_session_that_ends_while_its_draft_is_read_is_no_more(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        path = await here.start()
        session = here.session(path)

        async def content() -> Any:
            yield DRAFT.encode()
            here.bench.sessions.end(session)

        answer = await here.caller.request("PUT", f"{PATH}{path}/draft", content=content())
        assert (answer.status_code, session.draft) == (404, None)

    with_server(tmp_path, work)


@pytest.mark.parametrize("shown", ["", "Bearer wrong", "Basic"])
def test_without_the_bearer_there_is_nothing_here(tmp_path: Path, shown: str) -> None:
    async def work(here: Here) -> None:
        path = await here.start()
        # A browser's password does not do either: another site's page could have it sent.
        basic = httpx.BasicAuth("ada", TOKEN)._auth_header
        here.caller.headers["authorization"] = basic if shown == "Basic" else shown
        for method, under in (("POST", ""), ("GET", path), ("DELETE", path), ("PUT", f"{path}/draft")):
            await here.ask(method, under, DRAFT.encode(), status=404)
        assert here.session(path).draft is None

    with_server(tmp_path, work)


def test_a_session_lasts_no_longer_however_often_a_draft_comes(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        path = await here.start()
        while here.now[0] + IDLE_SECONDS - 1 < NOW + LONGEST_SECONDS:
            here.now[0] += IDLE_SECONDS - 1
            await here.ask("PUT", f"{path}/draft", b"version: 9", status=422)
        assert (await here.ask("GET", path, status=200))["ends"] == NOW + LONGEST_SECONDS
        here.now[0] = NOW + LONGEST_SECONDS
        await here.ask("PUT", f"{path}/draft", b"version: 9", status=404)

    with_server(tmp_path, work)
