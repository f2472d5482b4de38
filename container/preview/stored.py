"""What processes share of a session, as it is stored, and how what two of them have changed comes together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, get_args

import orjson

from container.delivery.preview_table import SharedSession
from container.preview.rules import rule
from container.preview.sessions import Mode, Session
from container.preview.tail import Tail


class Text(NamedTuple):
    """A draft as it was written."""

    text: str
    filename: str


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything of a session but its times and its records. `rules`: as they are told. `tail`: its percentage."""

    mark: str
    share: str
    mode: Mode
    codes: Mapping[str, str]
    rules: Sequence[Mapping[str, Any]]
    draft: Text | None
    tail: float | None = None

    def written(self) -> bytes:
        # Not by orjson, which refuses halves of surrogate pairs; what somebody typed may hold some.
        return json.dumps({each.name: getattr(self, each.name) for each in fields(self)}).encode()


def read(body: bytes) -> Stored:
    """What was written. Raises `ValueError` where a later release may have, and this one does not understand it."""
    try:
        found = json.loads(body)
        draft = None if found["draft"] is None else Text(*found["draft"])
        written = Stored(**{**found, "draft": draft})
        for each in written.rules:
            rule(each)
        # One that is not known here is no reason to send.
        if written.mode not in get_args(Mode):
            raise ValueError("there is no such mode")
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError("this is not how a session is stored") from problem
    return written


def stored(session: Session) -> Stored:
    """The session as it is here. Its draft is what somebody wants it to run, also where only others can."""
    draft = session.unready or session.draft
    return Stored(
        session.mark,
        session.share,
        session.mode,
        dict(session.test_codes),
        [each.told() for each in session.rules],
        None if draft is None else Text(draft.text, draft.filename),
        None if session.tail is None else session.tail.percent,
    )


def begun(row: SharedSession, theirs: Stored) -> Session:
    """The session that another process has started, before anything of it was changed."""
    times = (row.started / 1000, row.seen / 1000, row.ends / 1000)
    session = Session(row.id, theirs.mark, theirs.share, *times)
    session.tail = None if theirs.tail is None else Tail(theirs.tail)
    return session


def merged(before: Stored, ours: Stored, theirs: Stored) -> Stored:
    """What they have, and on top of it what we have changed since we had the same."""
    names = [each.name for each in fields(before)]
    changes = {name: getattr(ours, name) for name in names if getattr(ours, name) != getattr(before, name)}
    return replace(theirs, **changes)


def put(session: Session, wanted: Stored) -> None:
    """Makes the session so, but for its draft, which takes time, and its secrets, by which it is found."""
    session.mode = wanted.mode
    session.test_codes.clear()
    session.test_codes.update(wanted.codes)
    if [each.told() for each in session.rules] != wanted.rules:
        session.rules[:] = [rule(each) for each in wanted.rules]


def envelope(process: str, number: int, record: bytes) -> bytes:
    """A record, and who has it under which number, so that nobody takes its own for another's."""
    return b'{"by":%s,"number":%d,"record":%s}' % (orjson.dumps(process), number, record)


def opened(body: bytes) -> tuple[str, int, dict[str, Any]] | None:
    """The process, its number, and the record. `None` where a later release may have written something else."""
    try:
        found = orjson.loads(body)
        by, number, record = found["by"], found["number"], found["record"]
    except (ValueError, KeyError, TypeError):
        return None
    return (by, number, record) if isinstance(record, dict) else None
