"""What processes share of a session: written and read, and brought together."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from container.preview.rules import rule
from container.preview.sessions import Session, Sessions, Unready
from container.preview.stored import Stored, Text, envelope, merged, opened, put, read, stored
from tests.web.parts import NOW

ANY = Stored("mark", "share", "dry", {"Pixel": "T1"}, [{"path": "^/a"}], Text("text", "draft.yaml"))


def a_session() -> Session:
    return Sessions().start(NOW)


def test_what_was_written_is_read() -> None:
    assert read(ANY.written()) == ANY
    assert read(replace(ANY, draft=None, tail=5.0).written()) == replace(ANY, draft=None, tail=5.0)


def test_halves_of_surrogate_pairs_are_text_as_any_other() -> None:
    odd = replace(ANY, codes={"Pixel": "\ud800"})
    assert read(odd.written()) == odd


@pytest.mark.parametrize(
    "found",
    [
        "no object",
        {"mark": "m"},
        {**json.loads(ANY.written()), "more": 1},
        {**json.loads(ANY.written()), "draft": 5},
        {**json.loads(ANY.written()), "mode": "half"},
        {**json.loads(ANY.written()), "mode": ["dry"]},
        {**json.loads(ANY.written()), "rules": [{"of": "tomorrow"}]},
        {**json.loads(ANY.written()), "rules": [5]},
    ],
)
def test_what_a_later_release_may_have_written_is_none_of_ours(found: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(json.dumps(found).encode())


def test_a_session_is_stored_as_it_is_made() -> None:
    session = a_session()
    put(session, ANY)
    session.unready = Unready("text", "draft.yaml", "it does not run here")
    assert stored(session) == replace(ANY, mark=session.mark, share=session.share)


def test_rules_that_are_the_same_stay_the_same_ones() -> None:
    session = a_session()
    session.rules.append(rule({"path": "^/a"}))
    [before] = session.rules
    put(session, ANY)
    assert session.rules[0] is before
    put(session, replace(ANY, rules=[]))
    assert session.rules == []


def test_what_both_changed_is_ours_and_the_rest_is_whoever_changed_it() -> None:
    ours, theirs = replace(ANY, mode="send", codes={}), replace(ANY, mode="test", draft=None)
    assert merged(ANY, ours, theirs) == replace(ANY, mode="send", codes={}, draft=None)
    assert merged(ANY, ANY, theirs) == theirs


def test_a_record_says_whose_it_is() -> None:
    assert opened(envelope("p", 7, b'{"text": "a"}')) == ("p", 7, {"text": "a"})


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b"{}", b'{"by": "p", "number": 1, "record": 5}'])
def test_a_record_of_a_later_release_is_none(body: bytes) -> None:
    assert opened(body) is None
