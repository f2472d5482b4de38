"""Who the visitor is behind every usual proxy, which host they asked for, and who is not let in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from container.web.addresses import Proxies, is_near, network
from container.web.app import public_app
from container.web.front import Front
from container.web.hosts import allowed_hosts
from container.web.rate import RateLimit
from tests.web.parts import Answer, Call, ask, run, site
from tests.web.test_admin import BEARER, look

HOST = ("host", "t.shop.example")
QUIET = "/collect?name=quiet"
VISITOR, STRANGER, PROXY, NEAR = "203.0.113.9", "198.51.100.7", "192.0.2.1", "127.0.0.1"
TRUSTING = Front(Proxies((network(PROXY), network("10.0.0.0/8"))))

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one hit: the visitor's address, and how many hits have none, by reason."""

    answer: Answer
    ip: str
    unset: dict[str, float]


def seen(folder: Path, headers: Headers, *, peer: str | None = STRANGER, front: Front | None = None) -> Seen:
    async def work() -> Seen:
        async with site(folder, front=front or Front()) as here:
            answer = await here.ask(target=QUIET, headers=[HOST, *headers], peer=peer)
            reasons = ("unnamed_proxy", "no_forwarded_for", "no_address")
            unset = {why: here.metric("hits_without_address_total", reason=why) for why in reasons}
            found = {why: number for why, number in unset.items() if number}
            return Seen(answer, answer.header("x-ip") or "", found)

    return run(work())


NAMING = [
    ("X-Forwarded-For", VISITOR),
    ("Forwarded", f"for={VISITOR}"),
    ("X-Real-IP", VISITOR),
    ("Via", "1.1 proxy"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "t.shop.example"),
    ("CF-Connecting-IP", VISITOR),
    ("True-Client-IP", VISITOR),
]


@pytest.mark.parametrize("header", NAMING)
@pytest.mark.parametrize("peer", [NEAR, "10.0.0.1", "172.17.0.1", "192.168.1.1", "100.64.0.1", "::1", "fe80::1%eth0"])
def test_behind_a_proxy_that_nobody_named_the_visitor_has_no_address(
    tmp_path: Path, peer: str, header: tuple[str, str]
) -> None:
    found = seen(tmp_path, [header], peer=peer)
    assert (found.answer.status, found.ip, found.unset) == (204, "-", {"unnamed_proxy": 1})
    assert found.answer.header("x-sees") == "host"


@pytest.mark.parametrize("header", NAMING)
def test_a_visitor_who_names_another_address_keeps_their_own(tmp_path: Path, header: tuple[str, str]) -> None:
    found = seen(tmp_path, [header])
    assert (found.answer.status, found.ip, found.unset) == (204, STRANGER, {})


def test_a_near_visitor_without_a_proxy_has_their_own_address(tmp_path: Path) -> None:
    found = seen(tmp_path, [("Accept", "*/*"), ("X-Custom", VISITOR)], peer=NEAR)
    assert (found.ip, found.unset) == (NEAR, {})


@pytest.mark.parametrize("header", NAMING[1:])
def test_no_other_header_of_a_proxy_names_the_visitor(tmp_path: Path, header: tuple[str, str]) -> None:
    found = seen(tmp_path, [header], peer=PROXY, front=TRUSTING)
    assert (found.ip, found.unset) == ("-", {"no_forwarded_for": 1})
    beside = seen(tmp_path / "beside", [("X-Forwarded-For", "9.9.9.9"), header], peer=PROXY, front=TRUSTING)
    assert (beside.ip, beside.unset) == ("9.9.9.9", {})


def test_a_proxy_that_asks_for_itself_has_its_own_address(tmp_path: Path) -> None:
    found = seen(tmp_path, [("User-Agent", "check")], peer=PROXY, front=TRUSTING)
    assert (found.ip, found.unset) == (PROXY, {})


def test_a_proxy_that_names_what_is_no_address_leaves_none(tmp_path: Path) -> None:
    found = seen(tmp_path, [("X-Forwarded-For", f"{VISITOR}, unknown")], peer=PROXY, front=TRUSTING)
    assert (found.ip, found.unset) == ("-", {"no_address": 1})


def test_behind_a_network_for_delivery_the_visitor_is_the_first_that_is_none_of_its_machines(tmp_path: Path) -> None:
    delivery = Front(Proxies((network(NEAR), network("192.0.2.0/24"))))
    chain = ("X-Forwarded-For", f"9.9.9.9, {VISITOR}, 192.0.2.77")
    assert seen(tmp_path, [chain], peer=NEAR, front=delivery).ip == VISITOR


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    names=some.lists(some.sampled_from([name for name, _ in NAMING]) | some.text("abcx-", min_size=1)),
    value=some.ip_addresses().map(str) | some.text(some.characters(max_codepoint=255)),
    peer=some.ip_addresses().map(str),
)
def test_without_a_trusted_peer_no_header_ever_changes_the_address(
    tmp_path: Path, *, names: list[str], value: str, peer: str
) -> None:
    plain = seen(tmp_path, [], peer=peer).ip
    found = seen(tmp_path, [(name, value) for name in names], peer=peer).ip
    assert found in ({plain, "-"} if plain != "-" and is_near(plain) else {plain})


