"""The proxies of the page about deployment, with a container behind them: what arrives, and what does not."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from clients.ga4 import LONGEST_LINE
from container.cli.listeners import Listener, bind
from container.place import _PLACES
from container.web.ingest import Limits
from tests.cli.processes import PATIENCE_SECONDS, PURCHASE, ROOT, serving
from tests.deploy.flags import stated
from tests.deploy.proxies import AT, BASES, PAGE, PLACES, VISITOR, Kind, Place, Proxy, blocks, proxy

KINDS: tuple[Kind, ...] = ("caddy", "nginx")
LIMITS = Limits()
SITE = "https://www.my-shop.example"
SECRET = "jane.doe@mail.example"
# What a tag sees of the visitor and of the address goes where the example tells TikTok of the page.
EXAMPLE = (ROOT / "container.yaml").read_text(encoding="utf-8")
SEEN = '"{{ IP Address }} {{ Visitor Region }} {{ header.host }} {{ Request Path }}"'


@dataclass(frozen=True, slots=True)
class Site:
    """A container behind a proxy. `sandbox`: where its tags send."""

    proxy: Proxy
    sandbox: str

    @property
    def host(self) -> str:
        return str(urlsplit(self.proxy.base).hostname)

    def delivered(self, event_id: str) -> dict[str, Any]:
        """The event that a tag sent, now or soon."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            for each in asked(f"{self.sandbox}/received").json()["received"]:
                for event in each["body"]["data"]:
                    if event["event_id"] == event_id:
                        return dict(event)
        raise AssertionError(f"{event_id} was not delivered")


def asked(address: str) -> httpx.Response:
    with httpx.Client(trust_env=False) as caller:
        return caller.get(address)


@contextmanager
def container(folder: Path, place: Place) -> Iterator[tuple[str, str]]:
    """The example, with the flags that the page gives for the place. Where it listens, and where its tags send."""
    text = EXAMPLE.replace('"{{ Page Group }}"', SEEN)
    assert SEEN in text
    flags = ["--trusted-proxy", AT, "--demo"]
    if place == "path":
        flags += re.findall(r"^\| flag \| none \| `(--path-prefix) (\S+)` \|$", PAGE, re.MULTILINE)[0]
    with serving(folder, *flags, text=text, environment={}) as served:
        sandbox = served.wait_for(r'demo\.pointed tag="TikTok - events" to=(\S+)')[1]
        yield served.public, sandbox
        assert served.stop() == 0


@pytest.fixture(scope="module", params=[(kind, place) for kind in KINDS for place in PLACES], ids=" ".join)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    kind, place = request.param
    folder = tmp_path_factory.mktemp("site")
    with container(folder / "container", place) as (public, sandbox):
        at, shop = (urlsplit(each).netloc for each in (public, sandbox))
        with proxy(kind, place, folder, container=at, shop=shop) as front:
            yield Site(front, sandbox)


pytestmark = pytest.mark.slow


def test_a_hit_is_taken_and_its_cookie_is_the_whole_sites(site: Site) -> None:
    with site.proxy.caller() as caller:
        answer = caller.get(f"/g/collect?{PURCHASE}&ep.event_id=cookie")
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"].split("; ")
    assert cookie[0] == "ttclid=E.C.P.click"
    assert {"Domain=my-shop.example", "Path=/", "Secure"} <= set(cookie)


def test_a_tag_sees_the_visitor_and_nothing_that_a_stranger_invents(site: Site) -> None:
    spoofed = {
        **dict.fromkeys(("x-forwarded-for", "x-real-ip", "true-client-ip", "cf-connecting-ip"), "203.0.113.9"),
        **{country: "DE" for country, _, _ in _PLACES},
        **{region: "BE" for _, region, _ in _PLACES},
        "forwarded": "for=203.0.113.9;host=evil.example",
        "x-forwarded-host": "evil.example",
    }
    with site.proxy.caller() as caller:
        for number, headers in enumerate(({}, spoofed)):
            answer = caller.get(f"/g/collect?{PURCHASE}&ep.event_id=address-{number}", headers=headers)
            assert answer.status_code == 204
            assert "evil.example" not in str(answer.headers)
            seen = site.delivered(f"address-{number}")["properties"]["description"]
            assert seen.split() == [VISITOR, site.host, "/g/collect"]


def test_a_preflight_of_the_site_passes_and_one_of_a_stranger_is_told_nothing(site: Site) -> None:
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    with site.proxy.caller() as caller:
        ours, strange = (
            caller.options("/g/collect?v=2&tid=G-TEST", headers={**asking, "origin": origin})
            for origin in (SITE, "https://evil.example")
        )
    assert (ours.status_code, ours.headers["access-control-allow-origin"]) == (204, SITE)
    assert ours.headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in strange.headers


def test_a_beacon_with_several_events_passes(site: Site) -> None:
    body = "en=page_view&ep.event_id=beacon-1\r\nen=add_to_cart&ep.event_id=beacon-2"
    query = "v=2&tid=G-TEST&cid=1.2&gcs=G111&dl=https%3A%2F%2Fwww.my-shop.example%2F"
    headers = {"content-type": "text/plain;charset=UTF-8", "origin": SITE}
    with site.proxy.caller() as caller:
        answer = caller.post(f"/g/collect?{query}", content=body, headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, SITE)
    assert site.delivered("beacon-2")["event"] == "AddToCart"


