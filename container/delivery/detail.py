"""A row as a person reads it: the request as it would go alone, or the hit that a letter holds."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Protocol

from container.delivery.history import attempts_of
from container.delivery.masking import masked, masked_body, masked_headers, masked_pairs, masked_text, masked_url
from container.delivery.row import FailedHit, Unpacked, failed_hit, unpacked
from container.delivery.seal import Keyring, KeyringError
from container.delivery.selection import RowDetail, RowReport, Tried


@dataclass(frozen=True, slots=True)
class Resting:
    """A row's body as it lies on disk."""

    id: str
    holds: str
    crc: int
    kid: str
    body: bytes


class Kept(Protocol):
    """What a body is opened with."""

    @property
    def id(self) -> str: ...
    @property
    def crc(self) -> int: ...
    @property
    def kid(self) -> str: ...
    @property
    def body(self) -> bytes: ...


def opened(keys: Keyring, row: Kept) -> bytes:
    """The body in clear. Raises `KeyringError` when its key is not here, `ValueError` when it is damaged."""
    if zlib.crc32(row.body) != row.crc:
        raise ValueError("the checksum does not fit")
    return keys.open(row.kid, row.id, row.body)


def held(keys: Keyring, row: Resting) -> Unpacked | FailedHit:
    """What the body holds. Raises like `opened`."""
    body = opened(keys, row)
    return failed_hit(body) if row.holds == "hit" else unpacked(body)


def unreadable(problem: Exception) -> str:
    """Why a body shows nothing, as a sentence."""
    if isinstance(problem, KeyringError):
        return f"It cannot be read: {problem}."
    return "It cannot be read: it is damaged."


def label(keys: Keyring, row: Resting) -> tuple[str, str]:
    """Tag and name of the event, empty when the body cannot be read."""
    try:
        found = held(keys, row)
    except (KeyringError, ValueError):
        return "", ""
    return found.tag, found.event_name


def labelled(keys: Keyring, report: RowReport, row: Resting) -> RowReport:
    """The report with both."""
    tag, event_name = label(keys, row)
    return replace(report, tag=tag, event_name=event_name)


def detail(keys: Keyring, row: Resting, shown: RowDetail) -> RowDetail:
    """The detail with what the body holds, masked unless it is to be `whole`."""
    try:
        found = held(keys, row)
    except (KeyringError, ValueError) as problem:
        return replace(shown, unreadable=unreadable(problem))
    report = replace(shown.report, tag=found.tag, event_name=found.event_name)
    full = _of_hit(found, shown) if isinstance(found, FailedHit) else _of_request(found, shown)
    full = replace(full, report=report)
    if shown.whole:
        return full
    # What is sent in batches goes to an address of the vendor's; another one may hold a visitor's data.
    batched = isinstance(found, Unpacked) and bool(found.frame.head.data)
    return _masked(full, with_path=batched)


def history(text: str) -> tuple[Tried, ...]:
    """The attempts that a row remembers, the latest last."""
    return tuple(Tried(each.at, each.status, each.verdict, each.excerpt) for each in attempts_of(text))


def _of_request(found: Unpacked, shown: RowDetail) -> RowDetail:
    frame = found.frame
    return replace(
        shown,
        method=frame.method,
        url=frame.url.shown,
        headers=tuple((name, value.shown) for name, value in frame.headers),
        body=f"{frame.head.shown}{found.item.shown}{frame.tail.shown}",
        event_time=found.event_time,
    )


def _of_hit(found: FailedHit, shown: RowDetail) -> RowDetail:
    hit = found.hit
    return replace(
        shown,
        method=hit.method,
        url=f"{hit.path}?{hit.query}" if hit.query else hit.path,
        headers=tuple(hit.headers.items()),
        body=hit.body.decode(errors="replace"),
        ip=hit.ip,
    )


def _masked(full: RowDetail, *, with_path: bool) -> RowDetail:
    kind = next((value.lower() for name, value in full.headers if name.lower() == "content-type"), "")
    if full.report.holds == "hit":
        path, mark, query = full.url.partition("?")
        url = f"{_masked_path(path)}{mark}{masked_pairs(query) if mark else ''}"
    else:
        url = masked_url(full.url, with_path=with_path)
    return replace(
        full,
        url=url,
        headers=masked_headers(full.headers),
        body=masked_body(full.body, kind),
        ip=None if full.ip is None else masked(full.ip),
    )


def _masked_path(path: str) -> str:
    """A path of a client is short words; anything longer may be somebody's."""
    return "/".join(part if len(part) <= 12 and part.isalpha() else masked_text(part) for part in path.split("/"))
