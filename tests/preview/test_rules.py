"""Which unmarked hits a session sees, and what is said about a rule that cannot be."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from typing import Any

import pytest

from container.event import Hit
from container.preview.rules import LONGEST_VALUE, MOST_RULES, Rule, RuleError, client_ids, rule, rules_of, taken

CLIENT = "1234567890.1700000000"


def _hit(**parts: Any) -> Hit:
    return Hit(**{"id": b"0123456789abcdef", "received": 0, "path": "/g/collect", "ip": "203.0.113.7", **parts})


@pytest.mark.parametrize(
    ("written", "parts", "takes"),
    [
        ({"client_id": CLIENT}, {"query": f"v=2&cid={CLIENT}"}, True),
        ({"client_id": CLIENT}, {"query": f"v=2&cid={CLIENT}1"}, False),
        ({"client_id": f" {CLIENT} "}, {"query": f"v=2&cid={CLIENT}"}, True),
        ({"client_id": CLIENT}, {"headers": {"cookie": f"_ga=GA1.1.{CLIENT}"}}, True),
        ({"client_id": "abc=.1700000000"}, {"headers": {"cookie": "FPID=FPID2.2.abc%3D.1700000000"}}, True),
        ({"client_id": CLIENT}, {"body": json.dumps({"client_id": CLIENT}).encode()}, True),
        ({"client_id": CLIENT}, {"body": json.dumps({"app_instance_id": CLIENT}).encode()}, True),
        ({"client_id": CLIENT}, {"body": f"en=scroll\r\ncid={CLIENT}&en=purchase".encode()}, True),
        ({"client_id": CLIENT}, {"body": b'{"client_id": 7}'}, False),
        ({"client_id": CLIENT}, {"body": b'{"client_id": "' + CLIENT.encode()}, False),
        ({"client_id": CLIENT}, {"body": b"x" * 100_000 + f"&cid={CLIENT}".encode()}, False),
        ({"client_id": CLIENT}, {"body": b" " * 100_000 + b'{"client_id": ""}'}, False),
        ({"client_id": CLIENT}, {}, False),
        ({"address": "203.0.113.7"}, {}, True),
        ({"address": "203.0.113.0/24"}, {}, True),
        ({"address": "203.0.113.9/24"}, {}, True),
        ({"address": "198.51.100.0/24"}, {}, False),
        ({"address": "2001:db8::/32"}, {"ip": "2001:db8::7"}, True),
        ({"address": "2001:db8::/32"}, {}, False),
        ({"address": "0.0.0.0/0"}, {"ip": None}, False),
        ({"address": "0.0.0.0/0"}, {"ip": "nonsense"}, False),
        ({"path": "^/g/"}, {}, True),
        ({"path": "collect"}, {}, True),
        ({"path": "^/mp/"}, {}, False),
        ({"path": "^/g/", "address": "198.51.100.7", "client_id": "", "percent": None}, {}, False),
        ({"path": "^/g/", "address": "203.0.113.7", "percent": 100}, {}, True),
        ({"path": "^/g/", "client_id": CLIENT, "percent": "100"}, {"query": f"cid={CLIENT}"}, True),
    ],
)
def test_a_hit_has_to_satisfy_all_that_a_rule_names(
    written: dict[str, Any], parts: dict[str, Any], takes: bool
) -> None:
    assert rule(written).takes(_hit(**parts)) is takes


def test_one_rule_of_several_is_enough() -> None:
    rules = [rule({"path": "^/mp/"}), rule({"address": "203.0.113.7"})]
    assert taken(rules, _hit())
    assert not taken(rules, _hit(ip="198.51.100.7"))
    assert not taken([], _hit())


def test_client_ids_are_read_once_for_all_rules_and_only_if_one_asks() -> None:
    read: list[Hit] = []

    def ids() -> Collection[str]:
        read.append(_hit())
        return client_ids(_hit(query=f"cid={CLIENT}"))

    once = cache(ids)
    assert not taken([rule({"path": "^/nowhere$"})], _hit(), "", once)
    assert read == []
    assert not taken([Rule(client_id="another")] * 5, _hit(), "", once)
    assert taken([Rule(client_id=CLIENT)], _hit(), "", once)
    assert len(read) == 1


def test_of_a_body_no_more_lines_are_read_than_tags_send() -> None:
    lines = b"cid=1.2\n" * 100 + f"cid={CLIENT}".encode()
    assert client_ids(_hit(query="", body=lines)) == {"1.2"}


def test_all_ids_of_a_hit_are_found() -> None:
    hit = _hit(query="cid=1.2", headers={"cookie": f"_ga=GA1.1.{CLIENT}; FPID=FPID2.2.server.1"})
    assert client_ids(hit) == {"1.2", CLIENT, "server.1"}


@pytest.mark.parametrize("percent", [1, 10, 50, 99])
def test_a_share_is_that_share_of_visitors(percent: float) -> None:
    some = rule({"percent": percent})
    found = sum(some.takes(_hit(query=f"cid={number}.{number * 7}"), "session") for number in range(4000))
    assert abs(found / 40 - percent) < 3


def test_a_share_takes_the_same_visitors_each_time_and_others_in_another_session() -> None:
    half = rule({"percent": 50})
    visitors = [f"cid={number}.1" for number in range(200)]
    first, again = ([half.takes(_hit(id=bytes([n] * 16), query=each), "a") for each in visitors] for n in (1, 2))
    assert first == again
    assert first != [half.takes(_hit(query=each), "b") for each in visitors]


def test_a_larger_share_takes_the_visitors_of_the_smaller_one() -> None:
    visitors = [_hit(query=f"cid={number}.1") for number in range(500)]
    small, large = rule({"percent": 20}), rule({"percent": 60})
    assert all(large.takes(each, "a") for each in visitors if small.takes(each, "a"))


def test_hits_of_nobody_are_drawn_each_by_itself() -> None:
    half = rule({"percent": 50})
    drawn = [half.takes(_hit(id=number.to_bytes(16)), "a") for number in range(400)]
    assert 120 < sum(drawn) < 280


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({}, "^The rule is empty: name a client id, an address or network, a path, or a share of visitors"),
        ({"client_id": "", "path": None}, "empty"),
        ({"client_id": " "}, "empty"),
        ({"adress": "203.0.113.7"}, '"adress"'),
        ({"address": "somewhere"}, "^Address or network: somewhere is no address. .* 203.0.113.0/24"),
        ({"client_id": "*"}, "^Client id: .*stands for nothing else"),
        ({"client_id": "1234567890.*"}, "stands for nothing else"),
        ({"client_id": 7}, "^Client id: this is text"),
        ({"address": 7}, "^Address or network: this is text"),
        ({"path": "(?=x)"}, "RE2"),
        ({"path": "("}, "RE2"),
        ({"path": "\udcff"}, "RE2"),
        ({"path": "(((a{1000}){1000}){1000})"}, "RE2"),
        ({"path": "x" * (LONGEST_VALUE + 1)}, "1,000 characters"),
        ({"percent": 0}, "^Share of visitors: this is a number above 0"),
        ({"percent": 100.1}, "above 0"),
        ({"percent": "nan"}, "above 0"),
        ({"percent": "many"}, "above 0"),
        ({"percent": True}, "above 0"),
        ({"percent": [1]}, "above 0"),
        ({"percent": 10**400}, "above 0"),
        ({"percent": "１"}, "above 0"),
        ({"percent": "٥"}, "above 0"),
        ({"percent": "1_0"}, "above 0"),
        ({"percent": "1e1"}, "above 0"),
        ({"percent": "+5"}, "above 0"),
        ({"percent": "."}, "above 0"),
    ],
)
def test_a_rule_that_cannot_be_says_what_to_write(written: dict[str, Any], says: str) -> None:
    with pytest.raises(RuleError, match=says.replace("(", r"\(")):
        rule(written)


def test_a_rule_with_several_mistakes_names_all_of_them() -> None:
    written = {"address": "300.1.1.1", "path": "(", "percent": "0", "client_id": "1.2"}
    with pytest.raises(RuleError) as caught:
        rules_of([{"path": "/"}, written])
    problem = caught.value
    assert (list(problem.faults), problem.part, problem.number) == (["address", "path", "percent"], "address", 2)
    assert "300.1.1.1 is no address. Write it like" in problem.faults["address"]
    assert all(sentence in str(problem) for sentence in problem.faults.values())


@pytest.mark.parametrize("written", [None, [], "path", 7])
def test_a_rule_that_is_no_object_says_what_one_looks_like(written: object) -> None:
    with pytest.raises(RuleError, match="A rule is an object"):
        rule(written)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (None, "The rules are a list"),
        ({"path": "/"}, "The rules are a list"),
        ([{"path": "/"}] * (MOST_RULES + 1), "10 rules at most"),
        ([{"path": "/"}, {"path": "("}], r"^Rule 2: Path \(pattern\): this is"),
        ([{"path": "/"}, 7], "Rule 2: A rule is an object"),
        ([{"path": "("}], r"^Path \(pattern\): this is"),
        ([{"x" * 100: 1}], f'^A rule has no "{"x" * 40}":'),
    ],
)
def test_of_several_rules_the_wrong_one_is_named(written: object, says: str) -> None:
    with pytest.raises(RuleError, match=says):
        rules_of(written)


def test_the_rules_of_a_session_are_all_of_them_in_order() -> None:
    assert rules_of([]) == []
    assert [each.told() for each in rules_of([{"path": "/a"}, {"percent": "5"}])] == [{"path": "/a"}, {"percent": 5.0}]


@pytest.mark.parametrize(
    "written",
    [
        {"client_id": CLIENT, "address": "203.0.113.0/24", "path": "^/g/", "percent": 5.0},
        {"address": "2001:db8::7/128"},
        {"percent": 0.5},
    ],
)
def test_a_rule_can_be_written_out_and_read_again(written: dict[str, Any]) -> None:
    assert rule(written).told() == written
    assert rule(rule(written).told()).told() == written
