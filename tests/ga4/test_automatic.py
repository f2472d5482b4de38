"""Events that a GA4 tag sends by itself."""

from __future__ import annotations

import pytest

from container.ga4.automatic import AUTOMATIC, is_automatic, names_an_automatic_event


@pytest.mark.parametrize("name", [*sorted(AUTOMATIC), "video_start", "video_progress", "video_complete"])
def test_what_a_tag_sends_by_itself_is_automatic(name: str) -> None:
    assert is_automatic(name)
    assert names_an_automatic_event(f"v=2&en={name}&cid=1.2".encode())


@pytest.mark.parametrize("name", ["", "purchase", "generate_lead", "form_submit", "sign_up", "page", "page_view2"])
def test_what_somebody_did_is_not(name: str) -> None:
    assert not is_automatic(name)
    assert not names_an_automatic_event(f"v=2&en={name}&cid=1.2".encode())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"en=page_view", True),
        (b"en=page_view&v=2", True),
        (b"v=2&en=page_view", True),
        (b"", False),
        (b"en", False),
        (b"v=2", False),
        (b"v=2&len=page_view", False),
        (b"v=2&len=page_view&en=scroll", True),
        (b"len=page_view&en=purchase", False),
        (b"en=purchase&en=page_view", False),
        (b"en=page%5Fview", False),
        (b"en=\xff", False),
    ],
)
def test_only_the_name_of_the_event_counts(query: bytes, expected: bool) -> None:
    assert names_an_automatic_event(query) is expected
