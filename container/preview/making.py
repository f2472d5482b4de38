"""What a hit of a preview leads to: its reply, its record, and the rows that may be sent. It takes long, and no lock.

Nothing here is of an event loop: `container.preview.evaluating` has a thread for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from container.delivery.row import Row, acceptance
from container.effects import Reply
from container.engine.container import Container
from container.engine.guards import Memory
from container.engine.outcome import Guard, Outcome
from container.engine.simulate import reply_json
from container.engine.trace import Traced
from container.event import Hit
from container.preview.codes import code_field
from container.preview.configured import literals_in
from container.preview.prepared import Made, Prepared, Source
from container.preview.ring import Ring
from container.preview.sending import Vendors, hit_json, request_of
from container.preview.sessions import Mode
from container.preview.tail import hidden

NO_CODE = "there is no test code for this tag, so nothing is sent"
TAKES_NONE = "this type of tag takes no test code, so nothing is sent in this mode"
TOO_OLD = "the event is older than what the vendor takes"

Evaluate = Callable[[Container, Hit, Memory], Traced]


class Making:
    """`vendors`: builds requests. `clock`: Unix seconds."""

    def __init__(self, vendors: Vendors, evaluate: Evaluate, clock: Callable[[], float]) -> None:
        self._vendors, self._evaluate, self._clock = vendors, evaluate, clock

    def taken(
        self, prepared: Prepared, hit: Hit, source: Source, ring: Ring, *, held: str
    ) -> tuple[Reply, Made | Exception]:
        """The reply to a hit of a session, and what it leads to, or why that cannot be said.

        `ring`: the session's. `held`: why nothing is sent whatever its mode is.
        """
        traced = self._evaluate(prepared.container, hit, prepared.guards(source))
        reply = traced.outcome.finished(traced.taken)
        try:
            return reply, self._made(prepared, traced, source, ring, held=held, mode="dry" if held else prepared.mode)
        except Exception as problem:  # noqa: BLE001  # a fault of preview is no hit's
            return reply, problem

    def beside(
        self, prepared: Prepared, hit: Hit, source: Source, ring: Ring, *, held: str, reply: Reply
    ) -> dict[str, Any]:
        """The record of a hit that ran live, and got this reply. In a tail's is nothing that may not be seen.

        It runs without test codes, whatever the mode is: live has none.
        """
        traced = self._evaluate(prepared.made_of[0], hit, prepared.guards("rule"))
        return self._made(prepared, traced, source, ring, held=held, mode="dry", reply=reply).shown

    def _made(
        self,
        prepared: Prepared,
        traced: Traced,
        source: Source,
        ring: Ring,
        *,
        held: str,
        mode: Mode,
        reply: Reply | None = None,
    ) -> Made:
        """`reply`: where it is not the draft's."""
        outcome = traced.outcome
        rows, console = planned_rows(outcome, traced.taken)
        record = record_of(prepared, outcome.hit, source, told=traced.told, console=console, held=held)
        record |= {"outgoing": [self._outgoing(row, prepared, outcome, mode) for row in rows], "mode": mode}
        if reply is not None:
            record["reply"] = reply_json(reply)
        if source == "tail":
            container = prepared.made_of[0]
            paths = [path for client in container.clients for path in client.paths]
            record = hidden(record, paths, literals_in(container))
        awaited = {planned.id: planned.request.reply_cookies or 0.0 for planned in outcome.awaited}
        return Made(record, ring.fitting(record), rows, awaited=awaited)

    def _outgoing(self, row: Row, prepared: Prepared, outcome: Outcome, mode: Mode) -> dict[str, Any]:
        """A request as the record has it: `mode` says whether it leaves, and `why` why not where it might have."""
        why = self._why_not(row, prepared, outcome, mode)
        shown = {"tag": row.tag, "event": row.event_name, "row": row.id, "mode": "dry" if why else mode}
        try:
            built = request_of(self._vendors, row)
        except ValueError as problem:
            built = {"method": row.frame.method, "url": row.frame.url.shown, "headers": [], "body": ""}
            shown["mode"], why = "dry", str(problem)
        return {**shown, **built, "answer": None, **({"why": why} if why else {})}

    def _why_not(self, row: Row, prepared: Prepared, outcome: Outcome, mode: Mode) -> str:
        """Why a row stays here though the mode is to send; empty where it leaves, and where only a dry run keeps it."""
        if row.expire is not None and row.expire <= self._clock() * 1000:
            return TOO_OLD
        if mode == "test":
            codes = [planned.request.test_code for planned in outcome.planned if planned.id == row.id]
            if not any(codes):
                tags = (tag.component for tag in prepared.container.tags if tag.name == row.tag)
                return NO_CODE if any(map(code_field, tags)) else TAKES_NONE
        return ""


def record_of(
    prepared: Prepared,
    hit: Hit,
    source: Source,
    *,
    told: dict[str, Any] | None,
    console: Sequence[str],
    held: str,
) -> dict[str, Any]:
    """The record of a hit of which nothing leaves."""
    return {
        "at": hit.received,
        "source": source,
        "mode": prepared.mode,
        "draft": prepared.draft is not None,
        "hit": hit_json(hit),
        "told": told,
        "reply": None if told is None else told["reply"],
        "outgoing": [],
        "console": [*([held] if held else []), *console],
    }


def planned_rows(outcome: Outcome, taken: Collection[Guard] = ()) -> tuple[list[Row], list[str]]:
    """The rows that live would store for this outcome, and what cannot be sent, in words.

    `taken`: guards that earlier hits hold; what they hold back is no row.
    """
    accepted = acceptance(outcome, now=outcome.hit.received)
    held_back = {planned for guard in taken for planned in guard.planned}
    console = [f'The tag "{letter.tag}" {_SAID[letter.reason]}: {letter.note}.' for letter in accepted.letters]
    return [row for row in accepted.rows if row.id not in held_back], console


_SAID = {"tag_failed": "failed", "unsendable": "gave a request that cannot be sent"}
