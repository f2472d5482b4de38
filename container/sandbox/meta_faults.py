"""Errors of Meta's Graph API, with the words and statuses it has for them, and the faults that give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from container.sandbox.vendor import Answer, Button, VendorFault


@dataclass(frozen=True, slots=True)
class Code:
    """`transient`: whether Meta itself says that it passes."""

    status: int
    message: str
    transient: bool = False


CODES: Mapping[int, Code] = {
    1: Code(500, "An unknown error occurred", transient=True),
    2: Code(503, "Service temporarily unavailable", transient=True),
    3: Code(400, "Application does not have the capability to make this API call."),
    4: Code(403, "Application request limit reached", transient=True),
    10: Code(403, "Application does not have permission for this action"),
    17: Code(400, "User request limit reached", transient=True),
    32: Code(400, "Page request limit reached", transient=True),
    100: Code(400, "Invalid parameter"),
    102: Code(401, "Session key invalid or no longer valid"),
    104: Code(400, "An access token is required to request this resource."),
    190: Code(401, "Invalid OAuth access token - Cannot parse access token"),
    200: Code(403, "Permissions error"),
    341: Code(400, "Application limit reached", transient=True),
    368: Code(400, "The action attempted has been deemed abusive or is otherwise disallowed"),
    613: Code(400, "Calls to this api have exceeded the rate limit.", transient=True),
    2500: Code(400, "Unknown path components"),
    2635: Code(400, "You are calling a deprecated version of the Ads API. Please update to the latest version."),
    80004: Code(400, "There have been too many calls to this ad-account. Wait a bit and try again.", transient=True),
}
"""Codes of the Conversions API with a message of their own; Meta's wording differs by language."""

_HIGHEST_CODE = 9_999_999
_MOST_EVENTS = 1000


def error(
    code: int,
    trace: str,
    *,
    subcode: int | None = None,
    message: str = "",
    title: str = "",
    user_message: str = "",
    transient: bool | None = None,
    status: int | None = None,
) -> Answer:
    """An error as Meta writes it."""
    known = CODES.get(code, Code(400, "Unknown error"))
    shown: dict[str, Any] = {
        "message": message or known.message,
        "type": "GraphMethodException" if subcode == _NO_OBJECT else "OAuthException",
        "code": code,
    }
    if subcode is not None:
        shown["error_subcode"] = subcode
    shown["is_transient"] = known.transient if transient is None else transient
    if title:
        shown |= {"error_user_title": title, "error_user_msg": user_message}
    return Answer(known.status if status is None else status, {"error": {**shown, "fbtrace_id": trace}})


_NO_OBJECT = 33


def _error(fault: Mapping[str, Any], request_id: str) -> Answer:
    """`{"error": 190}`, optionally with `subcode`, `message` and `transient`."""
    code, subcode, message, transient = (fault.get(key) for key in ("error", "subcode", "message", "transient"))
    if type(code) is not int or not 0 <= code <= _HIGHEST_CODE:
        raise ValueError('"error" is a number such as 190.')
    if subcode is not None and (type(subcode) is not int or not 0 <= subcode <= _HIGHEST_CODE):
        raise ValueError('"subcode" is a number such as 460.')
    if message is not None and not isinstance(message, str):
        raise ValueError('"message" is a text.')
    if transient is not None and not isinstance(transient, bool):
        raise ValueError('"transient" is true or false.')
    return error(code, f"A{request_id}", subcode=subcode, message=message or "", transient=transient)


def _received(fault: Mapping[str, Any], request_id: str) -> Answer:
    """`{"events_received": 0}`: status 200, and fewer events than were sent."""
    number = fault["events_received"]
    if type(number) is not int or not 0 <= number <= _MOST_EVENTS:
        raise ValueError('"events_received" is a number such as 0.')
    return Answer(document={"events_received": number, "messages": [], "fbtrace_id": f"A{request_id}"})


FAULTS: Mapping[str, VendorFault] = {"error": _error, "events_received": _received}

BUTTONS = (
    Button("190 token revoked", {"error": 190, "subcode": 460}),
    Button("200 no right on the pixel", {"error": 200}),
    Button("100 invalid parameter", {"error": 100}),
    Button("4 too many calls", {"error": 4}),
    Button("80004 limit of the account", {"error": 80004}),
    Button("1 unknown error", {"error": 1}),
    Button("2 unavailable", {"error": 2}),
    Button("2635 version retired", {"error": 2635}),
    Button("none received", {"events_received": 0}),
)
MENU = tuple(Button(f"{code} {known.message}", {"error": code}) for code, known in CODES.items())
