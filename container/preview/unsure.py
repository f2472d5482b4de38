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
        self._asked: dict[tuple[Kind, str, str], bool] = {}
        self._settled = False
        self._orders: set[str] = set()

    def note(self, name: str, text: str) -> None:
        """A value that is shown, which may be the number of an order."""
        if is_order(name):
            self._orders.add(text)

    def shown(self, kind: Kind, name: str, text: str) -> bool:
        """Whether it is shown. Before `settle` it is asked about, and then it is not to be hidden yet."""
        asked = kind, name, text
        if not self._settled and self._is_whole and (kind == "event" or len(self._asked) < MOST):
            self._asked[asked] = True
        return self._asked.get(asked, False)

    def settle(self) -> None:
        """Everything else has been hidden. What is not shown is hidden as well."""
        # An answer may quote the id of an event.
        for kind in ("event", "said", "reason"):
            for asked in [each for each in self._asked if each[0] == kind]:
                _, name, text = asked
                fits = reads_as_event_id(text, self._orders) and not self._hidden.holds(text)
                self._asked[asked] = fits if kind == "event" else self._is_impersonal(name, text)
                # A reason is a sentence of ours.
                if not self._asked[asked] and kind != "reason":
                    self._hidden.hide("", text)
        self._settled = True

    def texts(self) -> Iterator[str]:
        """What is shown."""
        return (text for (kind, _, text), shown in self._asked.items() if shown and kind != "reason")

    def _is_impersonal(self, name: str, text: str) -> bool:
        """Whether the queue's pages would show the whole of it."""
        # With its name, since the ids that a vendor gives to a request are known by theirs.
        named = f"{name}: {' '.join(text.split())}"
        return excerpt(named, self._hidden.texts()) == named
