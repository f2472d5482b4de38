"""What tests of a container and our own case files compare with what they expect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from container.case import Status

REQUEST_PARTS = ("method", "url", "headers", "json", "body")
"""What may be expected of a tag's only request."""


def tag_as_expected(
    status: Status, requests: Sequence[Mapping[str, Any]], expected: Mapping[str, Any]
) -> dict[str, Any]:
    """A tag as it may be expected: a single request also without the list around it.

    The names of headers, which have no case, are spelled as they are expected.
    """
    stated = expected.get("requests", expected.get("requests+"))
    wanted = stated if isinstance(stated, list) and len(stated) == len(requests) else [None] * len(requests)
    single = _spelled(requests[0], expected) if len(requests) == 1 else {}
    return {**single, "status": status, "requests": list(map(_spelled, requests, wanted))}


def cookies_as_expected(cookies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Cookies by name, each with what else is shown of it."""
    return {each["name"]: {key: value for key, value in each.items() if key != "name"} for each in cookies}


def _spelled(request: Mapping[str, Any], expected: object) -> dict[str, Any]:
    wanted = expected.get("headers") if isinstance(expected, Mapping) else None
    if not isinstance(wanted, Mapping):
        return dict(request)
    found = {name.lower(): value for name, value in request["headers"].items()}
    spelled = {name: found[name.lower()] for name in wanted if name.lower() in found}
    known = {name.lower() for name in spelled}
    others = {name: value for name, value in request["headers"].items() if name.lower() not in known}
    return {**request, "headers": {**spelled, **others}}
