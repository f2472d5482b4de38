"""Texts of which only the whole record tells whether they may be shown: ids of events, and what vendors answer.

An event's id may be made of a visitor's, and an answer may quote what was sent. So they are gathered while a record is
gone through, and decided once everything is known that it hides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from container.delivery.excerpt import excerpt
from container.preview.hidden import Hidden
from container.preview.plain import is_order, reads_as_event_id

Kind = Literal["event", "said", "reason"]

MOST = 40
"""So many are asked about; of a vendor who says more the rest is masked."""


class Unsure:
    """`is_whole`: nothing of the record was cut. Of one that was, nobody knows what an answer quotes."""

    def __init__(self, hidden: Hidden, *, is_whole: bool) -> None:
        self._hidden, self._is_whole = hidden, is_whole
        self._asked: dict[tuple[Kind, str, str], str | None] = {}
        self._settled = False
        self._orders: set[str] = set()

    def note(self, name: str, text: str) -> None:
        """A value that is shown, which may be the number of an order."""
        if is_order(name):
            self._orders.add(text)

    def said(self, kind: Kind, name: str, text: str) -> str | None:
        """How it is shown, `None` where it is not. Before `settle` it is asked about, and not to be hidden yet."""
        asked = kind, name, text
        if not self._settled and self._is_whole and (kind == "event" or len(self._asked) < MOST):
            self._asked[asked] = text
        return self._asked.get(asked)

    def settle(self) -> None:
        """Everything else has been hidden. What is not shown is hidden as well."""
        # An answer may quote the id of an event.
        for kind in ("event", "said", "reason"):
            for asked in [each for each in self._asked if each[0] == kind]:
                _, name, text = asked
                if kind == "event":
                    fits = reads_as_event_id(text, self._orders) and not self._hidden.holds(text)
                    self._asked[asked] = text if fits else None
                else:
                    self._asked[asked] = self._impersonal(name, text)
                # A reason is a sentence of ours.
                if self._asked[asked] is None and kind != "reason":
                    self._hidden.hide("", text)
        self._settled = True

    def texts(self) -> Iterator[tuple[str, str]]:
        """What is shown, and how."""
        return ((text, said) for (kind, _, text), said in self._asked.items() if said and kind != "reason")

    def _impersonal(self, name: str, text: str) -> str | None:
        """The text as the queue's pages show it, without what somebody sent."""
        # With its name, since the ids that a vendor gives to a request are known by theirs.
        named = f"{name}: {' '.join(text.split())}"
        shown = excerpt(named, self._hidden.texts())
        return text if shown == named else shown.removeprefix(f"{name}: ") if shown.startswith(f"{name}: ") else None
