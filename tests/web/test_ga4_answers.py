"""GA4 hits through the way in: proxies that may name a place, and cookies as they leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.ga4 import ga4
from container.api import Event, Request, Settings, tag
from container.config.registry import Registry
from container.web.addresses import Proxies, network
from tests.containers_of import container_of
from tests.web.parts import HOOK, Answer, run, site
from triggers.event import event as event_trigger

FILE = """
version: 1
container: {name: Test, id: T-1}
consent: {default: granted}
clients: {GA4: {type: ga4, identification: server}}
triggers: {Every: {}}
tags: {Place: {type: place, triggers: [Every]}}
"""
TARGET = "/g/collect?v=2&tid=G-A&cid=7.1760000000&en=page_view"
HEADERS = [("host", "t.shop.example"), ("origin", "https://www.shop.example"), ("x-forwarded-for", "203.0.113.9")]


class Nothing(Settings):
    """Nothing to set."""


seen: list[Event] = []


@tag("place", consent=())
def place(settings: Nothing, event: Event) -> Request:
    """Sends where the visitor is."""
    seen.append(event)
    return Request("POST", HOOK, json={"place": event.data.get("event_location")})


def answered(folder: Path, target: str, *headers: tuple[str, str], proxies: Proxies | None = None) -> Answer:
    compiled = container_of(FILE, Registry.of([ga4, place, event_trigger]))

    async def work() -> Answer:
        async with site(folder, proxies=proxies) as here:
            here.ingest.current.container = compiled
            return await here.ask(target=target, headers=[*HEADERS, *headers])

    seen.clear()
    return run(work())


@pytest.mark.parametrize(
    ("peers", "place_found", "address"),
    [((), None, "198.51.100.7"), (("198.51.100.0/24",), {"country": "NL", "region": "ZH"}, "203.0.113.9")],
)
def test_only_a_trusted_proxy_says_who_and_where_the_visitor_is(
    tmp_path: Path, peers: tuple[str, ...], place_found: object, address: str
) -> None:
    proxies = Proxies(tuple(map(network, peers)))
    answered(tmp_path, TARGET, ("CF-IPCountry", "NL"), ("CF-Region-Code", "ZH"), proxies=proxies)
    assert (seen[0].data.get("event_location"), seen[0].data["ip_override"]) == (place_found, address)


def test_a_plain_hit_gets_an_empty_answer_and_the_servers_cookie(tmp_path: Path) -> None:
    answer = answered(tmp_path, TARGET, ("cookie", "FPID=FPID2.2.me%3D.1760000000"))
    assert (answer.status, answer.body) == (204, b"")
    assert {name.decode(): value.decode() for name, value in answer.headers} == {
        "cache-control": "no-cache, no-store, must-revalidate",
        "access-control-allow-origin": "https://www.shop.example",
        "access-control-allow-credentials": "true",
        "vary": "Origin",
        "set-cookie": "FPID=FPID2.2.me%3D.1760000000; Path=/; Domain=shop.example; Max-Age=34560000; Secure; HttpOnly; "
        "SameSite=Lax",
    }


def test_a_library_that_waits_for_messages_gets_one_and_the_same_headers(tmp_path: Path) -> None:
    answer = answered(tmp_path, TARGET + "&richsstsse")
    assert (answer.status, answer.header("content-type")) == (200, "text/event-stream")
    assert answer.body == b'event: message\ndata: {"response":{"status_code":200,"body":""}}\n\n'
    assert answer.header("access-control-allow-origin") == "https://www.shop.example"
    assert len(answer.all("set-cookie")) == 1


def test_a_hit_that_denies_sets_no_cookie(tmp_path: Path) -> None:
    assert answered(tmp_path, TARGET + "&gcs=G100").all("set-cookie") == []
