"""Where a request goes: its frame and its lane, which all requests of an account have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from container.delivery.frame import Frame, endpoint, frame_for, shared
from container.delivery.lane import Lane
from container.effects import Batch, Request
from container.secret import SecretText

_TEXT = frozenset({str})


@dataclass(frozen=True, slots=True)
class Route:
    """`lane`: of requests whose item holds no secrets of its own."""

    frame: Frame
    lane: Lane


def route_of(type: str, format: int, request: Request) -> Route:
    """The route of a tag's request; `frame_for` names the errors. Requests that can be batched find it by a look-up."""
    envelope = request.json
    if request.batch is None or request.reply_cookies is not None:
        return _found(type, format, request)
    if not isinstance(envelope, dict) or not _are_texts(chain(*envelope.items())):
        return _found(type, format, request)
    return _remembered(
        type,
        format,
        request.method,
        request.url,
        tuple(request.headers.items()),
        tuple(envelope.items()),
        batch=request.batch,
        account=request.account,
        test_code=request.test_code,
    )


def lane_with(route: Route, request: Request, names: Collection[str]) -> Lane:
    """The lane of a request whose item brings further secrets along."""
    return _lane(route.frame, request, names)


@lru_cache(maxsize=256)
def _remembered(
    type: str,
    format: int,
    method: str,
    url: str | SecretText,
    headers: tuple[tuple[str, str | SecretText], ...],
    envelope: tuple[tuple[str, str], ...],
    *,
    batch: Batch,
    account: str,
    test_code: str,
) -> Route:
    request = Request(
        method, url, headers=dict(headers), json=dict(envelope), batch=batch, account=account, test_code=test_code
    )
    return _found(type, format, request)


def _found(type: str, format: int, request: Request) -> Route:
    frame = shared(frame_for(type, format, request))
    return Route(frame, _lane(frame, request, ()))


def _lane(frame: Frame, request: Request, names: Collection[str]) -> Lane:
    address = endpoint(frame.url.shown, batched=request.batch is not None)
    return _shared_lane(frame.type, address, request.account, frame.names.union(names), request.test_code)


@lru_cache(maxsize=256)
def _shared_lane(type: str, address: str, account: str, names: frozenset[str], test_code: str) -> Lane:
    lane = Lane(type, address, account, tuple(sorted(names)), test_code)
    _ = lane.key  # what cannot be written shows here, where its hit is still at hand
    return lane


def _are_texts(values: Iterable[object]) -> bool:
    return _TEXT.issuperset(map(type, values))
