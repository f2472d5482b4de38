"""Dead letters sent again. One that holds a request waits as it was; of one that holds a hit, its tag runs once more.

The hit goes through the container that is in force, and only what the letter stands for is stored: its tag, its event,
with the time at which the hit came and the ids that it would have had then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from container.delivery.progress import Progress
from container.delivery.row import GIVE_UP_MS, Acceptance, FailedHit, acceptance
from container.delivery.selection import AT_ONCE, Selection, Standing
from container.delivery.store import Store
from container.effects import Reply
from container.engine.container import Container
from container.engine.fold import Folded
from container.engine.outcome import Outcome
from container.engine.run import claim_hit, decide, scopes

HITS_AT_ONCE = 25
"""So many are written in one commit; between two of them other hits have their turn."""

WAITING_AGAIN, DROPPED = "waiting again", "dropped"
TOO_OLD = "too old for the vendor"
KEY_MISSING = 'the key "{}" is not here'
KEY_UNSHARED = 'no server that runs says that it has the key "{}", and without it they die again'
DAMAGED = "damaged: the body cannot be read"
FULL = "the lane is full, or the letter is gone"
NO_CONTAINER = "no container is at hand: start the server, or name the file with --config"
GONE_TAG = "the tag is no longer there"
GONE_EVENT = "no client reads the event out of the hit any more"
FAILED_AGAIN = "the tag failed again"
UNSENDABLE = "the request cannot be sent, as before"
HELD_BACK = "the tag sent the same meanwhile, or its key was used"


async def replay(
    store: Store, selection: Selection, progress: Progress, *, container: Container | None, clock: Callable[[], int]
) -> None:
    """Sends the selected dead letters again, slice by slice. Why others stay is in the progress."""
    selection = await _begun(store, selection, progress)
    after = 0
    while letters := await store.standing(selection, after=after):
        after = letters[-1].number
        now = clock()
        for sealed in (letter for letter in letters if letter.missing_key):
            progress.keep(KEY_MISSING.format(sealed.missing_key))
            progress.done += 1
        letters = [letter for letter in letters if not letter.missing_key]
        waiting = [letter for letter in letters if letter.holds == "request"]
        old = [letter for letter in waiting if _is_old(letter, now)]
        damaged = [letter for letter in waiting if letter.reason == "damaged" and letter not in old]
        numbers = [letter.number for letter in waiting if letter not in old and letter not in damaged]
        sent = await store.replay(selection.only(numbers), now=now) if numbers else 0
        progress.change(WAITING_AGAIN, sent)
        for letter in waiting if sent else ():
            if letter.unshared_key and letter.number in numbers:
                progress.warn(KEY_UNSHARED.format(letter.unshared_key))
        progress.keep(TOO_OLD, len(old))
        progress.keep(DAMAGED, len(damaged))
        progress.keep(FULL, len(numbers) - sent)
        progress.done += len(waiting)
        hits = [letter for letter in letters if letter.holds == "hit"]
        for start in range(0, len(hits), HITS_AT_ONCE):
            await _replay_hits(store, hits[start : start + HITS_AT_ONCE], progress, container, clock)
        await asyncio.sleep(0)


async def drop(store: Store, selection: Selection, progress: Progress) -> None:
    """Deletes the selected rows, slice by slice."""
    selection = await _begun(store, selection, progress)
    after: int | None = 0
    while after is not None:
        gone, after = await store.drop(selection, after=after, most=AT_ONCE)
        progress.done += gone
        progress.change(DROPPED, gone)


def _is_old(letter: Standing, now: int) -> bool:
    """Whether its vendor would not take it. Letters of an older version do not say until when it would have."""
    return letter.reason == "too_old" if letter.expire is None else letter.expire < now


async def _begun(store: Store, selection: Selection, progress: Progress) -> Selection:
    """The selection without what comes meanwhile."""
    latest = await store.rows(selection, most=1)
    if selection.up_to is None:
        selection = replace(selection, up_to=latest[0].number if latest else 0)
    progress.total = await store.count(selection)
    return selection


async def _replay_hits(
    store: Store,
    letters: Sequence[Standing],
    progress: Progress,
    container: Container | None,
    clock: Callable[[], int],
) -> None:
    again: list[tuple[Standing, Acceptance]] = []
    for letter in letters:
        made = NO_CONTAINER if container is None else await _made(store, letter, container, clock())
        if isinstance(made, str):
            progress.keep(made)
        else:
            again.append((letter, made))
        # A hit takes as long as one that comes in; those have their turn in between.
        await asyncio.sleep(0)
    stored = await asyncio.gather(*(store.replay_hit(letter, made) for letter, made in again))
    progress.change(WAITING_AGAIN, sum(stored))
    progress.keep(HELD_BACK, len(stored) - sum(stored))
    progress.done += len(letters)


async def _made(store: Store, letter: Standing, container: Container, now: int) -> Acceptance | str:
    held = await store.hit_of(letter)
    return DAMAGED if held is None else rerun(held, letter, container, now=now)


def rerun(held: FailedHit, letter: Standing, container: Container, *, now: int) -> Acceptance | str:
    """What the letter's tag wants sent now, to be stored in its place, or why it stays. Never raises for a hit."""
    if all(tag.name != held.tag for tag in container.tags):
        return GONE_TAG
    outcome, found = _outcome(held, container)
    if not found:
        return GONE_EVENT
    if outcome.failures:
        return FAILED_AGAIN
    whole = acceptance(outcome, now=held.hit.received)
    # A tag may have sent some of its requests then, and this letter is one that could not be sent.
    of_letter = {letter.id} if letter.reason == "unsendable" else {planned.id for planned in outcome.planned}
    if any(stays.id in of_letter for stays in whole.letters):
        return UNSENDABLE
    rows = [row for row in whole.rows if row.id in of_letter]
    if not rows:
        return f"the tag does not send it any more ({_status(outcome)})"
    if any(row.expire is not None and row.expire < now for row in rows):
        return TOO_OLD
    fresh = [row._replace(due=now, give_up=max(row.give_up, now + GIVE_UP_MS)) for row in rows]
    # The guards of a delivery that was made then are taken already, by the letter's own brothers.
    guards = () if letter.reason == "unsendable" else whole.guards
    return Acceptance(now, fresh, (), guards)


def _outcome(held: FailedHit, container: Container) -> tuple[Outcome, bool]:
    """What the one tag makes of the event, or of all events where none was stated. Whether there was one."""
    client, claim = claim_hit(container, held.hit)
    folded = Folded(Reply())
    found = False
    for scope in scopes(container, client, claim) if client is not None else ():
        event = scope.original
        if event.name != held.event_name or held.event_index not in (None, event.index):
            continue
        found = True
        for candidate in container.hearing.all(event.name):
            if candidate.tag.name == held.tag:
                folded.add(candidate.tag, scope, decide(candidate, scope))
    return folded.outcome(held.hit, "" if client is None else client.name), found


def _status(outcome: Outcome) -> str:
    return next((result.status for result in outcome.results if result.status != "fired"), "fired")
