"""A row is a complete delivery: reload, rename and removal of its tag change nothing for it.

A planned request becomes a row, a tag that raised becomes a letter, an outcome becomes an `Acceptance` of both.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson

from container.delivery.content import Content, json_content, text_content
from container.delivery.excerpt import excerpt
from container.delivery.frame import Frame, FrameError, frame_of
from container.delivery.lane import Lane
from container.delivery.route import lane_with, route_of
from container.effects import Request
from container.engine.outcome import Failure, Guard, Outcome, Planned
from container.event import Hit
from container.ga4.automatic import is_automatic

FORMAT = 1
"""The format of the bodies that are written here; every later version reads it."""

LINGER_MS = 1000
"""What can be batched waits so long for others."""

LONGEST_LINGER_MS = 60_000
"""No tag may have its deliveries wait longer for others."""

GIVE_UP_MS = 48 * 3600 * 1000

Reason = Literal[
    "refused",
    "gave_up",
    "too_old",
    "poison",
    "damaged",
    "unknown_key",
    "judge_failed",
    "tag_failed",
    "unsendable",
    "lane_full",
]
"""Why a row is dead. `lane_full`: its lane had its share of the store."""

FIRST_REFUSED = 2
"""The priority of what nobody misses when the store fills up: test events."""

_LENGTHS = struct.Struct(">II")


class Row(NamedTuple):
    """One delivery. `id`: of its `Planned`. `item`: the body, or the item of a batch. Times are Unix milliseconds.

    `due`: not sent before. `give_up`: after it, and three attempts, the row is dead. `expire`: never sent after it,
    since the vendor calls the event too old. `tag` and `event_name` are for display. `body`: what the store keeps of
    it besides its columns, the same bytes for the same planned request. `priority`: 0 is kept longest.
    """

    id: str
    lane: Lane
    frame: Frame
    item: Content
    tag: str
    event_name: str
    event_time: int
    first: int
    due: int
    give_up: int
    expire: int | None
    body: bytes
    priority: int = 0


class Unpacked(NamedTuple):
    """What a row's body holds."""

    frame: Frame
    item: Content
    tag: str
    event_name: str
    event_time: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that is dead from the start. Its body holds the hit, so that it can be run again.

    Of `lane_full` it is the row's own, which could be sent as it is. `tag` is for display.
    """

    id: str
    lane: Lane
    reason: Reason
    note: str
    first: int
    body: bytes
    tag: str = ""


@dataclass(frozen=True, slots=True)
class FailedHit:
    """What the body of a letter holds; `event_index` is `None` when it was not stated."""

    hit: Hit
    tag: str
    event_name: str
    event_index: int | None


class Acceptance(NamedTuple):
    """Everything one hit wants written, at `now`. A row of a guard that was taken is not stored."""

    now: int
    rows: Sequence[Row] = ()
    letters: Sequence[Letter] = ()
    guards: Sequence[Guard] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.rows or self.letters or self.guards)


def acceptance(outcome: Outcome, *, now: int, linger: int = LINGER_MS, give_up_after: int = GIVE_UP_MS) -> Acceptance:
    """What the store has to accept of an outcome. Durations are milliseconds. Never raises.

    A request that no row can hold (text that is no Unicode, an address that is none) becomes a letter `unsendable`.
    """
    rows: list[Row] = []
    letters = [_failed(outcome.hit, failure, now) for failure in outcome.failures] if outcome.failures else []
    for planned in outcome.planned:
        try:
            rows.append(row_of(planned, now=now, linger=linger, give_up_after=give_up_after))
        except (TypeError, ValueError, AttributeError, RecursionError) as problem:
            letters.append(_unsendable(outcome.hit, planned, now, note=_complaint(problem)))
    return Acceptance(now, rows, letters, tuple(outcome.guards))


def row_of(planned: Planned, *, now: int, linger: int = LINGER_MS, give_up_after: int = GIVE_UP_MS) -> Row:
    """The row of a planned request, `frame_for` names the errors; the same request gives the same `body`."""
    request = planned.request
    route, item = route_of(planned.type, planned.format, request), _item(request)
    frame = route.frame
    return Row(
        id=planned.id,
        lane=lane_with(route, request, item.names) if item.places else route.lane,
        frame=frame,
        item=item,
        tag=planned.tag,
        event_name=planned.event_name,
        event_time=planned.event_time,
        first=now,
        due=now + (linger if planned.linger is None else planned.linger) if frame.most_items > 1 else now,
        give_up=now + (give_up_after if planned.give_up_after is None else planned.give_up_after),
        expire=_expire(planned),
        body=_packed(route.frame, item, planned),
        priority=priority_of(planned.event_name, request),
    )


def priority_of(event_name: str, request: Request) -> int:
    """How soon the store refuses it when it fills up."""
    if request.test_code:
        return FIRST_REFUSED
    return 1 if is_automatic(event_name) else 0


def unpacked(body: bytes) -> Unpacked:
    """What `Row.body` packed. Raises `ValueError` on anything else."""
    try:
        frame_size, label_size = _LENGTHS.unpack_from(body)
        start = _LENGTHS.size + frame_size
        frame = frame_of(body[_LENGTHS.size : start])
        tag, event_name, event_time, places = orjson.loads(body[start : start + label_size])
        item = Content(body[start + label_size :], tuple((offset, name) for offset, name in places) if places else ())
    except (struct.error, TypeError, ValueError) as problem:
        raise ValueError("the body is no row") from problem
    return Unpacked(frame, item, tag, event_name, event_time)


def failed_hit(body: bytes) -> FailedHit:
    """What the body of a letter holds. Raises `ValueError` on anything else."""
    try:
        stated: Mapping[str, Any] = json.loads(body)
        hit = dict(stated["hit"])
        hit["id"], hit["body"] = bytes.fromhex(hit["id"]), base64.b64decode(hit["body"])
        return FailedHit(Hit(**hit), stated["tag"], stated["event_name"], stated["event_index"])
    except (TypeError, ValueError, KeyError) as problem:
        raise ValueError("the body is no hit") from problem


def _packed(frame: Frame, item: Content, planned: Planned) -> bytes:
    label = orjson.dumps([planned.tag, planned.event_name, planned.event_time, item.places])
    return b"".join((_LENGTHS.pack(len(frame.encoded), len(label)), frame.encoded, label, item.data))


def _expire(planned: Planned) -> int | None:
    """When the event is too old: by the tag's type, or as the tag said of this one."""
    hours, stated = planned.max_age_hours, planned.request.expires
    if hours is None:
        return stated
    by_type = planned.event_time + hours * 3600 * 1000
    return by_type if stated is None else min(by_type, stated)