def test_health_is_public_and_the_admin_listener_is_not(site: Site) -> None:
    with site.proxy.caller() as caller:
        health = caller.get("/healthy")
        assert (health.status_code, health.text) == (200, "ok\n")
        assert {caller.get(path).status_code for path in ("/ready", "/metrics", "/elsewhere")} == {404}


def test_what_is_not_the_containers_goes_to_the_shop(site: Site) -> None:
    prefix = urlsplit(site.proxy.base).path
    with site.proxy.caller() as caller:
        answer = caller.get(f"https://{AT}:{site.proxy.port}/")
    assert answer.status_code == (200 if prefix else 404)
    assert ("TikTok - events" in answer.text) == bool(prefix)


def test_what_the_container_takes_the_proxy_takes(site: Site) -> None:
    room = 2_000
    longest = f"/g/collect?{PURCHASE}&ep.note="
    with site.proxy.caller() as caller:
        address = longest + "x" * (LIMITS.path_and_query_bytes - len(longest))
        cookie = "a=" + "x" * (LIMITS.header_bytes - room)
        line = "en=page_view&ep.note=" + "x" * (LONGEST_LINE // 2)
        body = "\n".join([line] * ((LIMITS.body_bytes - room) // len(line)))
        assert caller.get(address).status_code == 204
        assert caller.get(f"/g/collect?{PURCHASE}", headers={"cookie": cookie}).status_code == 204
        assert caller.post("/g/collect?v=2&tid=G-TEST&cid=1.2&gcs=G111", content=body).status_code == 204


def test_what_is_too_large_is_refused_by_one_of_them(site: Site) -> None:
    half = "x" * (LIMITS.header_bytes * 2 // 3)
    with site.proxy.caller() as caller:
        in_pieces = caller.get(f"/g/collect?{PURCHASE}", headers={"x-a": half, "x-b": half})
    with site.proxy.caller() as caller:
        in_one = caller.get(f"/g/collect?{PURCHASE}", headers={"cookie": "x" * 4 * LIMITS.header_bytes})
    with site.proxy.caller() as caller:
        body = caller.post(f"/g/collect?{PURCHASE}", content=b"x" * (LIMITS.body_bytes * 3 // 2))
    assert in_pieces.status_code == 431
    # nginx says 400 of a header that is too large.
    assert in_one.status_code in (400, 431)
    assert body.status_code == 413


def test_another_name_is_not_served(site: Site) -> None:
    with site.proxy.caller("other.example") as caller, pytest.raises(httpx.TransportError):
        caller.get("/healthy")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_no_log_holds_anything_personal_even_when_the_container_is_away(
    kind: Kind, place: Place, tmp_path: Path
) -> None:
    with socket.create_server((AT, 0)) as nobody:
        away = f"{AT}:{nobody.getsockname()[1]}"
    with proxy(kind, place, tmp_path, container=away, shop=away) as front:
        headers = {"cookie": f"mail={SECRET}", "referer": f"{SITE}/?mail={SECRET}", "user-agent": SECRET}
        with front.caller() as caller:
            answer = caller.get(f"/g/collect?{PURCHASE}&ep.mail={SECRET}", headers=headers)
            assert answer.status_code == 502
            posted = caller.post(f"/g/collect?{PURCHASE}", content=f"en=login&ep.mail={SECRET}", headers=headers)
            assert posted.status_code == 502
            for path in (
                "/_preview/single-use-code",
                "/_preview/single-use-code?a=b",
                "/x/../_preview/single-use-code",
            ):
                assert caller.post(path).status_code == 502
    told = front.logged()
    assert f"{urlsplit(BASES[place]).path}/_preview/" in told
    assert "single-use-code" not in told
    assert f"{urlsplit(BASES[place]).path}/g/collect" in told
    assert "502" in told
    for personal in (SECRET, SECRET.replace("@", "%40"), "E.C.P.click", "en=purchase", VISITOR):
        assert personal not in told


def test_a_proxy_closes_an_idle_connection_before_the_container_does() -> None:
    bound = bind(AT, 0)
    bound.close()
    ours = Listener(None, bound)._server.config.timeout_keep_alive
    [caddy] = re.findall(r"^\s*keepalive (\d+)s$", blocks("caddy")[0], re.MULTILINE)
    [nginx] = re.findall(r"^\s*keepalive_timeout (\d+)s;$", blocks("nginx")[1], re.MULTILINE)
    assert f"less than {ours} seconds" in PAGE
    assert int(caddy) < ours
    assert int(nginx) < ours


def test_the_limits_that_the_page_names_are_ours() -> None:
    kilobytes = (LIMITS.path_and_query_bytes // 1024, LIMITS.header_bytes // 1024)
    line = (
        f"takes {kilobytes[0]} kB of address, {kilobytes[1]} kB of headers, {LIMITS.body_bytes // 1_000_000} MB of body"
    )
    assert line in PAGE


def test_every_command_of_the_page_has_flags_that_exist() -> None:
    scripts = "\n".join(blocks("sh")).replace("\\\n", " ")
    commands = [line.split(" serve ", 1)[1].split() for line in scripts.splitlines() if " serve " in line]
    assert len(commands) == 2
    for each in commands:
        assert stated(each)


def test_every_link_of_the_page_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert links
    for link in links:
        name, _, anchor = link.partition("#")
        target = ROOT / "docs" / (name or "deploy.md")
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, link
