"""What the pages have done, with real drafts, a real publisher and a recorder that only keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import pytest

from container.component import Settings
from container.effects import Claim, Reply
from container.engine.compile import compile_container
from container.engine.trace import trace
from container.event import Hit
from container.preview.bench import RefusedError, Source
from container.preview.drafts import Live, drafted, text_digest
from container.preview.evaluating import FullError
from container.preview.in_force import InForce
from container.preview.publishing import Publisher
from container.preview.ring import MOST_OF_ONE
from container.preview.sending import hit_json
from container.preview.sessions import Session, Sessions
from container.preview.workbench import Workbench, hit_of
from tests.preview.page_parts import EMAIL, PURCHASE, TEST_ORDER, live
from tests.web.parts import NOW


@dataclass
class Kept:
    """Keeps what a session runs, as the recorder does."""

    hits: list[tuple[Hit, Source]] = field(default_factory=list)
    full: bool = False

    async def take(self, session: Session, hit: Hit, source: Source) -> Reply:
        if self.full:
            raise FullError
        self.hits.append((hit, source))
        session.records.add({"source": source})
        return Reply()


@dataclass
class Bench:
    folder: Path
    kept: Kept = field(default_factory=Kept)
    sessions: Sessions = field(default_factory=Sessions)
    file: Live | None = field(default_factory=live)

    def made(self, *, publishes: bool = False) -> Workbench:
        assert self.file is not None
        container = compile_container(self.file.model)
        publisher = self._publisher() if publishes else None
        known = (self.sessions, self.kept, InForce(lambda: self.file), lambda: container, lambda _component: True)
        return Workbench(*known, clock=lambda: NOW, publisher=publisher)

    def _publisher(self) -> Publisher:
        path = self.folder / "container.yaml"
        path.write_text(self._live().text, encoding="utf-8")

        async def reload() -> bool:
            self.file = live(path.read_text(encoding="utf-8"))
            return True

        return Publisher(path, self.folder, self._live, _write, reload, lambda: int(NOW * 1000))

    def _live(self) -> Live:
        assert self.file is not None
        return self.file


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def with_bench(
    folder: Path, work: Callable[[Workbench, Session, Bench], Awaitable[None]], *, publishes: bool = False
) -> None:
    async def done() -> None:
        bench = Bench(folder)
        await work(bench.made(publishes=publishes), bench.sessions.start(NOW), bench)

    asyncio.run(done())


def test_a_draft_is_used_once_it_has_no_errors(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        text = bench.text(session)
        assert [each["code"] for each in await bench.draft(session, f"{text}\nnothing: 1\n", "d.yaml")] == [
            "unknown-key"
        ]
        assert session.draft is None
        assert await bench.draft(session, text.replace("TEST-", "DRY-"), "d.yaml") == []
        assert "DRY-" in bench.text(session)
        assert ("Real Purchase", "changed") in [
            (each["name"], each["what"]) for each in await bench.difference(session)
        ]
        await bench.draft(session, " ", "d.yaml")
        assert await bench.difference(session) == []

    with_bench(tmp_path, work)


def test_a_draft_that_fails_its_own_tests_runs_and_is_told_of(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        assert await bench.tests(session) is None
        text = bench.text(session).replace("^TEST-", "^DRY-")
        assert await bench.draft(session, text, "d.yaml") == []
        assert bench.text(session) == text
        assert session.draft.tests.cache_info().misses == 1
        said = {"count": 4, "failed": 1, "said": '1 of 4 tests fails: "Test orders are not reported".'}
        assert await bench.tests(session) == said
        assert session.draft.tests.cache_info().misses == 1
        assert await bench.draft_file(session, text.replace("TEST-", "DRY-").encode()) == []
        assert await bench.tests(session) == {"count": 4, "failed": 0, "said": "All 4 tests pass."}

    with_bench(tmp_path, work)


def test_a_draft_that_another_process_took_is_tested_when_somebody_asks(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        session.draft = drafted(bench.text(session), live())
        assert await bench.tests(session) == {"count": 4, "failed": 0, "said": "All 4 tests pass."}

    with_bench(tmp_path, work)


def test_a_file_that_says_nothing_is_a_problem_and_what_ran_before_goes_on(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        text = bench.text(session).replace("TEST-", "DRY-")
        assert await bench.draft_file(session, text.encode()) == []
        for content, place in ((b"", (1, 1)), (b"\n", (1, 1)), (b"version: 1\n# \xff", (2, 3))):
            [problem] = await bench.draft_file(session, content)
            assert (problem["level"], problem["file"]) == ("error", "draft.yaml")
            assert (problem["line"], problem["column"]) == place
        assert bench.text(session) == text

    with_bench(tmp_path, work)


def test_a_session_that_ends_while_its_draft_is_read_keeps_nothing_of_it(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        reading = asyncio.ensure_future(bench.draft(session, bench.text(session), "d.yaml"))
        await asyncio.sleep(0)
        bench.sessions.end(session)
        assert await reading == []
        assert session.draft is None

    with_bench(tmp_path, work)


def test_versions_that_cannot_be_read_are_a_refusal_with_a_sentence(tmp_path: Path) -> None:
    async def work(bench: Workbench, _session: Session, _here: Bench) -> None:
        (tmp_path / "versions").write_text("no folder", encoding="utf-8")
        with pytest.raises(RefusedError, match="no folder of ours"):
            await bench.versions()

    with_bench(tmp_path, work, publishes=True)


def test_back_to_live_holds_also_while_a_draft_is_read(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        text = bench.text(session) + "# a draft\n"
        await asyncio.gather(bench.draft(session, text, "d.yaml"), bench.draft(session, "", "d.yaml"))
        assert session.draft is None

    with_bench(tmp_path, work)


def test_a_draft_that_nobody_has_looked_at_is_not_published(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, here: Bench) -> None:
        first, second = (bench.text(session) + f"# {name}\n" for name in ("first", "second"))
        await bench.draft(session, first, "d.yaml")
        # Somebody else has the same session run another one.
        await bench.draft_file(session, second.encode())
        with pytest.raises(RefusedError, match="another draft by now"):
            await bench.publish(session, by="ada", shown=text_digest(first))
        assert here.file is not None
        assert here.file.text not in (first, second)
        await bench.publish(session, by="ada", shown=text_digest(second))
        assert here.file.text == second

    with_bench(tmp_path, work, publishes=True)


def test_of_two_drafts_the_one_that_came_last_runs(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        # The first takes longer to read.
        texts = [bench.text(session) + "# first\n" * 50_000, bench.text(session) + "# last\n"]
        await asyncio.gather(*(bench.draft(session, each, "d.yaml") for each in texts))
        assert bench.text(session) == texts[1]

    with_bench(tmp_path, work)


def test_others_have_their_turn_while_two_texts_are_compared(tmp_path: Path) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        await bench.draft(session, bench.text(session).replace("TEST-", "DRY-"), "d.yaml")
        working = asyncio.ensure_future(others())
        await asyncio.sleep(0)
        before = turns
        assert await bench.difference(session)
        assert turns > before
        before = turns
        assert await bench.compared(session, TEST_ORDER)
        assert turns > before
        working.cancel()

    with_bench(tmp_path, work)


def test_what_a_comparison_shows_is_cut_as_a_record_is(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        items = "".join(f"&pr{n}=idSKU-{n}~nmTrail Shoe {n}~pr30~qt2" for n in range(1, 99))
        lines = "\n".join(f"en=purchase&epn.value=72.5&cu=EUR&ep.transaction_id=T-{n}{items}" for n in range(20))
        hit = {**PURCHASE, "query": PURCHASE["query"].partition("&en=")[0], "body": lines}
        both = await bench.compared(session, hit)
        for side in both.values():
            assert len(orjson.dumps(side)) <= MOST_OF_ONE
            assert "are kept of one at most" in side["cut"][0]

    with_bench(tmp_path, work)


def test_a_client_that_fails_is_told_to_who_compares(tmp_path: Path) -> None:
    def fail(_settings: Settings, _hit: Hit) -> Claim | None:
        raise ValueError(EMAIL)

    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        await bench.draft(session, bench.text(session), "d.yaml")
        made = session.draft.container
        clients = [replace(each, function=fail) for each in made.clients]
        session.draft = replace(session.draft, container=replace(made, clients=clients))
        with pytest.raises(
            RefusedError, match=r"A client raised ValueError in .*, so there is nothing to compare"
        ) as told:
            await bench.compared(session, PURCHASE)
        assert EMAIL not in str(told.value)

    with_bench(tmp_path, work)


def test_live_and_draft_are_compared_on_the_same_hit(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        await bench.draft(session, bench.text(session).replace("TEST-", "DRY-"), "d.yaml")
        for _ in range(2):
            both = await bench.compared(session, TEST_ORDER)
            statuses = {side: told["events"][0]["tags"][0]["status"] for side, told in both.items()}
            assert statuses == {"live": "not_triggered", "draft": "fired"}
        assert both["live"]["id"] == both["draft"]["id"]

    with_bench(tmp_path, work)


def test_a_draft_says_when_the_live_file_is_no_longer_the_one_that_it_was_made_beside(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, here: Bench) -> None:
        assert not bench.live_changed(session)
        text = bench.text(session)
        await bench.draft(session, text.replace("TEST-", "DRY-"), "d.yaml")
        assert not bench.live_changed(session)
        here.file = live(text.replace("TEST-", "TRY-"))
        assert bench.live_changed(session)
        here.file = live(text)
        assert not bench.live_changed(session)
        here.file = live(text.replace("TEST-", "TRY-"))
        session.draft = None
        assert not bench.live_changed(session)

    with_bench(tmp_path, work)


def test_a_hit_by_hand_runs_as_the_sessions_and_its_number_is_told(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, here: Bench) -> None:
        assert await bench.run(session, PURCHASE, source="composed") == 1
        assert await bench.run(session, PURCHASE, source="replayed") == 2
        [(first, composed), (second, replayed)] = here.kept.hits
        assert (composed, replayed) == ("composed", "replayed")
        assert first.id != second.id
        assert (first.path, first.received) == ("/g/collect", int(NOW * 1000))

    with_bench(tmp_path, work)


def test_a_hit_of_a_record_gives_the_same_requests_a_week_later(tmp_path: Path) -> None:
    came = hit_of(PURCHASE, now=int(NOW * 1000) - 7 * 86_400_000)

    async def work(bench: Workbench, session: Session, here: Bench) -> None:
        kept = {**hit_json(came), "at": came.received}
        await bench.run(session, kept, source="replayed")
        [(again, _)] = here.kept.hits
        assert (again, again.received) == (came, came.received)
        told = trace(compile_container(live().model, debug=True), came).told["events"][0]["tags"][0]["requests"]
        both = await bench.compared(session, kept)
        assert told
        assert [side["events"][0]["tags"][0]["requests"] for side in both.values()] == [told] * 2

    with_bench(tmp_path, work)


def test_what_is_shown_is_masked(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        told = trace(compile_container(live().model, debug=True), hit_of(PURCHASE, now=int(NOW * 1000))).told
        shown = bench.hide({"hit": PURCHASE, "told": told}, session)
        assert EMAIL not in str(shown)
        assert shown["hit"]["path"] == "/g/collect"

    with_bench(tmp_path, work)


def test_what_stands_in_the_live_file_or_in_the_draft_is_shown_in_sentences(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, here: Bench) -> None:
        said = 'trigger "Real Purchase" does not hear "x", only "Drafted Order" or "/^test/"'
        record = {"told": {"why": said}}
        assert "Drafted Order" not in str(bench.hide(record, session))
        live = bench.text(session)
        heard = '    events: Drafted Order\n    events_matching: "^test"'
        draft = live.replace("    events: purchase", heard, 1)
        assert not [each for each in await bench.draft(session, draft, "d.yaml") if each["level"] == "error"]
        assert bench.hide(record, session)["told"]["why"] == said
        here.file = None
        assert bench.hide({"told": {"why": 'it is "Drafted Order"'}}, session)["told"]["why"] == 'it is "Drafted Order"'

    with_bench(tmp_path, work)


def test_what_a_draft_calls_its_clients_and_their_paths_is_shown(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, here: Bench) -> None:
        path, name = "/collect-9f8e7d6c/In", "Ads 20250101"
        record = {"hit": {**PURCHASE, "path": path}, "told": {"why": f'The client "{name}" passed it on.'}}
        live = bench.text(session)
        draft = live.replace("type: ga4", f'type: ga4, paths: ["{path}"]').replace("GA4:", f"{name}:")
        assert not await bench.draft(session, draft, "d.yaml")
        shown = bench.hide(record, session)
        assert (shown["hit"]["path"], shown["told"]["why"]) == (path, record["told"]["why"])
        other = bench.hide(record, here.sessions.start(NOW))
        assert path not in str(other)
        assert name not in str(other)
        assert bench.hide({"hit": PURCHASE}, session)["hit"]["path"] == "/g/collect"

    with_bench(tmp_path, work)


def test_a_draft_becomes_the_live_file_and_an_earlier_one_is_restored(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, here: Bench) -> None:
        before = bench.text(session)
        with pytest.raises(RefusedError, match="no draft"):
            await bench.publish(session, by="ada")
        await bench.draft(session, before.replace("TEST-", "DRY-"), "d.yaml")
        await bench.publish(session, by="ada")
        assert session.draft is None
        assert "DRY-" in bench.text(session)
        [version] = await bench.versions()
        assert version["by"] == "ada"
        await bench.restore(version["number"], by="bob")
        assert bench.text(session) == before
        with pytest.raises(RefusedError, match="no such version"):
            await bench.restore(7, by="bob")

    with_bench(tmp_path, work, publishes=True)


def test_what_was_not_seen_is_neither_published_nor_restored(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        before = bench.text(session)
        await bench.draft(session, before.replace("^TEST-", "^DRY-"), "d.yaml")
        seen = text_digest(bench.text(session))
        await bench.draft(session, before.replace("^TEST-", "^TRIAL-"), "d.yaml")
        with pytest.raises(RefusedError, match="another draft by now"):
            await bench.publish(session, by="ada", shown=seen)
        await bench.publish(session, by="ada", shown=text_digest(bench.text(session)), note="Trials are no sales.")
        [version] = await bench.versions()
        assert version["note"] == "Trials are no sales."
        shown = await bench.restoring(version["number"])
        assert [(each["name"], each["what"]) for each in shown["things"]] == [("Real Purchase", "changed")]
        assert "TRIAL-" in str([line for each in shown["things"] for line in each["lines"] if line.startswith("-")])
        with pytest.raises(RefusedError, match="Another file is in force by now"):
            await bench.restore(version["number"], by="ada", shown=seen)
        await bench.restore(version["number"], by="ada", shown=shown["digest"])
        assert bench.text(session) == before
        with pytest.raises(RefusedError, match="no such version"):
            await bench.restoring(7)

    with_bench(tmp_path, work, publishes=True)


def test_who_publishes_after_somebody_else_is_told_what_to_do_and_can(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, here: Bench) -> None:
        before, other = bench.text(session), here.sessions.start(NOW)
        theirs, ours = before.replace("TEST-", "DRY-"), before.replace("Real Purchase", "Sale")
        await bench.draft(session, ours, "d.yaml")
        await bench.draft(other, theirs, "d.yaml")
        onlooker = here.sessions.start(NOW)
        await bench.publish(other, by="ada")
        assert (bench.text(other), bench.text(onlooker), bench.text(session)) == (theirs, theirs, ours)
        assert (await bench.difference(other), await bench.difference(onlooker)) == ([], [])
        with pytest.raises(RefusedError, match="Use the draft once more"):
            await bench.publish(session, by="bob")
        assert bench.text(onlooker) == theirs
        await bench.draft(session, bench.text(session), "d.yaml")
        # That theirs goes again is what the difference shows.
        changes = {(each["name"], each["what"]): str(each["lines"]) for each in await bench.difference(session)}
        assert "DRY-" in changes["Real Purchase", "removed"]
        assert ("Sale", "added") in changes
        await bench.publish(session, by="bob")
        assert {bench.text(each) for each in (session, other, onlooker)} == {ours}

    with_bench(tmp_path, work, publishes=True)


def test_a_draft_that_comes_while_another_is_published_stays_one(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        first = bench.text(session).replace("TEST-", "DRY-")
        second = first.replace("DRY-", "DRIER-")
        await bench.draft(session, first, "d.yaml")
        publishing = asyncio.ensure_future(bench.publish(session, by="ada"))
        await asyncio.sleep(0)
        session.draft = drafted(second, live())
        await publishing
        assert bench.text(session) == second

    with_bench(tmp_path, work, publishes=True)


def test_without_leave_nothing_is_published(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, here: Bench) -> None:
        assert not bench.can_publish
        assert await bench.versions() == []
        await bench.draft(session, bench.text(session), "d.yaml")
        with pytest.raises(RefusedError, match="--allow-publish"):
            await bench.publish(session, by="ada")
        here.file = None
        with pytest.raises(RefusedError, match="no container file"):
            await bench.draft(session, "version: 1", "d.yaml")

    with_bench(tmp_path, work)


def test_the_tags_are_those_of_the_draft(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, _here: Bench) -> None:
        expected = [{"name": "TikTok - events", "type": "tiktok_events_api", "test_code": True, "switch": {}}]
        assert bench.tags(session) == expected
        await bench.draft(session, bench.text(session).replace("TikTok - events", "Other"), "d.yaml")
        assert [each["name"] for each in bench.tags(session)] == ["Other"]
        assert bench.name() == "Example Shop"

    with_bench(tmp_path, work)


def test_headers_that_come_twice_are_joined_and_a_body_is_what_it_was() -> None:
    headers = [["A", "1"], ["a", "2"], ["Cookie", "x=1"], ["cookie", "y=2"]]
    hit = hit_of({"path": "/", "headers": headers, "body_base64": "AP8="}, now=1)
    assert dict(hit.headers) == {"a": "1, 2", "cookie": "x=1; y=2"}
    assert hit.body == b"\0\xff"
    with pytest.raises(RefusedError, match="cut"):
        hit_of({"path": "/", "body_base64": "AP8…"}, now=1)


def test_what_finds_no_room_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async def work(bench: Workbench, session: Session, here: Bench) -> None:
        here.kept.full = True
        with pytest.raises(RefusedError, match=r"wait already\. Try again in a few seconds"):
            await bench.run(session, PURCHASE, source="composed")

    with_bench(tmp_path, work)
