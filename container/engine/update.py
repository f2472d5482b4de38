"""What a container's tests expect, rewritten in the text of its file to what they find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from container.config.load import Loaded
from container.config.rewrite import Path, rewritten
from container.engine.agree import NOTHING
from container.engine.story import tell


def updated(text: str, load: Callable[[str], Loaded]) -> str:
    """The text of a valid container file with expectations that hold; all else keeps every byte.

    What cannot be rewritten stays as it is: what other places of the file share, and what no file may hold.
    """
    following = _once(text, load)
    # The items of a list that grew or shrank are compared in the round after; lists stand in lists.
    while following != text and load(following).model is not None:
        text, following = following, _once(following, load)
    return text


def _once(text: str, load: Callable[[str], Loaded]) -> str:
    return rewritten(text, _found(load(text))).text


def _found(loaded: Loaded) -> dict[Path, Any]:
    """What was found wherever something else was expected. Where there is nothing, nothing is expected: `null`."""
    return {
        ("tests", told.story.name, *each.path): None if each.found is NOTHING else each.found
        for told in (() if loaded.model is None else tell(loaded.model))
        for each in told.differences
    }
