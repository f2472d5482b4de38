"""A record as a line of the list, and all records of a session as a table of its tags."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterator, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]

LONGEST_QUERY, LONGEST_REASON, LONGEST_ORDER = 160, 120, 40

NOT_SENT, BY_LIVE = "not sent", "delivered by live"
_WORDS = {"delivered": "delivered", "refused": "refused", "credential": "refused"}
"""What an answer means to who looks; all else has failed, since a preview does not try again."""

_NUMBER = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?", re.ASCII)


def brief(record: Json) -> dict[str, Any]:
    """What the list shows of a record, and what it is searched by."""
    hit, told = record.get("hit") or {}, record.get("told") or {}
    events = [_event(event) for event in told.get("events", ())]
    answers = [each["answer"] for each in record.get("outgoing", ()) if each.get("answer")]
    return {
        "number": record.get("number", 0),
        "at": record.get("at", 0),
        "method": hit.get("method", ""),
        "path": hit.get("path", ""),
        "query": str(hit.get("query") or "")[:LONGEST_QUERY],
        "client": told.get("client"),
        "why": told.get("why", ""),
        "source": record.get("source", ""),
        "mode": record.get("mode", ""),
        "draft": bool(record.get("draft")),
        "events": events,
        "fired": sum(event["fired"] for event in events),
        "tags": sorted({tag.get("tag", "") for event in told.get("events", ()) for tag in _fired(event)}),
        "failed": _failed(told) or any(answer.get("verdict") != "delivered" for answer in answers),
        "answer": _worst(answers),
        "cut": bool(record.get("cut")),
    }


async def summary(records: AsyncIterable[Json]) -> dict[str, Any]:
    """Totals of the session: hits, events, and of each tag how often it got which status and verdict."""
    hits, events, tags = 0, 0, dict[str, dict[str, Any]]()
    async for record in records:
        hits += 1
        found = (record.get("told") or {}).get("events", ())
        events += len(found)
        for tag in (tag for event in found for tag in event.get("tags", ())):
            row = _row(tags, tag.get("tag", ""), tag.get("type", ""))
            status = str(tag.get("status", ""))
            row["statuses"][status] = row["statuses"].get(status, 0) + 1
        for each in record.get("outgoing", ()):
            row = _row(tags, each.get("tag", ""), "")
            word = _fate(record, each)
            row["verdicts"][word] = row["verdicts"].get(word, 0) + 1
    return {"hits": hits, "events": events, "tags": list(tags.values())}


def _row(tags: dict[str, dict[str, Any]], name: str, type: str) -> dict[str, Any]:
    row = tags.setdefault(name, {"tag": name, "type": type, "statuses": {}, "verdicts": {}})
    row["type"] = row["type"] or type
    return row


def _worst(answers: Sequence[Json]) -> dict[str, Any] | None:
    """Of the answers one that is a refusal, else one that is a failure, else any."""
    found = min(answers, key=lambda each: ("refused", "failed", "delivered").index(_word(each)), default=None)
    if found is None:
        return None
    reason = str(found.get("reason") or "")[:LONGEST_REASON]
    return {"verdict": found.get("verdict"), "status": found.get("status"), "reason": reason}


def _word(answer: Json) -> str:
    return _WORDS.get(str(answer.get("verdict")), "failed")


def _fate(record: Json, outgoing: Json) -> str:
    """What became of a request."""
    answer = outgoing.get("answer")
    if answer:
        return _word(answer)
    if outgoing.get("mode", "dry") != "dry":
        return "on its way"
    return BY_LIVE if ran_live(record) and not outgoing.get("why") else NOT_SENT


def ran_live(record: Json) -> bool:
    """Whether what is shown is what live has sent: no mark led the hit here, and no draft ran in place of the file."""
    return record.get("source") == "tail" or (record.get("source") == "rule" and not record.get("draft"))


def _event(event: Json) -> dict[str, Any]:
    fired = sum(1 for _ in _fired(event))
    return {"name": event.get("name", ""), "fired": fired, **_sale(event.get("data") or {})}


def _sale(data: Json) -> dict[str, Any]:
    """Order and value by which one event is told from another, unless they are masked."""
    order, value, currency = (data.get(name) for name in ("transaction_id", "value", "currency"))
    found: dict[str, Any] = {"order": order if isinstance(order, (str, int)) and not isinstance(order, bool) else None}
    found["value"] = value if isinstance(value, (int, float)) and not isinstance(value, bool) else _number(value)
    found["currency"] = currency if isinstance(currency, str) and found["value"] is not None else None
    return {name: each for name, each in found.items() if each not in (None, "") and not _hides(each)}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _hides(value: object) -> bool:
    """Whether a text is masked, or would not fit into a line of the list."""
    return isinstance(value, str) and ("…" in value or len(value) > LONGEST_ORDER)


def _fired(event: Json) -> Iterator[Json]:
    return (tag for tag in event.get("tags", ()) if tag.get("status") == "fired")


def _failed(told: Json) -> bool:
    return any(tag.get("status") == "failed" for event in told.get("events", ()) for tag in event.get("tags", ()))