@pytest.mark.parametrize(("peer", "domain"), [(PROXY, "shop.example"), (STRANGER, "inner.example")])
def test_only_a_proxy_of_ours_says_which_host_was_asked_for(tmp_path: Path, peer: str, domain: str) -> None:
    async def work() -> Answer:
        async with site(tmp_path, front=TRUSTING) as here:
            headers = [
                ("host", "a.inner.example"),
                ("x-forwarded-for", VISITOR),
                ("x-forwarded-host", "t.shop.example"),
            ]
            return await here.ask(target=f"{QUIET}&cookie=c", headers=headers, peer=peer)

    assert run(work()).all("set-cookie") == [f"seen=c; Path=/; Domain={domain}; Secure; SameSite=Lax"]


@pytest.mark.parametrize(("peer", "sees"), [(PROXY, True), (STRANGER, False), (NEAR, False)])
def test_only_a_proxy_of_ours_says_how_the_visitor_came(tmp_path: Path, peer: str, *, sees: bool) -> None:
    headers = [("x-forwarded-for", VISITOR), ("x-forwarded-proto", "https")]
    found = seen(tmp_path, headers, peer=peer, front=TRUSTING)
    assert ("x-forwarded-proto" in (found.answer.header("x-sees") or "")) == sees


ONE_HOST = Front(Proxies((network(PROXY),)), allowed_hosts(["t.shop.example"]))


async def asked(folder: Path, front: Front, *calls: Call) -> tuple[list[Answer | None], dict[str, float]]:
    async with site(folder, front=front) as here:
        answers = [await ask(public_app(here.ingest), call) for call in calls]
        reasons = ("host_not_allowed", "rate_limited", "no_host")
        return answers, {why: here.metric("hits_refused_total", reason=why) for why in reasons}


def test_another_host_is_told_in_a_sentence_and_counted(tmp_path: Path) -> None:
    [answer], refused = run(asked(tmp_path, ONE_HOST, Call(QUIET, headers=[("host", "evil.example")])))
    assert answer is not None
    assert (answer.status, answer.body) == (421, b"This host is not served here.\n")
    assert answer.header("connection") is None
    assert refused["host_not_allowed"] == 1


@pytest.mark.parametrize(
    ("headers", "peer", "status"),
    [
        ([HOST], STRANGER, 204),
        ([("host", "T.SHOP.example.:8443")], STRANGER, 204),
        ([("host", "inner"), ("x-forwarded-host", "t.shop.example")], PROXY, 204),
        ([("host", "inner"), ("x-forwarded-host", "t.shop.example")], STRANGER, 421),
        ([HOST, ("x-forwarded-host", "evil.example")], PROXY, 421),
        ([HOST, ("x-forwarded-host", "evil.example")], STRANGER, 204),
        ([HOST, ("x-forwarded-host", "evil.example, t.shop.example")], PROXY, 204),
        ([HOST, ("host", "evil.example")], STRANGER, 400),
        ([("host", "evil.example/t.shop.example")], STRANGER, 400),
    ],
)
def test_the_host_that_counts_is_the_one_that_was_asked_for(
    tmp_path: Path, headers: Headers, peer: str, status: int
) -> None:
    [answer], _ = run(asked(tmp_path, ONE_HOST, Call(QUIET, headers=headers, peer=peer)))
    assert answer is not None
    assert answer.status == status


def test_a_request_without_a_host_is_for_none_of_those_that_are_named(tmp_path: Path) -> None:
    [answer], _ = run(asked(tmp_path, ONE_HOST, Call(QUIET, headers=[], version="1.0")))
    assert answer is not None
    assert answer.status == 421


def test_whether_it_lives_is_told_to_every_host_and_as_often_as_wanted(tmp_path: Path) -> None:
    front = Front(hosts=ONE_HOST.hosts, rate=RateLimit(1, lambda: 0))
    call = Call("/healthy", headers=[("host", "10.0.0.7:8080")])
    answers, refused = run(asked(tmp_path, front, *[call] * 100))
    assert {answer.status for answer in answers if answer is not None} == {200}
    assert not any(refused.values())


