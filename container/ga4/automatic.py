"""Events that a GA4 tag sends by itself: the first that are given up when not all can be taken.

Everything that refuses by importance goes by this list: a conversion is never on it.
"""

from __future__ import annotations

AUTOMATIC = frozenset(
    {
        *("page_view", "scroll", "click", "user_engagement", "session_start", "first_visit"),
        *("view_search_results", "file_download", "form_start"),
    }
)
"""Their names, beside those that begin with `video_`. Whoever sends `form_submit` may be a lead: it is not here."""

_NAME = b"en="


def is_automatic(event_name: str) -> bool:
    """Whether a GA4 tag sends an event of this name of its own accord."""
    return event_name in AUTOMATIC or event_name.startswith("video_")


def names_an_automatic_event(query: bytes) -> bool:
    """Whether the query of a hit without a body, which nobody has read yet, says that its event is automatic.

    Nothing is decoded: no name of the list needs a percent sign.
    """
    begins = 0 if query.startswith(_NAME) else query.find(b"&" + _NAME) + 1
    if not query.startswith(_NAME, begins):
        return False
    name, _, _ = query[begins + len(_NAME) :].partition(b"&")
    return is_automatic(name.decode("latin-1"))
