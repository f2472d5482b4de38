"""Expectations rewritten in the text of their file to what is found: of a container's tests, and of our case files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from container.config.load import Loaded
from container.config.rewrite import Path, rewritten
from container.engine.agree import NOTHING
from container.engine.story import tell

TOO_MUCH = "would then hold more than a file may"

Found = Callable[[str], Mapping[Path, Any] | None]
"""Gives what is found wherever a text expects something else; `None` for a text that is not valid."""


@dataclass(frozen=True, slots=True)
class Updated:
    """The new text, and why the values at some paths stay as they are: the end of a sentence about each."""

    text: str
    refused: Mapping[Path, str] = field(default_factory=dict)


def updated(text: str, load: Callable[[str], Loaded]) -> Updated:
    """The text of a valid container file with expectations that hold; all else keeps every byte.

    What cannot be rewritten stays as it is: what other places of the file share, and what no file may hold.
    """
    return mended(text, lambda each: _found(load(each)))


def mended(text: str, find: Found, *, references: bool = True) -> Updated:
    """The text with what is found in place of what differs. `references`: see `rewritten`."""
    found = find(text) or {}
    while True:
        following = rewritten(text, found, references=references)
        if following.text == text:
            return Updated(text, following.refused)
        # The items of a list that grew or shrank are compared in the round after; lists stand in lists.
        after = find(following.text)
        if after is None:
            return Updated(text, {**dict.fromkeys(found, TOO_MUCH), **following.refused})
        text, found = following.text, after


def _found(loaded: Loaded) -> Mapping[Path, Any] | None:
    """What was found wherever something else was expected. Where there is nothing, nothing is expected: `null`."""
    if loaded.model is None:
        return None
    return {
        ("tests", told.story.name, *each.path): None if each.found is NOTHING else each.found
        for told in tell(loaded.model)
        for each in told.differences
    }
