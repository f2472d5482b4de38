"""What an operator reads about deliveries: how a lane stands, why a letter is dead, and what to do about either."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from container.config.problem import did_you_mean, printable
from container.delivery.row import Reason
from container.delivery.store import LaneReport, Mode
from container.web.health import HOLDS

FULL = 0.99
"""A lane that uses so much of its share has room for small deliveries at most."""

Tone = Literal["good", "odd", "bad"]


@dataclass(frozen=True, slots=True)
class Advice:
    """`why` a letter is dead or a lane holds still, and what to `do` about it, each a sentence."""

    why: str
    do: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a lane stands: in a word or two, why, and what to do; the last two empty where all is well."""

    word: str
    tone: Tone
    why: str = ""
    do: str = ""


REASONS: Mapping[Reason, Advice] = {
    "refused": Advice(
        "The vendor refused this event for itself; the note is what the tag makes of its answer.",
        "Correct the tag or what the site sends; the same request would be refused again, so drop the letter.",
    ),
    "gave_up": Advice(
        "It was tried for 48 hours and at least three times, and the vendor never took it.",
        "Replay it once the lane delivers again; drop it if the vendor would call it too old by now.",
    ),
    "too_old": Advice(
        "Its event became older than the vendor takes before it could be sent.",
        "Drop it: a replay would end here again.",
    ),
    "poison": Advice(
        "The process crashed three times while it was being sent.",
        "Report the crash with this letter's number; replay it alone, and watch the process while it is sent.",
    ),
    "damaged": Advice(
        "Its bytes on the disk are not those that were written, so it cannot be read.",
        "Look at the disk, and put a backup back if you have one; a replay cannot mend it, so drop it afterwards.",
    ),
    "unknown_key": Advice(
        "It is sealed with a key that is not here.",
        "Add the key to TAG_CONTAINER_KEY, behind a comma, and restart; then replay it.",
    ),
    "judge_failed": Advice(
        "The vendor answered three times, and the tag's own code stumbled on each of these answers.",
        "Report it to whoever wrote the tag; the vendor may have taken the event, so replay it only with a mended tag.",
    ),
    "tag_failed": Advice(
        "The tag raised, so that no request was made; the hit is kept in its place.",
        "Report it to whoever wrote the tag; a replay runs the hit through the container that is in force then.",
    ),
    "unsendable": Advice(
        "What the tag made is no request, such as an address without a host; the hit is kept in its place.",
        "Correct the tag in the container file and reload; a replay runs the hit through it again.",
    ),
    "lane_full": Advice(
        "Its lane had used up its share of the store when it came.",
        "Mend what holds the lane up and let it drain; then replay its letters.",
    ),
}

MODES: Mapping[Mode, str] = {
    "open": "Nothing has to be done.",
    "credential": "Renew the token where the secret is kept; it is read for each request, and the lane is tried "
    "every five minutes, at a reload and at a restart.",
    "address": "Correct the tag's address and reload, or ask the vendor where it went; what waits keeps the address "
    "it was made with.",
    "missing": "Write the secret to its file and reload, or set it in the environment and restart; a plug-in that the "
    "tag came from has to be installed again.",
    "egress": "Correct the tag's address, or allow its network with --allow-egress and restart; what waits keeps the "
    "address it was made with.",
    "refusing": "Read what the vendor says in the letters, correct the tag or what the site sends, and reload.",
}
"""What to do about a lane in this mode."""

_USED_UP = "its share of the store is used up"
_FAILING = "Usually nothing: the vendor is down, and what waits is sent when it is back."
_PAUSED = "Let it go on when its time has come; what waits stays, and past its share of the store new ones die."
WHEN_FULL = "Let it drain, or find out what holds it up; new deliveries become dead letters (lane_full) meanwhile."
"""What to do about a lane that has used up its share."""


def standing(report: LaneReport, *, now: int, share: float = 0.0) -> Standing:
    """How a lane stands. `share`: how much of its part of the store is used; 1 is all of it."""
    state, wait = report.state, next_try(report.state.not_before - now, under_way=report.claimed > 0)
    full = share >= FULL
    if report.paused:
        return _also_full(Standing("paused", "odd", "by an operator", _PAUSED), full)
    if state.mode != "open":
        word = "refusing" if state.mode == "refusing" else "holds still"
        return _also_full(Standing(word, "bad", f"{HOLDS[state.mode]}; {wait}", MODES[state.mode]), full)
    if state.failures:
        return _also_full(Standing("failing", "bad", f"{grouped(state.failures)} in a row; {wait}", _FAILING), full)
    return Standing("full", "bad", _USED_UP, WHEN_FULL) if full else Standing("open", "good")


def _also_full(found: Standing, full: bool) -> Standing:
    """A lane that does not deliver, and loses its room with it: what comes now dies."""
    if not full:
        return found
    return Standing(f"{found.word}, full", "bad", f"{found.why}; {_USED_UP}", f"{found.do} {WHEN_FULL}")


def next_try(milliseconds: int, *, under_way: bool) -> str:
    """When a lane that fails or holds still is tried. `under_way`: some of it is in flight."""
    if under_way:
        return "being tried"
    return f"next try in {age(milliseconds)}" if milliseconds >= 1000 else "next try now"


def no_reason(stated: str) -> str:
    """That no dead letter has such a reason, and which there are, as sentences; empty where there is one."""
    if stated in REASONS:
        return ""
    near = did_you_mean(stated, list(REASONS))
    meant = f" {near[:1].upper()}{near[1:]}" if near else ""
    return f'There is no reason "{printable(stated[:100])}".{meant} The reasons are {", ".join(REASONS)}.'


def advice_on(reason: str | None) -> Advice | None:
    """Why a letter is dead, and what to do about it; `None` for a reason that this version does not know."""
    return next((advice for name, advice in REASONS.items() if name == reason), None)


def tone_of(verdict: str) -> Tone:
    """How good a verdict is."""
    if verdict == "delivered":
        return "good"
    return "odd" if verdict in ("retry", "bisected") else "bad"


def pieces(address: str) -> list[str]:
    """The address in pieces, behind each of which it may go on in the next line."""
    return [piece for piece in re.findall(r"[^/]*/*", address) if piece]


def age(milliseconds: int) -> str:
    """A duration in words that fit a table."""
    seconds = max(milliseconds, 0) // 1000
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {name}"
    return f"{seconds} s"


def grouped(number: int) -> str:
    """`1,234,567`."""
    return f"{number:,}"


def size_of(number: int) -> str:
    """Bytes as people read them: `340 B`, `1.2 MB`."""
    if number < 1000:
        return f"{number} B"
    for unit in ("kB", "MB"):
        number_in_unit = number / 1000
        if number_in_unit < 1000:
            return f"{number_in_unit:.1f} {unit}"
        number //= 1000
    return f"{number / 1000:.1f} GB"
