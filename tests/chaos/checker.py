"""What has to be true whatever was killed, full, slow or broken: the invariants, each a function of what is known.

Three ledgers are compared: what the visitors were told, what the vendors took, what the store still holds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from container.component import IN_FLIGHT
from container.delivery.pace import TOGETHER
from container.delivery.row import Reason
from tests.chaos.ledger import Line
from tests.chaos.left import Left

MOST_LOG_BYTES = 4 << 20
MOST_IN_FLIGHT = IN_FLIGHT
"""Requests that one lane of the scenes has under way, none of whose tags states a number of its own."""

MOST_ALONE = MOST_IN_FLIGHT * TOGETHER
"""Of rows that cannot be joined so many may have been answered and not yet be written down."""

_SHOWN = 3
_UNDER_WAY_MS = 250.0
"""What was sent before an answer could be read is no fault of the sender."""

Delivery = tuple[str, str]
"""The name of a lane and an event id."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known at the end of a run.

    `acknowledged`: event ids of hits that were answered with 2xx; `sent`: of all that may have arrived. `lanes`: the
    most items of a request, by lane; `leads_to`: whether an event has a delivery in a lane. `kills`: when the process
    was killed, in Unix milliseconds. `drained`: whether it was left to deliver everything. `own`: what events of a
    lane say whose they are, where that is not its name. `workers`: how many processes deliver.
    """

    acknowledged: Collection[str]
    sent: Collection[str]
    lines: Sequence[Line]
    left: Left
    lanes: Mapping[str, int]
    kills: Sequence[float] = ()
    drained: bool = True
    own: Mapping[str, str] = field(default_factory=dict)
    leads_to: Callable[[str, str], bool] = lambda lane, event_id: True
    workers: int = 1

    def taken(self) -> Iterator[tuple[Delivery, str, Line]]:
        """Every event that a vendor took, in the order in which they came: the delivery, its hash and the request."""
        for line in sorted(self.lines, key=lambda line: line.at):
            for name, digest in line.accepted():
                yield (line.lane, name), digest, line


def acknowledged_is_kept(known: Known) -> list[str]:
    """I1: what was acknowledged is delivered, waits, or is dead, in each lane."""
    return _told("I1", "acknowledged, and nowhere", lost(known))


def copies_are_the_same(known: Known) -> list[str]:
    """I2: an event that is sent more than once is the same, byte for byte, taken or not."""
    return _told("I2", "sent with different bytes", changed(known))


def copies_are_few(known: Known) -> list[str]:
    """I3: only what was under way at a kill, or whose answer nobody heard, is taken again."""
    many = [
        f"{lane}: {n} at kill {kill}"
        for (kill, lane), n in requests_by_kill(known).items()
        if n > (MOST_ALONE if known.lanes.get(lane) == 1 else MOST_IN_FLIGHT) * known.workers
    ]
    return [
        *_told("I3", "taken again, and nothing explains it", [each for each, kill in _copies(known) if kill == 0]),
        *_told("I3", "more requests taken again than were under way", many),
    ]


def requests_are_in_order(known: Known) -> list[str]:
    """I4: no request is too large, mixes lanes, or comes while the vendor wants to be left alone."""
    large = [line.lane for line in known.lines if line.size > known.lanes.get(line.lane, 0) and line.size]
    mixed = [f"{line.lane}: {line.of}" for line in known.lines if set(line.of) - {known.own.get(line.lane, line.lane)}]
    return [
        *_told("I4", "a request larger than its lane allows", large),
        *_told("I4", "a request with events of others", mixed),
        *_told("I4", "a request before the vendor's time was over", list(_too_early(known))),
    ]


def nothing_is_invented(known: Known) -> list[str]:
    """I5: nothing is delivered that no visitor sent."""
    sent = frozenset(known.sent)
    return _told(
        "I5", "delivered, and never sent", sorted({each for each, _, _ in known.taken() if each[1] not in sent})
    )


def letters_have_reasons(known: Known) -> list[str]:
    """I6: a dead letter says why."""
    reasons = get_args(Reason)
    bad = [f"{each.lane} {each.event_id}: {each.reason!r}" for each in known.left.dead if each.reason not in reasons]
    return _told("I6", "dead without a reason", bad)


def store_is_tidy(known: Known) -> list[str]:
    """I7: after everything was delivered the store is empty and its log short."""
    if not known.drained:
        return []
    found = _told("I7", "still waiting", sorted(known.left.waiting))
    if known.left.log_bytes > MOST_LOG_BYTES:
        found.append(f"I7: the log has {known.left.log_bytes} bytes")
    return found


def workers_take_turns(known: Known) -> list[str]:
    """I8: where several processes deliver, none sends what another one has under way."""
    if known.workers == 1:
        # One that was killed is started again while its vendor may still look at what it sent.
        return []
    return _told("I8", "sent by two at once", [(line.lane, name) for line in known.lines for name in line.beside])


INVARIANTS = (
    acknowledged_is_kept,
    copies_are_the_same,
    copies_are_few,
    requests_are_in_order,
    nothing_is_invented,
    letters_have_reasons,
    store_is_tidy,
    workers_take_turns,
)


def violations(known: Known) -> list[str]:
    """What of I1 to I8 does not hold, in sentences."""
    return [each for invariant in INVARIANTS for each in invariant(known)]


def lost(known: Known) -> list[Delivery]:
    """Deliveries of hits that were acknowledged which are neither delivered nor in the store."""
    there = {delivery for delivery, _, _ in known.taken()} | known.left.waiting
    there |= {(letter.lane, letter.event_id) for letter in known.left.dead}
    wanted = {(lane, name) for lane in known.lanes for name in known.acknowledged if known.leads_to(lane, name)}
    return sorted(wanted - there)


def changed(known: Known) -> list[Delivery]:
    """Deliveries that were sent more than once, and not the same each time."""
    seen: dict[Delivery, set[str]] = defaultdict(set)
    for line in known.lines:
        for name, digest in line.events:
            seen[line.lane, name].add(digest)
    return [each for each, digests in seen.items() if len(digests) > 1]


def taken_often(known: Known) -> dict[Delivery, int]:
    """How often each delivery was taken that was taken more than once."""
    counts = Counter(delivery for delivery, _, _ in known.taken())
    return {delivery: count for delivery, count in counts.items() if count > 1}


def copies_by_kill(known: Known) -> dict[int, Counter[str]]:
    """Duplicates by the kill between the two copies (1 for the first), and by lane.

    0 stands for those that nothing explains; those whose first answer nobody heard are left out.
    """
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for (lane, _), kill in _copies(known):
        if kill is not None:
            found[kill][lane] += 1
    return dict(found)


def requests_by_kill(known: Known) -> dict[tuple[int, str], int]:
    """How many requests of a lane were under way at a kill and taken, and so came twice: by kill and lane."""
    first = dict[Delivery, float]()
    found: dict[tuple[int, str], set[float]] = defaultdict(set)
    kills = sorted(known.kills)
    for delivery, _, line in known.taken():
        if delivery in first and (kill := _kill_between(kills, first[delivery], line.at)):
            found[kill, delivery[0]].add(first[delivery])
        first[delivery] = line.at
    return {key: len(requests) for key, requests in found.items()}


def _copies(known: Known) -> Iterator[tuple[Delivery, int | None]]:
    """Each copy and the kill that explains it: 0 if nothing does, None if the answer to the one before got lost."""
    kills, before = sorted(known.kills), dict[Delivery, Line]()
    for delivery, _, line in known.taken():
        if delivery in before:
            earlier = before[delivery]
            kill = _kill_between(kills, earlier.at, line.at)
            yield delivery, None if earlier.unheard and not kill else kill
        before[delivery] = line


def _kill_between(kills: Sequence[float], first: float, again: float) -> int:
    """The number of the kill at which a request was under way, 0 if there is none.

    The vendor may have looked at a request a little after its sender was killed.
    """
    number = bisect_right(kills, first - _UNDER_WAY_MS) + 1
    if number > len(kills) or kills[number - 1] >= again:
        return 0
    return max(number, min(bisect_right(kills, first) + 1, bisect_right(kills, again)))


def _too_early(known: Known) -> Iterator[str]:
    until: dict[str, tuple[float, float]] = {}
    kills = sorted(known.kills)
    for line in sorted(known.lines, key=lambda line: line.at):
        asked, end = until.get(line.lane, (0.0, 0.0))
        killed = bisect_right(kills, asked + _UNDER_WAY_MS) > bisect_right(kills, asked)
        if asked + _UNDER_WAY_MS < line.at < end and not killed:
            yield f"{line.lane}: {end - line.at:.0f} ms"
        if line.wait:
            until[line.lane] = (line.at, line.at + line.wait * 1000 - 50)


def _told(number: str, what: str, found: Sequence[object]) -> list[str]:
    if not found:
        return []
    more = "" if len(found) <= _SHOWN else f" and {len(found) - _SHOWN} more"
    return [f"{number}: {what}: {', '.join(map(str, found[:_SHOWN]))}{more}"]
