"""What reads a vendor's answers: the judges of the tags, found by component type."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from container.component import Component
from container.effects import Response, Verdict, by_status

Judge = Callable[[Response], Verdict]
Judges = Callable[[str, int], Judge | None]
"""From a component's type and a row's format to what reads the answer; `None` when it is not here or is older."""

_KINDS, _ABOUT = frozenset({"delivered", "retry", "refused", "credential"}), frozenset({"key", "address"})


def judges_of(components: Iterable[Component]) -> Judges:
    """The judges of the tags among these components: `by_status` where a tag has none of its own."""
    known = {found.type: (found.judge or by_status, found.format) for found in components if found.kind == "tag"}

    def judge(type: str, format: int) -> Judge | None:
        found = known.get(type)
        return found[0] if found is not None and format <= found[1] else None

    return judge


def checked(found: object) -> Verdict:
    """What `judge` gave, if it is a verdict. Raises `TypeError`."""
    if isinstance(found, Verdict) and found.kind in _KINDS and found.about in _ABOUT:
        return found
    raise TypeError("judge gave no verdict")


def type_name(problem: Exception) -> str:
    """The kind of a mistake in a plug-in, for its author; its text might hold what the vendor said."""
    return type(problem).__name__
