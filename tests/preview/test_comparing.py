"""Live and draft are held against each other by what they really would send, whatever is shown of it."""

from __future__ import annotations

from typing import Any

import pytest

from container.preview.comparing import differing


def told(*requests: Any, status: str = "fired", tag: str = "A") -> dict[str, Any]:
    return {"events": [{"name": "purchase", "tags": [{"tag": tag, "status": status, "requests": list(requests)}]}]}


def found(live: Any, draft: Any, live_shown: Any, draft_shown: Any) -> list[tuple[bool, bool]]:
    sides = (told({"json": side}) for side in (live, draft, live_shown, draft_shown))
    return [(each["shown"], each["masked"]) for each in differing(*sides)]


@pytest.mark.parametrize(
    ("live", "draft", "live_shown", "draft_shown", "says"),
    [
        ({"em": "a1"}, {"em": "a1"}, {"em": "…/2"}, {"em": "…/2"}, []),
        ({"em": "a1"}, {"em": "a2"}, {"em": "…/2"}, {"em": "…/2"}, [(False, True)]),
        ({"em": "a1"}, {"em": "a23"}, {"em": "…/2"}, {"em": "…/3"}, [(True, False)]),
        ({"em": "a1", "v": 1}, {"em": "a2", "v": 2}, {"em": "…/2", "v": 1}, {"em": "…/2", "v": 2}, [(True, True)]),
        ({"v": [1, "a1"]}, {"v": [2, "a1"]}, {"v": [1, "…/2"]}, {"v": [2, "…/2"]}, [(True, False)]),
        ({"ab": 1}, {"ac": 1}, {"…/2": 1}, {"…/2": 1}, [(False, True)]),
        ([1], [1, 2], [1], [1, 2], [(True, False)]),
        ("x=1\ny=a1", "x=2\ny=a2", "x=1\ny=…/2", "x=2\ny=…/2", [(True, True)]),
        ("x=1\ny=a1", "x=2\ny=a1", "x=1\ny=…/2", "x=2\ny=…/2", [(True, False)]),
    ],
)
def test_what_differs_says_whether_one_sees_it(
    live: Any, draft: Any, live_shown: Any, draft_shown: Any, says: list[tuple[bool, bool]]
) -> None:
    assert found(live, draft, live_shown, draft_shown) == says


def test_what_is_masked_in_two_ways_and_is_the_same_does_not_differ() -> None:
    assert not found("blue", "blue", "blue", "b…e/4")


def test_a_tag_that_only_one_of_them_has_differs_and_so_does_a_status() -> None:
    fired, quiet, other = told(), told(status="not_triggered"), told(tag="B")
    assert differing(fired, quiet, fired, quiet) == [{"event": 0, "tag": "A", "shown": True, "masked": False}]
    assert [each["tag"] for each in differing(fired, other, fired, other)] == ["A", "B"]


def test_an_event_that_only_one_of_them_reads_differs_in_all_its_tags() -> None:
    assert [each["tag"] for each in differing({}, told(), {}, told())] == ["A"]
    assert not differing({}, {}, {}, {})
