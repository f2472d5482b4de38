"""Cookies that a destination sets, for the visitor whose hit it got: the hit's answer waits for them, if a tag asks.

The hit is stored before, as any other. What is waited for, and for how long, is the tag's to say, and so the author's
of the container: of no other answer is a cookie passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from container.delivery.awaited import Awaited, Heard, Waiting
from container.delivery.row import Acceptance
from container.delivery.store import Accepted
from container.effects import Reply
from container.engine.outcome import Outcome
from container.set_cookie import with_cookies
from container.web.metrics import Metrics


class Expected(NamedTuple):
    """A delivery whose answer is waited for, or what is known of it without waiting."""

    row: str
    answer: Waiting | Heard


def expect(awaited: Awaited | None, outcome: Outcome, written: Acceptance) -> Sequence[Expected]:
    """Begins to wait, in firing order, before anything is stored. `awaited`: `None` where other processes deliver."""
    wishes = {planned.id: planned.request.reply_cookies or 0.0 for planned in outcome.awaited}
    return [
        Expected(row.id, Heard("elsewhere") if awaited is None else awaited.expect(row, wishes[row.id]))
        for row in written.rows
        if row.id in wishes
    ]


def forget(expected: Iterable[Expected]) -> None:
    """They were not stored."""
    for each in expected:
        if isinstance(each.answer, Waiting):
            each.answer.forget()


async def completed(expected: Sequence[Expected], reply: Reply, accepted: Accepted, metrics: Metrics) -> Reply:
    """The reply with the cookies that came in time, behind those of our own. What was not stored is not waited for."""
    left_out = {row for guard in accepted.taken for row in guard.planned} | {each.id for each in accepted.overflowed}
    forget(each for each in expected if each.row in left_out)
    answers = [each.answer for each in expected if each.row not in left_out]
    heard = [await each.heard() if isinstance(each, Waiting) else each for each in answers]
    for found in heard:
        metrics.reply_cookies[found.became].inc()
    return with_cookies(reply, [found.cookies for found in heard])
