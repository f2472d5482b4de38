"""Through a whole `serve`: what the sandbox gets of a hit with the mark is what Outgoing shows, and what live sends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from container.event import Hit
from container.sandbox.tiktok import TRACK
from tests.cli.previewed import Previewed, Session, previewed
from tests.cli.relay import Relay, relayed_sandbox
from tests.preview.examples import FILES, SHOWN, over_http, secrets_of
from tests.preview.test_examples_are_sent_as_shown import on_the_wire
from tests.test_containers import name_of

pytestmark = pytest.mark.slow

NAMES = [name_of(path) for path in FILES]
CODE = "TEST12345"
TRUSTED = ("--trusted-proxy", "127.0.0.1/32", "--allow-egress", "127.0.0.0/8")
_TAG = re.compile(r"^( +)type: (tiktok_events_api|meta_conversions_api|ga4)\b.*$", re.MULTILINE)
_PATHS = {"tiktok_events_api": TRACK, "meta_conversions_api": "/meta", "ga4": "/ga4"}
_TIMES = re.compile(rb'(?<="event_time":)\d+|(?<="timestamp_micros":)\d+|(?<=fb\.1\.)\d{13}')


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with relayed_sandbox(tmp_path_factory.mktemp("sandbox") / "own") as found:
        yield found


def sending_to(relay: Relay, text: str) -> str:
    """The container, with the sandbox in the place of its vendors."""
    found = _TAG.sub(lambda tag: f'{tag[0]}\n{tag[1]}endpoint: "{relay.address}{_PATHS[tag[2]]}"', text)
    assert found != text
    return found.replace("https://hooks.shop.example", relay.address)


def sent(preview: Previewed, hit: Hit, headers: Mapping[str, str] = {}) -> None:
    lines = {**hit.headers, **({"x-forwarded-for": hit.ip} if hit.ip else {}), **headers}
    target = f"{hit.path}?{hit.query}" if hit.query else hit.path
    # The names of a story's headers may be written in any way.
    preview.anybody.request(hit.method, f"{preview.public}{target}", content=hit.body, headers=lines)


def leaving(session: Session, behind: int = 0) -> list[Mapping[str, Any]]:
    """What left by hits behind this number."""
    records = session.all_revealed(behind)
    return [each for record in records for each in record["outgoing"] if each["mode"] != "dry"]


def in_mode(preview: Previewed, session: Session, mode: str, hits: Sequence[Hit], behind: int) -> Any:
    """What is shown of all that left by these hits in this mode. `behind`: how many came before."""
    session.change("mode", mode=mode)
    for hit in hits:
        sent(preview, hit, {"x-gtm-server-preview": session.mark})
    return leaving(session, behind)


def one_for_each_tag(session: Session, hits: Sequence[Hit]) -> Iterator[Hit]:
    """Hits of which each tag sends one request: of two, live would make one."""
    seen: set[str] = set()
    for number, hit in enumerate(hits, 1):
        tags = Counter(each["tag"] for each in session.record(number)["outgoing"])
        if not tags.keys() <= seen and max(tags.values()) == 1:
            seen |= tags.keys()
            yield hit


def without_time(request: bytes) -> bytes:
    """The request without the times at which the hit came, which may be others of two hits."""
    return _TIMES.sub(b"0", request)


@pytest.mark.parametrize("name", NAMES)
def test_the_sandbox_gets_what_outgoing_shows_and_what_live_sends(tmp_path: Path, relay: Relay, name: str) -> None:
    text, hits = sending_to(relay, SHOWN[name]), over_http(name)
    with previewed(tmp_path, *TRUSTED, text=text, environment=secrets_of(text)) as preview:
        session = preview.start()
        tags = {tag["name"]: tag["test_code"] for tag in session.state()["tags"]}
        session.change("codes", codes={tag: CODE for tag, takes in tags.items() if takes})

        shown = in_mode(preview, session, "send", hits, 0)
        assert {each["tag"] for each in shown} == tags.keys()
        assert sorted(map(on_the_wire, shown)) == sorted(relay.taken(len(shown)))
        vendors = [each for each in shown if any(path in each["url"] for path in _PATHS.values())]
        assert {each["answer"]["status"] for each in vendors} <= {200, 204}

        shown = in_mode(preview, session, "test", hits, len(hits))
        assert {each["tag"] for each in shown} == {tag for tag, takes in tags.items() if takes}
        assert {orjson.loads(each["body"])["test_event_code"] for each in shown} == {CODE}
        assert sorted(map(on_the_wire, shown)) == sorted(relay.taken(len(shown)))

        assert in_mode(preview, session, "dry", hits, 2 * len(hits)) == []
        assert preview.rows() == 0
        assert relay.requests == []

        chosen = list(one_for_each_tag(session, hits))
        assert chosen
        for number, hit in enumerate(chosen):
            before = len(in_mode(preview, session, "send", [hit], 3 * len(hits) + number))
            by_preview = relay.taken(before)
            sent(preview, hit)
            by_live = relay.taken(before)
            assert sorted(map(without_time, by_live)) == sorted(map(without_time, by_preview))
            session.change("mode", mode="dry")
