"""However an address is written, found or handed on: nothing reaches a private one, and a server there counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path

import pytest

from container.delivery.egress import Network
from container.delivery.transport import NoAnswer
from container.effects import Request, Response
from tests.delivery.harness import NOW, run
from tests.delivery.raw_sink import OK, Sink, claimed, sending, sink, transport
from tests.delivery.whole_way import Arrived, Names, deliver, hit, hook, read

LOOPBACK_V4 = (ip_network("127.0.0.0/8"),)
CANARY = ("127.0.0.1", "::1")

NO_ADDRESS = [
    *("127.1", "127.0.1", "2130706433", "0x7f.1", "0x7f000001", "0x7F.0.0.0x1", "0177.0.0.1", "017700000001"),
    *("127.0.0.1.", "0", "00.0.0.0", "2852039166", "0xa9fea9fe", "256.0.0.1", "1.2.3.4.5", "127.0.0.0x1", "a..b"),
    *("a@127.0.0.1", "a:b@127.0.0.1", "127.0.0.1:80@127.0.0.1", "127.0.0.1\\@a.example", "127.0.0.1#@a.example"),
    *("\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "\u2460\u2461\u2466.0.0.1", "127.0.0.\u2460"),
    *(
        "\u24dbocalhost",
        "loc\u00adalhost",
        "\uff4cocalhost",
        "loc\u200balhost",
        "127\u200d.0.0.1",
        "m\u00fcller.example",
    ),
    *("127%2e0.0.1", "%31%32%37.0.0.1", "127.0.0.1%00.example", "[127.0.0.1]", "[v1.127.0.0.1]", "[::1", "::1"),
    *("[fe80::1%25eth0]", "[fe80::1%lo]", "[::1%250]", "", " 127.0.0.1", "127.0.0.1 ", "127.0.0.1\t", "\n127.0.0.1"),
    *("127.0.0.1\r\nHost: a.example", "127.0.0.1\0.example", "${secret:OTHER}", "{{ event.host }}"),
]
"""Hosts that `validate` refuses."""

NAMES = {
    "localhost": [["127.0.0.1", "::1"]],
    "shop.localhost": [["127.0.0.1"]],
    "127.0.0.1.nip.example": [["127.0.0.1"]],
    "xn--7-ybc.example": [["::ffff:127.0.0.1"]],
    "metadata.internal.example": [["169.254.169.254"]],
    "inside.example": [["10.0.0.1", "192.168.0.1", "fc00::1"]],
    "nat.example": [["64:ff9b::7f00:1"]],
}

PRIVATE = [
    *("127.0.0.1", "127.255.255.254", "[::1]", "[0:0:0:0:0:0:0:1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]"),
    *("[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]"),
    *("[2001:0:7f00:1::]", "[fe80::1]", "[fec0::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[100::1]"),
    *("169.254.169.254", "100.100.100.200", "10.0.0.1", "172.16.0.1", "192.168.0.1", "192.0.0.192", "198.18.0.1"),
    *("224.0.0.1", "255.255.255.255", "localhost", "LOCALHOST", "localhost.", *NAMES),
]
"""Hosts that `validate` cannot refuse, or may not: an operator may have opened them."""


def url(host: str, port: int) -> str:
    return f"http://{host}:{port}/orders"


def test_there_are_more_than_forty_forms() -> None:
    assert len({*NO_ADDRESS}) + len({*PRIVATE}) > 80


@pytest.mark.parametrize("host", NO_ADDRESS)
@pytest.mark.parametrize("tag", ["http_request", "tiktok_events_api"])
def test_a_host_in_an_odd_form_is_refused_when_the_file_is_read(tag: str, host: str) -> None:
    if tag == "http_request":
        loaded = read(hook(url=url(host, 80)))
    else:
        own = {"pixel_id": "C1", "access_token": "${secret:TIKTOK_TOKEN}"}
        loaded = read(hook(type=tag, endpoint=url(host, 80), **own))
    if tag == "tiktok_events_api" and host in _LETTERS_OF_OTHERS:
        # An endpoint may be in letters of any script: where it leads is checked when connecting, as for any name.
        return
    assert loaded.model is None
    assert any(found.line > 1 and found.level == "error" for found in loaded.problems)


_LETTERS_OF_OTHERS = ("127.0.0.\u2460", "\uff4cocalhost", "m\u00fcller.example")


@pytest.mark.parametrize("host", ["127.0.0.\u2460", "\uff4cocalhost"])
def test_letters_that_look_like_an_address_do_not_lead_there(host: str) -> None:
    async def scenario() -> None:
        async with sink(sending(OK), hosts=CANARY) as canary, transport(exceptions=(), resolver=Names(NAMES)) as sender:
            answer = await sender.send([claimed(Request("POST", url(host, canary.port), json={}))], now=NOW)
        assert isinstance(answer, NoAnswer)
        assert canary.connections == 0

    run(scenario())


async def sent_to(folder: Path, host: str, exceptions: Sequence[Network] = ()) -> tuple[Arrived, Sink]:
    async with sink(sending(OK), hosts=CANARY) as canary:
        loaded = read(hook(url=url(host, canary.port), json={"order": "{{ event.order }}"}))
        came = hit({"order": "T1"})
        return await deliver(folder, loaded, came, exceptions=exceptions, resolver=Names(NAMES)), canary


@pytest.mark.parametrize("host", PRIVATE)
def test_no_form_of_a_private_address_is_reached(tmp_path: Path, host: str) -> None:
    async def scenario() -> None:
        arrived, canary = await sent_to(tmp_path, host)
        assert arrived.outcome.fired == ("Hook",)
        [lane] = arrived.lanes
        assert (lane.state.mode, lane.waiting, canary.connections) == ("egress", 1, 0)
        assert "--allow-egress" in arrived.told

    run(scenario())


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost.", "shop.localhost"])
def test_what_the_operator_opened_is_reached(tmp_path: Path, host: str) -> None:
    async def scenario() -> None:
        arrived, canary = await sent_to(tmp_path, host, LOOPBACK_V4)
        assert arrived.told == "delivered: ok"
        assert len(canary.requests) == 1
        assert f"host: {host}:{canary.port}\r\n".encode() in canary.requests[0].lower()

    run(scenario())


@pytest.mark.parametrize(
    "host", ["[::1]", "0.0.0.0", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "10.0.0.1", "inside.example", "nat.example"]
)
def test_what_the_operator_opened_opens_nothing_else(tmp_path: Path, host: str) -> None:
    async def scenario() -> None:
        arrived, canary = await sent_to(tmp_path, host, LOOPBACK_V4)
        assert (arrived.lanes[0].state.mode, canary.connections) == ("egress", 0)

    run(scenario())


def test_a_name_that_moves_inside_is_not_followed_there() -> None:
    # 127.0.0.2 stands for a public address here, 127.0.0.1 is inside.
    async def scenario() -> None:
        opened = (ip_network("127.0.0.2/32"),)
        names = Names({"moving.example": [["127.0.0.2"], ["127.0.0.1"]]})
        async with (
            sink(sending(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")), hosts=("127.0.0.2",)) as outside,
            transport(exceptions=opened, resolver=names) as first,
            transport(exceptions=opened, resolver=names) as second,
        ):
            row = claimed(Request("POST", url("moving.example", outside.port), json={}))
            inside = Sink(sending(OK))
            server = await asyncio.start_server(inside.serve, "127.0.0.1", outside.port)
            assert isinstance(await first.send([row], now=NOW), Response)
            # A second process, or the same one when it has forgotten the address.
            answer = await second.send([row], now=NOW)
            server.close()
        assert names.asked == ["moving.example"] * 2
        assert isinstance(answer, NoAnswer)
        assert answer.cause == "address_refused"
        assert (outside.connections, inside.connections) == (1, 0)

    run(scenario())


@pytest.mark.parametrize("addresses", [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"], ["::1", "127.0.0.2"]])
def test_of_several_addresses_of_a_name_the_private_ones_are_passed_over(addresses: Sequence[str]) -> None:
    async def scenario() -> None:
        opened = (ip_network("127.0.0.2/32"),)
        names = Names({"mixed.example": [addresses]})
        async with (
            sink(sending(OK), hosts=("127.0.0.2",)) as outside,
            transport(exceptions=opened, resolver=names) as sender,
        ):
            inside = Sink(sending(OK))
            servers = [await asyncio.start_server(inside.serve, host, outside.port) for host in CANARY]
            row = claimed(Request("POST", url("mixed.example", outside.port), json={}))
            answers = [await sender.send([row], now=NOW) for _ in range(3)]
            for server in servers:
                server.close()
        assert [type(answer) for answer in answers] == [Response] * 3
        assert (len(outside.requests), inside.connections) == (3, 0)

    run(scenario())


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "::1"], ["10.0.0.1", "127.0.0.1"]])
def test_a_name_with_private_addresses_alone_reaches_nothing(addresses: Sequence[str]) -> None:
    async def scenario() -> None:
        names = Names({"inside.example": [addresses]})
        async with (
            sink(sending(OK), hosts=CANARY) as canary,
            transport(exceptions=(), resolver=names) as sender,
        ):
            row = claimed(Request("POST", url("inside.example", canary.port), json={}))
            answer = await sender.send([row], now=NOW)
        assert isinstance(answer, NoAnswer)
        assert canary.connections == 0

    run(scenario())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("inside", ["127.0.0.1", "169.254.169.254", "localhost"])
def test_an_answer_that_points_inside_is_not_followed(tmp_path: Path, status: int, inside: str) -> None:
    async def scenario() -> None:
        async with sink(sending(OK), hosts=CANARY) as canary:
            moved = f"HTTP/1.1 {status} Moved\r\nLocation: {url(inside, canary.port)}\r\nContent-Length: 0\r\n\r\n"
            # A port of the same address, so that only not following keeps the canary untouched.
            async with sink(sending(moved.encode())) as vendor:
                loaded = read(hook(url=url("127.0.0.1", vendor.port), json={"a": 1}))
                arrived = await deliver(tmp_path, loaded, hit({}), resolver=Names(NAMES))
        assert (len(vendor.requests), canary.connections) == (1, 0)
        assert arrived.lanes[0].waiting == 1
        assert arrived.lanes[0].answer is not None
        assert arrived.lanes[0].answer.status == status

    run(scenario())


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with sink(sending(OK)) as proxy, sink(sending(OK)) as vendor:
            for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv("NO_PROXY", "")
            monkeypatch.setenv("no_proxy", "")
            async with transport() as sender:
                row = claimed(Request("POST", url("127.0.0.1", vendor.port), json={}))
                assert isinstance(await sender.send([row], now=NOW), Response)
        assert (len(vendor.requests), proxy.connections) == (1, 0)

    run(scenario())