def test_one_address_of_a_hundred_floods_and_the_others_are_taken(tmp_path: Path) -> None:
    front = Front(TRUSTING.proxies, rate=RateLimit(10, lambda: 0))

    def hit(visitor: int) -> Call:
        return Call(QUIET, headers=[HOST, ("x-forwarded-for", f"203.0.113.{visitor}")], peer=PROXY)

    flood = [call for visitor in range(1, 100) for call in (hit(0), hit(0), hit(0), hit(visitor))]
    answers, refused = run(asked(tmp_path, front, *flood))
    assert {answer.status for answer in answers[3::4] if answer is not None} == {204}
    assert refused["rate_limited"] == 3 * 99 - 40
    [last] = [answers[-2]]
    assert last is not None
    assert (last.status, last.header("retry-after"), last.body) == (429, "1", b"Too many requests: come back later.\n")


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        (NEAR, []),
        (NEAR, [("x-forwarded-for", VISITOR)]),
        ("10.0.0.5", []),
        (None, []),
        (PROXY, []),
        (PROXY, [("x-forwarded-for", "unknown")]),
        (PROXY, [("x-forwarded-for", "10.0.0.9")]),
    ],
)
def test_whoever_may_stand_for_many_is_never_made_to_wait(tmp_path: Path, peer: str | None, headers: Headers) -> None:
    front = Front(TRUSTING.proxies, rate=RateLimit(1, lambda: 0))
    call = Call(QUIET, headers=[HOST, *headers], peer=peer)
    answers, _ = run(asked(tmp_path, front, *[call] * 50))
    assert {answer.status for answer in answers if answer is not None} == {204}


@pytest.mark.parametrize(
    ("headers", "closed"),
    [
        ([], False),
        ([("content-length", "100")], False),
        ([("content-length", "1000000")], False),
        ([("content-length", "1000001")], True),
        ([("content-length", "9" * 30)], True),
        ([("content-length", "x")], True),
        ([("transfer-encoding", "chunked")], True),
    ],
)
def test_a_connection_is_kept_for_others_unless_what_follows_may_be_endless(
    tmp_path: Path, headers: Headers, *, closed: bool
) -> None:
    call = Call(QUIET, method="POST", headers=[("host", "evil.example"), *headers])
    [answer], _ = run(asked(tmp_path, ONE_HOST, call))
    assert answer is not None
    assert (answer.header("connection") == "close") == closed


def test_an_operator_is_told_what_to_do_and_traffic_goes_on(tmp_path: Path) -> None:
    async def work() -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        async with site(tmp_path) as here:
            for _ in range(3):
                await here.ask(target=QUIET, headers=[HOST, ("x-forwarded-for", VISITOR)], peer=NEAR)
            return await look(here, "/ready", BEARER), await look(here, "/", BEARER), await look(here, "/ready")

    ready, page, public = run(work())
    assert ready.status_code == page.status_code == public.status_code == 200
    assert public.json() == {"ready": True}
    [reason] = ready.json()["reasons"]
    assert reason.startswith("The proxy at 127.0.0.1 forwarded 3 hits")
    assert "--trusted-proxy 127.0.0.1/32" in reason
    assert reason in page.text
    assert VISITOR not in ready.text + page.text


@pytest.mark.parametrize(
    ("host", "visitor", "lost"),
    [
        ("127.0.0.1:8080", VISITOR, True),
        ("localhost", VISITOR, True),
        ("[::1]:8080", VISITOR, True),
        ("10.1.2.3", VISITOR, True),
        ("t.shop.example", VISITOR, False),
        ("9.9.9.9", VISITOR, False),
        ("localhost:8080", "127.0.0.1", False),
    ],
)
def test_a_proxy_that_does_not_hand_on_the_host_is_noticed(host: str, visitor: str, *, lost: bool) -> None:
    headers = {"host": host, "x-forwarded-for": visitor}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert TRUSTING.visitor(PROXY, headers, raw).lost_host is lost
    assert not TRUSTING.visitor(STRANGER, headers, raw).lost_host


def test_what_is_refused_for_its_host_is_noticed(tmp_path: Path) -> None:
    async def work() -> tuple[int, list[str]]:
        async with site(tmp_path, front=Front(TRUSTING.proxies, allowed_hosts(["t.shop.example"]))) as here:
            headers = [("host", "127.0.0.1:8080"), ("x-forwarded-for", VISITOR)]
            answer = await here.ask(target=QUIET, headers=headers, peer=PROXY)
            return answer.status, here.ingest.health.noticed.sentences()

    status, said = run(work())
    assert status == 421
    assert [sentence.split(" for a host")[0].split(": 1 hit")[0] for sentence in said] == [
        f"The proxy at {PROXY} forwarded 1 hit with an address of its own",
        "Refused because their host is not in --allow-host",
    ]
