"""Where an event's values are computed: each when it is first asked for, and once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from container.event import CONSENT_TYPES, Consent, Event, Signal
from container.shape import text
from container.url import UrlParts, url_parts

UNSET: Any = object()
"""A slot whose value was not computed yet."""

_GRANTED, _DENIED = Signal(granted=True, source="default"), Signal(granted=False, source="default")


class Scope:
    """One event, and the values computed for it so far.

    `original` is the event as the client read it; `event` is the same with the consent types that the hit says nothing
    about filled from the container's default. Variables read `original`, so that a default may refer to a variable.
    `views` are the scopes of the event as transformations show it, by number; `given` notes belong to such a view.
    """

    __slots__ = ("_consent", "_defaults", "_event", "_page", "given", "noted", "notes", "original", "values", "views")

    def __init__(self, event: Event, slots: int, defaults: ConsentDefaults, given: Sequence[str] = ()) -> None:
        self.original = event
        self.values: list[Any] = [UNSET] * slots
        self.given = given
        self.notes: list[str] = []
        self.noted: dict[int, tuple[str, ...]] = {}
        self.views: dict[int, Scope] = {}
        self._defaults = defaults
        self._consent: Consent | None = None
        self._event: Event | None = None
        self._page: UrlParts | None = None

    def of_view(self, event: Event, given: Sequence[str]) -> Scope:
        """A scope of the same event, changed: nothing of it is computed yet."""
        return Scope(event, len(self.values), self._defaults, given)

    @property
    def consent(self) -> Consent:
        """The event's consent, completed by the default."""
        if self._consent is None:
            self._consent = self._defaults.complete(self)
        return self._consent

    def signal(self, name: str) -> Signal:
        """The completed signal of one consent type, also of one that nobody named."""
        stated = self.original.consent.signals.get(name)
        return stated or self.consent.signals.get(name) or self._defaults.signal(name, self)

    @property
    def page(self) -> UrlParts:
        """The parts of the page's URL, all empty when the event names none."""
        if self._page is None:
            self._page = url_parts(text(self.original.data.get("page_location")))
        return self._page

    @property
    def event(self) -> Event:
        """The event with its completed consent."""
        if self._event is None:
            known, consent = self.original, self.consent
            if consent is known.consent:
                self._event = known
            else:
                self._event = Event(known.name, known.data, known.hit, consent, known.client, known.index)
        return self._event


Getter = Callable[[Scope], Any]
"""Computes a value for the scope's event."""


def once(compute: Getter, slot: int) -> Getter:
    """The same value, computed when it is first asked for and kept in the slot for the rest of the event.

    What was noted about it is noted again for everybody who asks. To itself it is missing: a consent default may go
    round through a variable that reads consent.
    """

    def get(scope: Scope) -> Any:
        values = scope.values
        value = values[slot]
        if value is UNSET:
            before = len(scope.notes)
            values[slot] = None
            try:
                value = compute(scope)
            finally:
                values[slot] = value
            notes = scope.notes
            if notes and len(notes) > before:
                # Each once, or notes would double with every variable that asks twice.
                notes[before:] = dict.fromkeys(notes[before:])
                scope.noted[slot] = tuple(notes[before:])
        elif scope.noted and slot in scope.noted:
            scope.notes += scope.noted[slot]
        return value

    return get


class ConsentDefaults:
    """What an unset consent type counts as: `members` by type, `otherwise` for the rest; each a getter of its state."""

    __slots__ = ("_members", "_names", "_otherwise")

    def __init__(self, members: Mapping[str, Getter], otherwise: Getter) -> None:
        self._members = members
        self._names = tuple(dict.fromkeys((*CONSENT_TYPES, *members)))
        self._otherwise = otherwise

    def complete(self, scope: Scope) -> Consent:
        """The signals of the event, and the default for the types without one. What is not "granted" is denied."""
        stated = scope.original.consent
        unset = [name for name in self._names if name not in stated.signals]
        return Consent({**stated.signals, **{name: self.signal(name, scope) for name in unset}}) if unset else stated

    def signal(self, name: str, scope: Scope) -> Signal:
        """What an unset type counts as."""
        state = self._members.get(name, self._otherwise)(scope)
        return _GRANTED if text(state).strip().lower() == "granted" else _DENIED
