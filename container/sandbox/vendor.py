"""A stand-in vendor: where it listens, how it examines a request, and in which ways of its own it can be made to fail.

A vendor is one file that makes a `Vendor`; the app, the journal, the page and the general faults are shared.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from container.event import nothing

DEEPEST_JSON = 100
"""JSON nested deeper than this is refused, so that whatever was kept can be shown again."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request as it arrived. `headers`: names in lower case. `now`: Unix seconds. `request_id` is the answer's."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=nothing)
    body: bytes = b""
    now: int = 0
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: `document` as JSON, or `text` as it stands; `dropped`: the connection breaks instead."""

    status: int = 200
    document: Any = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=nothing)
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """One event, readable for an analyst whatever was sent: texts, and JSON values where numbers are expected.

    `user`: the keys to recognise a visitor by, hashes shortened. `browser`: click and browser ids. `time`: Unix
    seconds.
    """

    name: str
    event_id: str = ""
    time: int | None = None
    value: Any = None
    currency: str = ""
    contents: Sequence[Mapping[str, Any]] = ()
    user: Mapping[str, str] = field(default_factory=nothing)
    browser: Mapping[str, str] = field(default_factory=nothing)
    page: str = ""
    more: Mapping[str, str] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a vendor makes of a request. `reasons` say why it is refused, the first is the one the answer names.

    `remarks`: accepted, but hardly meant so. `account`: the pixel or property it is for. `body`: the request as JSON.
    """

    answer: Answer
    accepted: bool
    events: Sequence[SeenEvent] = ()
    reasons: Sequence[str] = ()
    remarks: Sequence[str] = ()
    account: str = ""
    test_code: str = ""
    body: Any = None


@dataclass(frozen=True, slots=True)
class Button:
    """A fault that the page offers."""

    label: str
    fault: Mapping[str, Any]


VendorFault = Callable[[Mapping[str, Any], str], Answer]
"""`(fault, request id) ->` the answer. Raises `ValueError` with a sentence when the fault's value is no good."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """A stand-in. `paths` are Starlette's, and include wrong ones that `check` should see and explain.

    `faults`: by the key that names them in a fault. `secret_headers`, and `secret_fields` of a JSON body: never kept,
    only that they were there. `address`: the path that a tag's `endpoint` should point at.
    """

    name: str
    title: str
    address: str
    paths: Sequence[str]
    check: Callable[[Incoming], Checked]
    faults: Mapping[str, VendorFault] = field(default_factory=nothing)
    buttons: Sequence[Button] = ()
    menu: Sequence[Button] = ()
    secret_headers: Sequence[str] = ("authorization",)
    secret_fields: Sequence[str] = ()


def digest(value: str) -> str:
    """Enough to tell two secrets apart, too little to use one."""
    return f"({len(value)} characters, sha256 {hashlib.sha256(value.encode(errors='replace')).hexdigest()[:8]})"


def parse_json(body: bytes) -> Any:
    """The body as strict JSON. Raises `ValueError` for anything else, and for what is nested too deeply."""
    try:
        document = json.loads(body.decode(), parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _too_deep(document):
        raise ValueError("nested too deeply")
    return document


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number is too large")
    return value


def _too_deep(document: Any) -> bool:
    level = [document]
    for _ in range(DEEPEST_JSON):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: Any) -> Sequence[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else ()
