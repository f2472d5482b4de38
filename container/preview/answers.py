"""What the interface of preview answers with, and what it reads out of what it is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from container.preview.bench import RefusedError
from container.preview.codes import CodesError
from container.preview.insight import Components, insights
from container.preview.rules import RuleError
from container.preview.sessions import NotSharedError, Session, SessionError
from container.web.access import GUARDED
from container.web.ingest import Limits, check_limits
from container.web.ingest import RefusedError as LimitError

LONGEST_METHOD = 20
_LIMITS = Limits()
TOO_LARGE = (
    f"The hit is larger than what this server takes: {_LIMITS.path_and_query_bytes:,} bytes of path and query, "
    f"{_LIMITS.headers} headers of {_LIMITS.header_bytes:,} bytes in all, and a body of {_LIMITS.body_bytes:,} bytes."
)


def nothing() -> Response:
    """What Starlette says where there is nothing."""
    return Response("Not Found", 404, GUARDED, "text/plain")


def said(status: int, sentence: str) -> Response:
    return as_json({"error": sentence}, status)


def as_json(shown: Mapping[str, Any], status: int = 200) -> Response:
    return Response(_bytes(shown), status, GUARDED, "application/json")


async def told(answer: Awaitable[Response]) -> Response:
    try:
        return await answer
    except HTTPException as problem:
        return said(problem.status_code, problem.detail)
    except RuleError as problem:
        about = {"part": problem.part, "faults": problem.faults, "rule": problem.number}
        return as_json({"error": str(problem), **about}, 422)
    except CodesError as problem:
        return as_json({"error": str(problem), "part": next(iter(problem.faults)), "faults": problem.faults}, 422)
    except RefusedError as problem:
        return said(409, str(problem))
    except NotSharedError as problem:
        return said(503, str(problem))


def status_of(problem: SessionError) -> int:
    """What is answered where no session is opened, or others were not told."""
    return 503 if isinstance(problem, NotSharedError) else 409


def whole(record: Mapping[str, Any], components: Components) -> Mapping[str, Any]:
    """The record with what an analyst asks of each of its conversions."""
    events = (record.get("told") or {}).get("events", ())
    return {**record, "insights": [insights(event, components) for event in events]}


def _bytes(shown: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(shown, option=orjson.OPT_NON_STR_KEYS, default=str)
    except (TypeError, ValueError):
        return orjson.dumps(_writable(shown), option=orjson.OPT_NON_STR_KEYS, default=str)


def _writable(value: Any) -> Any:
    """The same without halves of surrogate pairs, which cannot be written; what a hit brought along may hold some."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {_writable(key): _writable(member) for key, member in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_writable(member) for member in value]
    return value


def stream_event(kind: str, shown: Mapping[str, Any]) -> bytes:
    # JSON has no line break of its own, so an event is one line of data.
    return b"event: " + kind.encode() + b"\ndata: " + _bytes(shown) + b"\n\n"


def number_in(stated: Mapping[str, Any], name: str) -> int:
    number = stated.get(name)
    if type(number) is int and 0 < number < 2**63:
        return number
    raise HTTPException(422, f'"{name}" is a whole number.')


def text_in(stated: Mapping[str, Any], name: str) -> str:
    text = stated.get(name, "")
    if isinstance(text, str):
        return text
    raise HTTPException(422, f'"{name}" is text.')


def hit_in(stated: Mapping[str, Any]) -> dict[str, Any]:
    """A hit that somebody wrote by hand."""
    hit = stated.get("hit")
    if not isinstance(hit, dict):
        raise HTTPException(422, 'The "hit" is an object.')
    headers = hit.get("headers", [])
    if not isinstance(headers, list) or not all(_is_pair(each) for each in headers):
        raise HTTPException(422, "The headers are a list of pairs of texts.")
    texts = {name: text_in(hit, name) for name in ("method", "path", "query", "body")}
    if not texts["path"].startswith("/"):
        raise HTTPException(422, "The path begins with a slash.")
    if not _is_taken(texts, headers):
        raise HTTPException(422, TOO_LARGE)
    return {**texts, "method": texts["method"] or "GET", "headers": headers, "ip": None}


def _is_taken(texts: Mapping[str, str], headers: Sequence[Sequence[str]]) -> bool:
    """Whether it is as small as a hit that comes in has to be: others wait while it runs."""
    raw = [(_sent(name), _sent(value)) for name, value in headers]
    try:
        check_limits(raw, _sent(texts["path"]), _sent(texts["query"]), _LIMITS)
    except LimitError:
        return False
    return len(_sent(texts["body"])) <= _LIMITS.body_bytes and len(texts["method"]) <= LONGEST_METHOD


def _sent(text: str) -> bytes:
    return text.encode(errors="replace")


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)


def kept(session: Session, number: int) -> dict[str, Any]:
    """The record of this number."""
    record = session.records.get(number)
    if record is None:
        raise HTTPException(404, "This request is no longer kept: newer ones have taken its room.")
    return record