def _item(request: Request) -> Content:
    if request.batch is not None:
        return json_content(request.item)
    if request.body is not None:
        return text_content(request.body)
    return Content() if request.json is None else json_content(request.json)


def _failed(hit: Hit, failure: Failure, now: int) -> Letter:
    name = hit.random(f"failure {failure.event_index} {failure.tag}").hex()[:32]
    body = _hit_body(hit, failure.tag, failure.event_name, failure.event_index)
    return Letter(name, Lane(failure.type), "tag_failed", excerpt(failure.reason), now, body, failure.tag)


def _unsendable(hit: Hit, planned: Planned, now: int, *, note: str) -> Letter:
    body = _hit_body(hit, planned.tag, planned.event_name, None)
    lane = Lane(planned.type, account=_writable(planned.request.account))
    return Letter(planned.id, lane, "unsendable", note, now, body, planned.tag)


def _complaint(problem: Exception) -> str:
    """Why a request cannot be sent. Other errors than ours quote what they stumbled on."""
    if isinstance(problem, FrameError):
        return str(problem)
    if isinstance(problem, UnicodeEncodeError):
        return "it holds text that is no Unicode"
    return "it holds what JSON cannot say"


def _writable(account: object) -> str:
    """The account as a lane may name it, also when it is the account that spoils the request."""
    return account.encode(errors="replace").decode() if isinstance(account, str) else ""


def _hit_body(hit: Hit, tag: str, event_name: str, event_index: int | None) -> bytes:
    # The standard library's JSON, since a path or a header may hold lone surrogates, which orjson refuses.
    stated = {
        "id": hit.id.hex(),
        "received": hit.received,
        "method": hit.method,
        "path": hit.path,
        "query": hit.query,
        "headers": dict(hit.headers),
        "body": base64.b64encode(hit.body).decode(),
        "ip": hit.ip,
    }
    return json.dumps({"tag": tag, "event_name": event_name, "event_index": event_index, "hit": stated}).encode()
