"""The tests that a draft brings along: what is said of those that pass, fail, or are not run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from container.config.model import ContainerModel
from container.config.registry import Registry
from container.preview.drafts import Draft, as_live, drafted
from container.preview.own_tests import OwnTests, own_tests
from tests.preview.lives import TEXT, live
from tests.web.parts import collect

LIVE = live()

GOOD = """\
  Sold:
    event: {name: purchase}
    expect: {Collector: {status: fired, headers: {X-Token: "${secret:COLLECTOR_TOKEN}"}}}
"""
WRONG = """\
  Left:
    event: {name: page_view}
    expect: {Collector: {status: fired}}
"""
IN_A_FILE = """\
  From a file:
    hit: hits/one.json
    expect: {Collector: {status: fired}}
"""
WITH_HITS = """\
  With hits:
    hit: [{path: /elsewhere}, {path: /elsewhere}]
    reply: [{status: 404}, {status: 404}]
"""


def told(*tests: str, clock: Callable[[], float] = lambda: 0.0, seconds: float = 1.0) -> OwnTests:
    text = TEXT + ("tests:\n" if tests else "") + "".join(tests)
    assert isinstance(drafted(text, LIVE), Draft)
    return own_tests(text, LIVE.reach, clock=clock, seconds=seconds)


def test_one_that_fails_is_named() -> None:
    found = told(GOOD, WRONG)
    assert found == OwnTests(2, ("Left",))
    assert found.as_json() == {"count": 2, "failed": 1, "said": '1 of 2 tests fails: "Left".'}


def test_of_a_file_without_tests_nothing_is_said() -> None:
    assert told().as_json() == {"count": 0, "failed": 0, "said": ""}
    assert as_live(LIVE).tests().said == ""


def test_they_see_names_of_secrets_and_never_a_value() -> None:
    assert told(GOOD).said == "Its test passes."
    assert told(GOOD.replace("${secret:COLLECTOR_TOKEN}", "value-of-COLLECTOR_TOKEN")).failed == ("Sold",)


def test_they_see_what_the_file_says_and_not_what_a_demonstration_makes_of_it() -> None:
    def finish(model: ContainerModel) -> ContainerModel:
        tags = {name: replace(tag, paused=True) for name, tag in model.tags.items()}
        return replace(model, tags=tags)

    found = drafted(f"{TEXT}tests:\n{GOOD}", replace(LIVE, finish=finish))
    assert isinstance(found, Draft)
    assert found.tests().said == "Its test passes."


def test_those_with_hits_in_files_are_not_run_and_that_is_said() -> None:
    found = told(GOOD, IN_A_FILE)
    assert found == OwnTests(2, in_files=1)
    assert found.said == "1 of 2 tests passes. 1 test was not run, since a draft reads no files with hits."
    assert told(IN_A_FILE).said == "1 test was not run, since a draft reads no files with hits."


@pytest.mark.parametrize(("seconds", "late"), [(0.0, 3), (1.0, 2), (3.0, 1), (4.0, 0)])
def test_for_those_that_take_too_long_nobody_waits_also_not_within_one(seconds: float, late: int) -> None:
    # It is asked before each hit, and once at the beginning.
    ticks = count()
    found = told(GOOD, WITH_HITS, WRONG, clock=lambda: next(ticks), seconds=seconds + 0.5)
    assert (found.count, found.late) == (3, late)
    assert ("since there was no time" in found.said) is (late > 0)


def test_a_client_that_raises_fails_the_test_of_its_hit_and_those_behind_it_are_not_run() -> None:
    text = """\
version: 1
clients: {Test: {type: collect}}
tests:
  One: {hit: {path: /collect, query: "name=a"}, reply: {status: 204}}
  Two: {hit: {path: /collect, query: "name=raise_in_client"}, reply: {status: 204}}
  Three: {hit: {path: /collect, query: "name=a"}, reply: {status: 204}}
"""
    found = drafted(text, live(text, registry=Registry.of([collect])))
    assert isinstance(found, Draft)
    assert found.tests() == OwnTests(3, ("Two",), late=1)


def test_they_run_once_however_often_somebody_asks() -> None:
    found = drafted(f"{TEXT}tests:\n{GOOD}", LIVE)
    assert isinstance(found, Draft)
    assert found.tests() is found.tests()


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (OwnTests(), ""),
        (OwnTests(1), "Its test passes."),
        (OwnTests(2), "All 2 tests pass."),
        (OwnTests(1, ("A",)), '1 of 1 test fails: "A".'),
        (OwnTests(3, ("A", "B")), '2 of 3 tests fail: "A", "B".'),
        (OwnTests(7, tuple("ABCDEFG")), '7 of 7 tests fail: "A", "B", "C", "D", "E" and 2 more.'),
        (OwnTests(3, late=1), "2 of 3 tests pass. 1 test was not run, since there was no time."),
        (OwnTests(2, late=2), "2 tests were not run, since there was no time."),
    ],
)
def test_it_is_said_in_sentences(found: OwnTests, said: str) -> None:
    assert found.said == said
