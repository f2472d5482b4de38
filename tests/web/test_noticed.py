"""What is said about proxies that are not named, and about floods: once, then rarely, and with what to do."""

from __future__ import annotations

import logging

import pytest

from container.delivery.told import AGAIN_MS
from container.web.noticed import MOST_PEERS, RECENT_SECONDS, Noticed


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_nothing_was_noticed_at_first() -> None:
    assert Noticed(Clock()).sentences() == []


def test_an_unnamed_proxy_is_said_with_the_flag_that_names_it() -> None:
    noticed = Noticed(Clock())
    noticed.proxy("unnamed_proxy", "127.0.0.1")
    noticed.proxy("unnamed_proxy", "fd00::7")
    noticed.proxy("unnamed_proxy", "fd00::7")
    said = (
        "The proxy at {} and may not name the visitor, who is left without an address. If it is yours, start with {}."
    )
    assert noticed.sentences() == [
        said.format("127.0.0.1 forwarded 1 hit", "--trusted-proxy 127.0.0.1/32"),
        said.format("fd00::7 forwarded 2 hits", "--trusted-proxy fd00::7/128"),
    ]


def test_a_proxy_that_names_nobody_is_said_with_what_it_has_to_send() -> None:
    noticed = Noticed(Clock())
    noticed.proxy("no_forwarded_for", "10.0.0.1")
    noticed.proxy("no_address", "10.0.0.1")
    [silent, odd] = noticed.sentences()
    assert "10.0.0.1 forwarded 1 hit without X-Forwarded-For" in silent
    assert "no address" in odd


def test_refused_hits_are_said_with_the_flag_that_lets_them_in() -> None:
    noticed = Noticed(Clock())
    noticed.refused("flood")
    assert noticed.sentences() == [
        "Refused because their address sends too many: 1 hit. If they are your own backend's, raise --rate-limit."
    ]


def test_a_proxy_that_names_itself_for_a_host_is_said_with_what_to_hand_on(caplog: pytest.LogCaptureFixture) -> None:
    noticed = Noticed(Clock())
    noticed.proxy("lost_host", "10.0.0.1")
    [said] = noticed.sentences()
    assert said.startswith("The proxy at 10.0.0.1 forwarded 1 hit with an address of its own for a host")
    assert said.endswith("as Host or X-Forwarded-Host.")
    assert logged(caplog) == ['proxy.lost_host peer=10.0.0.1 hits=1 "Cookies and CORS need the host: see /ready."']


def test_requests_without_a_place_are_said_with_what_lacks(caplog: pytest.LogCaptureFixture) -> None:
    noticed = Noticed(Clock())
    for _ in range(2):
        noticed.refused("other_host")
        noticed.refused("no_room")
    [elsewhere, full] = noticed.sentences()
    assert "not in --allow-host: 2 hits." in elsewhere
    assert "all connections are taken: 2 requests." in full
    assert logged(caplog) == [
        'hits.misdirected hits=1 "See /ready."',
        'connections.full requests=1 "See /ready."',
    ]


def test_the_log_has_a_line_when_it_begins_and_then_one_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    noticed = Noticed(clock)
    for _ in range(100):
        noticed.proxy("unnamed_proxy", "127.0.0.1")
        noticed.proxy("no_address", "10.0.0.1")
        noticed.refused("flood")
    clock.now += AGAIN_MS / 1000
    noticed.proxy("unnamed_proxy", "127.0.0.1")
    noticed.refused("flood")
    assert logged(caplog) == [
        'proxy.unnamed peer=127.0.0.1 hits=1 "Its visitors have no address: see /ready."',
        'proxy.unread peer=10.0.0.1 hits=1 reason=no_address "Its visitors have no address: see /ready."',
        'hits.limited hits=1 "See /ready."',
        'proxy.unnamed peer=127.0.0.1 hits=100 "Its visitors have no address: see /ready."',
        'hits.limited hits=100 "See /ready."',
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_what_is_over_is_not_said_for_ever() -> None:
    clock = Clock()
    noticed = Noticed(clock)
    noticed.proxy("unnamed_proxy", "127.0.0.1")
    clock.now += RECENT_SECONDS
    assert len(noticed.sentences()) == 1
    clock.now += 1
    assert noticed.sentences() == []


def test_many_proxies_fill_neither_the_page_nor_the_log(caplog: pytest.LogCaptureFixture) -> None:
    noticed = Noticed(Clock())
    for number in range(1000):
        noticed.proxy("unnamed_proxy", f"10.0.{number >> 8}.{number & 255}")
    noticed.refused("flood")
    said = noticed.sentences()
    assert len(said) == len(logged(caplog)) == MOST_PEERS + 2
    assert said[MOST_PEERS].startswith(f"Other proxies forwarded {1000 - MOST_PEERS} hits")
    assert said[MOST_PEERS].endswith("start with --trusted-proxy CIDR.")
