"""Which tags would do otherwise live than in the draft: told by what really would be sent, whatever is masked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

Json = Mapping[str, Any]

_DECIDING = ("status", "requests")


def differing(live: Json, draft: Json, live_shown: Json, draft_shown: Json) -> list[Json]:
    """The tags that differ, by `event` (its place) and `tag`. The last two: what is shown of the first two.

    `shown`: whether one sees it there. `masked`: whether something differs of which one does not.
    """
    return [
        found
        for event, sides in enumerate(zip_longest(*map(_tags, (live, draft, live_shown, draft_shown)), fillvalue={}))
        for tag in {**sides[0], **sides[1]}
        if (found := _difference(*(side.get(tag) for side in sides), event=event, tag=tag))
    ]


def _tags(told: Json) -> list[dict[str, Any]]:
    """What decides of the tags of each event, by their names."""
    return [
        {tag["tag"]: [tag.get(key) for key in _DECIDING] for tag in event.get("tags", ())}
        for event in told.get("events", ())
    ]


def _difference(live: Any, draft: Any, live_shown: Any, draft_shown: Any, *, event: int, tag: str) -> Json | None:
    if live == draft:
        return None
    masked = _is_masked(live, draft, live_shown, draft_shown)
    return {"event": event, "tag": tag, "shown": live_shown != draft_shown, "masked": masked}


def _is_masked(*sides: Any) -> bool:
    """Whether a part of it differs between live and draft, and is shown alike."""
    live, draft, live_shown, draft_shown = sides
    if live == draft:
        return False
    parts = [_parts(side) for side in sides]
    if _names(live) != _names(draft) or len({len(each) for each in parts}) > 1 or not parts[0]:
        return bool(live_shown == draft_shown)
    return any(_is_masked(*each) for each in zip(*parts, strict=True))


def _parts(value: Any) -> Sequence[Any]:
    """Members by their places, since their names may be masked; the lines of a text that has more than one."""
    match value:
        case dict():
            return [*value.values()]
        case list():
            return value
        case str() if "\n" in value:
            return value.split("\n")
    return ()


def _names(value: Any) -> Sequence[str]:
    return [*value] if isinstance(value, dict) else ()
