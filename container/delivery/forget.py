"""Somebody is taken out of what a store holds: rows that wait or are being sent, dead letters, guards, and previews.

Slice by slice, so that hits come in between; with as long a rest after each slice as it took, since opening bodies
takes the interpreter away from them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from container.delivery.person import Person
from container.delivery.progress import Progress
from container.delivery.queue_protocol import Left
from container.delivery.remedies import advice
from container.delivery.row import FailedHit, Unpacked
from container.delivery.schema import FILE
from container.delivery.selection import AT_ONCE, Place, Selection
from container.delivery.spools import holding
from container.delivery.store import Store, StoreError, StoreUnavailableError
from container.delivery.texts import texts_of
from container.engine.guards import once_per_guard

LONGEST_REST_SECONDS = 0.1
WAITING, DEAD, GUARDS, PREVIEWS = "waiting", "dead", "guards", "records of previews"
UNREAD = "not readable, so nobody knows whose they are"
ASIDE = (
    "damaged files that were moved aside and may hold anybody; delete them when nothing more is to be saved from them"
)

SEEN = "Copies of what was deleted are left in the store, since somebody reads it just now: do this again later."
NOT_OWNED = (
    "Copies of what was deleted are left on the database's disk until it is vacuumed, which this role may not do: have "
    "the owner of the tables run VACUUM delivery, dead, guards, preview_record."
)

RECORDED = "Records of previews were not deleted, and may hold anybody"
"""How the sentence begins that says why."""

PLACES: Sequence[tuple[Place, str]] = (("waiting", WAITING), ("dead", DEAD))


async def forget(
    store: Store,
    person: Person,
    progress: Progress,
    *,
    tags: Mapping[str, str],
    folder: Path | None = None,
    spools: Path | None = None,
    dry_run: bool = False,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Deletes what holds the person and counts it; `dry_run`: only counts it.

    `tags`: those of the container that have a `once_per`, each with its key as it is written. `folder`: where the store
    is; damaged files that were moved aside there are named, for nobody can search them. `spools`: where those of this
    process and of others are. Raises `StoreUnavailableError` while any holds hits, which come to the store later.
    Waiting rows first: what dies meanwhile is then found among the dead letters. And both once more in the end, since
    letters may have been sent again before they were looked at, and have died since: of letters only new ones.
    """
    held = [] if spools is None else await asyncio.to_thread(holding, spools)
    if held:
        named = ", ".join(f'"{each}"' for each in held)
        raise StoreUnavailableError(
            f"hits wait in the spool {named}, where nobody looks for a person; do this again when the database has "
            "them, or take away what cannot be forwarded"
        )
    looks = PLACES if dry_run else (*PLACES, *PLACES)
    progress.total = sum([await store.count(Selection(place)) for place, _ in looks[:3]])
    for each in (WAITING, DEAD, GUARDS):
        progress.changed[each] = 0
    ids: set[str] = set()
    seen = 0
    for number, (place, called) in enumerate(looks):
        again = number >= len(PLACES)
        new_only = again and place == "dead"
        look = _Look(place, called, after=seen if new_only else 0, again=again and not new_only)
        found, last = await _in_place(store, person, progress, look, dry_run=dry_run, sleep=sleep)
        ids |= found
        seen = last if place == "dead" else seen
    progress.total = progress.done
    keys = [once_per_guard(tag, key, until=0, planned=()).key for tag, by in tags.items() for key in person.keys(by)]
    progress.changed[GUARDS] = await store.forget_guards(keys, ids, dry_run=dry_run)
    recorded = await _previews(store, progress, dry_run=dry_run)
    copies = "" if dry_run else _sentence(await store.tidy(), deleted=any(progress.changed.values()))
    progress.left = " ".join(filter(None, (recorded, copies)))
    left = [] if folder is None else moved_aside(folder)
    if left:
        progress.keep(f"{ASIDE} ({', '.join(left)})", len(left))


async def _previews(store: Store, progress: Progress, *, dry_run: bool) -> str:
    """What has to be said of their records: a role without rights on their tables deletes everything else.

    All of them go: that is not worth a way to miss somebody in what is gone tonight.
    """
    try:
        if previews := await store.forget_previews(dry_run=dry_run):
            progress.changed[PREVIEWS] = previews
    except StoreError as problem:
        return f"{RECORDED}: {problem}.{advice(str(problem))} Then do this again."
    return ""


def _sentence(left: Left, *, deleted: bool) -> str:
    """What has to be said of copies. Whoever owns the tables need not hear of it where nothing was deleted."""
    if left == "seen":
        return SEEN
    return NOT_OWNED if left == "not_owned" and deleted else ""


def moved_aside(folder: Path) -> list[str]:
    """Damaged files, which hold what they held."""
    return sorted(path.name for path in folder.glob(f"{FILE}.corrupt-*"))


@dataclass(frozen=True, slots=True)
class _Look:
    """Rows of a place that are looked through, numbered above `after`.

    `again`: those that cannot be read are counted already.
    """

    place: Place
    called: str
    after: int
    again: bool


async def _in_place(
    store: Store,
    person: Person,
    progress: Progress,
    look: _Look,
    *,
    dry_run: bool,
    sleep: Callable[[float], Awaitable[None]],
) -> tuple[set[str], int]:
    """The ids of the rows that held the person, and the number up to which rows were looked at."""
    place = look.place

    def holds(found: Unpacked | FailedHit) -> bool:
        return person.within(texts_of(found))

    # What comes meanwhile is left, or on a busy server there would be no end.
    newest = await store.rows(Selection(place), most=1)
    last, after = newest[0].number if newest else 0, look.after
    ids: set[str] = set()
    while after < last:
        begun = time.monotonic()
        found = await store.search(place, holds, after=after, most=AT_ONCE)
        if not found.looked:
            break
        after = found.last
        gone = len(found.rows) if dry_run else await store.erase(place, found.rows)
        ids.update(pair.id for pair in found.rows)
        progress.change(look.called, gone)
        progress.keep(UNREAD, 0 if look.again else found.unread)
        progress.done += found.looked
        progress.total = max(progress.total, progress.done)
        await sleep(min(time.monotonic() - begun, LONGEST_REST_SECONDS))
    return ids, max(last, after)
