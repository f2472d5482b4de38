"""Events that a GA4 tag sends by itself: the first that are given up when not all can be taken.

A conversion is never among them. Everything that refuses by importance goes by this list.
"""

from __future__ import annotations

AUTOMATIC = frozenset(
    {
        *("page_view", "scroll", "click", "user_engagement", "session_start", "first_visit"),
        *("view_search_results", "file_download", "form_start"),
        *("video_start", "video_progress", "video_complete"),
    }
)
"""Names of events. `form_submit` is not here: somebody who asks for an offer is a lead."""

_AUTOMATIC = frozenset(name.encode() for name in AUTOMATIC)
_NAME = b"en="


def names_an_automatic_event(query: bytes) -> bool:
    """Whether the query of a hit without a body, which nobody has read yet, names an automatic event.

    Nothing is decoded: no name of the list needs a percent sign.
    """
    begins = query.find(_NAME)
    if begins > 0:
        begins = query.find(b"&" + _NAME) + 1 or begins
    if begins < 0 or (begins and query[begins - 1 : begins] != b"&"):
        return False
    begins += len(_NAME)
    ends = query.find(b"&", begins)
    return query[begins : ends if ends >= 0 else None] in _AUTOMATIC
