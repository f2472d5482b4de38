"""A preview and the rest of a whole `serve`: reloads, the end, streams, batches, folders, limits and faults."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from container.cli.listeners import DRAIN_SECONDS
from container.preview.controls import FRESH_SECONDS
from container.preview.stream import MOST_GUESTS, MOST_STREAMS
from tests.cli.previewed import HIT, LOOK_SECONDS, Previewed, Session, opened_in_a_browser, previewed
from tests.cli.processes import FILE, PATIENCE_SECONDS, PURCHASE, ROOT

pytestmark = pytest.mark.slow

RENAMED = FILE.replace("TikTok:", "TikTok renamed:")
DRAFT = FILE.replace("TikTok:", "TikTok of the draft:")
HIT_OF_A_BATCH = "/g/collect?" + PURCHASE.partition("&en=")[0]
BATCH = b"en=view_item&epn.value=1&cu=EUR\nen=purchase&epn.value=2&cu=EUR\nen=purchase&epn.value=3&cu=EUR"

RAISING = '''
"""A client that raises when a draft says so; it says whatever it was given."""
from container.api import Claim, Event, Hit, Settings, client

class Odd(Settings):
    paths: tuple[str, ...] = ("/odd",)
    raises: bool = False

@client("odd")
def odd(settings: Odd, hit: Hit) -> Claim | None:
    """Goes wrong."""
    if settings.raises:
        raise ValueError(f"{dict(hit.headers)} {hit.query}")
    return Claim(events=(Event(name="purchase", data={}, hit=hit),))
'''
ODD = FILE.replace("clients: {GA4: {type: ga4}}", "clients: {GA4: {type: ga4}, Odd: {type: odd}}")


def tags_of_last(session: Session) -> list[str]:
    number = 0
    while (record := session.record(number + 1)) is not None:
        number, found = number + 1, record
    return [tag["tag"] for event in found["told"]["events"] for tag in event["tags"]]


def reload(preview: Previewed, folder: Path, text: str, times: int = 1) -> None:
    (folder / "container.yaml").write_text(text, encoding="utf-8")
    preview.served.process.send_signal(signal.SIGHUP)
    preview.served.wait_for(r"config\.reloaded", times=times)


def test_a_session_follows_the_file_unless_it_has_a_draft_and_then_it_says_so(tmp_path: Path) -> None:
    with previewed(tmp_path) as preview:
        plain, drafted = preview.start(), preview.start(draft=DRAFT)
        for session, tags in ((plain, ["TikTok"]), (drafted, ["TikTok of the draft"])):
            session.hit()
            assert tags_of_last(session) == tags
            assert session.state()["live_changed"] is False
        with drafted.stream() as events:
            assert next(events) == ("mode", {"mode": "dry", "draft": True, "live_changed": False})
            reload(preview, tmp_path, RENAMED)
            for session, tags, changed in (
                (plain, ["TikTok renamed"], False),
                (drafted, ["TikTok of the draft"], True),
            ):
                session.hit()
                assert tags_of_last(session) == tags
                state = session.state()
                assert (state["draft"], state["live_changed"]) == (changed, changed)
            said = next(told for kind, told in events if kind == "mode" and told["live_changed"])
            assert said == {"mode": "dry", "draft": True, "live_changed": True}
        # A draft that is made beside the new file is up to date, as is a session that goes back to the live one.
        drafted.draft(DRAFT)
        assert drafted.state()["live_changed"] is False
        reload(preview, tmp_path, FILE, times=2)
        assert drafted.state()["live_changed"] is True
        drafted.change("draft", text="")
        assert drafted.state()["live_changed"] is False


def test_a_file_that_is_refused_leaves_sessions_as_they_are(tmp_path: Path) -> None:
    with previewed(tmp_path) as preview:
        session = preview.start(draft=DRAFT)
        (tmp_path / "container.yaml").write_text("version: 2\n", encoding="utf-8")
        preview.served.process.send_signal(signal.SIGHUP)
        preview.served.wait_for(r"config\.refused")
        session.hit()
        assert tags_of_last(session) == ["TikTok of the draft"]
        assert session.state()["live_changed"] is False


def test_streams_that_are_open_do_not_hold_up_the_end(tmp_path: Path) -> None:
    with previewed(tmp_path) as preview, ExitStack() as opened:
        sessions = [preview.start(), preview.start()]
        streams = [opened.enter_context(session.stream()) for session in sessions * 3]
        assert all(next(events)[0] == "mode" for events in streams)
        sessions[0].hit()
        assert preview.served.stop() == 0
        # The reply to whoever listens ends, and does not break off.
        assert all(kind in ("mode", "record") for events in streams for kind, _ in events)
        assert preview.served.between("stopping", "stopped") < DRAIN_SECONDS


def test_a_browser_that_goes_away_frees_its_place(tmp_path: Path) -> None:
    with previewed(tmp_path) as preview:
        session = preview.start()
        address = f"/preview/{session.id}/stream"
        with ExitStack() as opened:
            streams = [opened.enter_context(session.stream()) for _ in range(MOST_STREAMS)]
            assert all(next(events)[0] == "mode" for events in streams)
            with preview.admin.stream("GET", address) as refused:
                assert refused.status_code == 503
                assert b"Too many pages" in refused.read()
            assert session.hit().status_code == 204
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            with preview.admin.stream("GET", address) as answer:
                if answer.status_code == 200:
                    break
            assert time.monotonic() < until, "nobody got in again"
            time.sleep(LOOK_SECONDS)
        assert session.record(1) is not None


def test_guests_leave_places_to_who_has_the_token_and_those_without_one_are_told(tmp_path: Path) -> None:
    with previewed(tmp_path) as preview, ExitStack() as opened:
        session = preview.start()
        shared = f"{preview.served.admin}/preview/shared/{session.share}/stream"
        answers = [opened.enter_context(preview.anybody.stream("GET", shared)) for _ in range(MOST_GUESTS + 1)]
        assert [answer.status_code for answer in answers] == [200] * MOST_GUESTS + [503]
        assert "look on at this preview by its link already" in answers[-1].read().decode()
        with session.stream() as events:
            assert next(events)[0] == "mode"


def test_a_lane_that_is_paused_gets_nothing_of_a_preview_until_it_goes_on(tmp_path: Path) -> None:
    with previewed(tmp_path) as preview:
        preview.hit()
        session = preview.start("send")
        [lane] = preview.admin.get("/api/queue/lanes").json()["lanes"]
        place = f"/api/queue/lanes/{lane['number']}"
        assert preview.admin.post(f"{place}/pause", json={}).status_code == 200
        session.hit()
        until = time.monotonic() + PATIENCE_SECONDS
        # It is told a moment after the hit was answered.
        while (found := session.change("reveal", number=1)["outgoing"][0])["mode"] != "dry":
            assert time.monotonic() < until, found
            time.sleep(LOOK_SECONDS)
        assert (found["why"], found["answer"]) == ("the lane is paused", None)
        sent = 'preview_requests_total{mode="send",verdict="address_refused"}'
        assert preview.metric(sent) == 0
        assert preview.metric('preview_sessions{mode="send"}') == 1
        assert preview.admin.post(f"{place}/resume", json={}).status_code == 200
        time.sleep(FRESH_SECONDS)
        session.hit()
        [each] = session.revealed(2)["outgoing"]
        assert (each["mode"], each["answer"]["verdict"]) == ("send", "address_refused")
        assert preview.metric(sent) == 1


def test_a_session_that_ends_ends_its_streams(tmp_path: Path) -> None:
    with previewed(tmp_path) as preview:
        session = preview.start()
        with session.stream() as events:
            assert next(events)[0] == "mode"
            session.end()
            assert [kind for kind, _ in events][-1] == "ended"


def test_each_event_of_a_batch_is_recorded_and_none_is_stored(tmp_path: Path) -> None:
    with previewed(tmp_path) as preview:
        session = preview.start()
        assert session.hit(HIT_OF_A_BATCH, method="POST", content=BATCH).status_code == 204
        [record] = session.all_revealed()
        assert [event["name"] for event in record["told"]["events"]] == ["view_item", "purchase", "purchase"]
        assert [each["event"] for each in record["outgoing"]] == ["purchase", "purchase"]
        assert record["hit"]["body"].encode() == BATCH
        assert preview.rows() == 0
        preview.hit(HIT_OF_A_BATCH, method="POST", content=BATCH)
        assert preview.rows() == 2


@pytest.mark.parametrize("folder", ["/metrics", ""])
def test_under_a_folder_links_and_marks_work_as_they_do_elsewhere(tmp_path: Path, folder: str) -> None:
    with previewed(tmp_path, "--path-prefix", "/metrics") as preview:
        session = preview.start()
        assert session.state()["public"].endswith("/metrics")
        answer = opened_in_a_browser(preview.public + folder + session.code())
        assert f"tc_preview={session.mark}; Path=/metrics;" in answer.headers["set-cookie"]
        assert preview.hit(folder + HIT, cookie=f"tc_preview={session.mark}").status_code == 204
        [record] = session.all_revealed()
        assert record["hit"]["path"] == "/g/collect"
        assert preview.rows() == 0


def test_a_hit_with_a_mark_counts_against_the_rate_as_any_other_does(tmp_path: Path) -> None:
    with previewed(tmp_path, "--rate-limit", "1", "--trusted-proxy", "127.0.0.1/32") as preview:
        session = preview.start()
        here: dict[str, Any] = {"x_forwarded_for": "198.51.100.7"}
        statuses = [session.hit(**here).status_code for _ in range(60)]
        assert statuses[0] == 204
        assert statuses[-1] == 429
        assert len(session.all_revealed()) == statuses.count(204)
        assert preview.metric('hits_refused_total{reason="rate_limited"}') == statuses.count(429)
        # Without a mark it is refused just so, and somebody else is not.
        assert preview.hit(**here).status_code == 429
        assert session.hit(x_forwarded_for="198.51.100.8").status_code == 204


def test_a_draft_whose_client_raises_fails_its_own_hits_and_no_other(tmp_path: Path) -> None:
    plug_in = tmp_path / "plug-in"
    about = plug_in / "odd_client-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-client\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[container.components]\nodd = odd_client\n", encoding="utf-8")
    (plug_in / "odd_client.py").write_text(RAISING, encoding="utf-8")
    path = {"PYTHONPATH": f"{ROOT}:{plug_in}"}
    with previewed(tmp_path, text=ODD, environment=path) as preview:
        session = preview.start("send", draft=ODD.replace("type: odd", "type: odd, raises: true"))
        answer = session.hit("/odd?mail=jane@example.com")
        assert answer.status_code == 500
        assert answer.text.startswith("error ")
        [record] = session.all_revealed()
        assert record["told"] is None
        assert record["console"][0].startswith("The hit could not be recorded: ValueError at odd_client.py:")
        assert record["outgoing"] == []
        assert preview.rows() == 0
        assert preview.hit("/odd").status_code == 204
        assert session.hit().status_code == 204
        assert len(session.all_revealed()) == 2
        assert preview.metric('preview_hits_total{result="failed"}') == 1
        preview.served.wait_for(r"preview\.failed error=ValueError at=odd_client\.py")
        preview.served.wait_for(r"hit\.failed id=\w+ error=ValueError")
