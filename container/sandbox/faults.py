"""Faults: what the sandbox is told to answer next instead of the truth, in the order in which it was told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from container.event import nothing
from container.sandbox.vendor import Answer, Button, SeenEvent, Vendor

LONGEST_SECONDS = 600
MOST_TIMES = 1_000_000
MOST_FAULTS = 1_000
ALWAYS = "always"
_WITHOUT_BODY = (204, 205, 304)

GATEWAY_PAGE = (
    "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\n"
)

BUTTONS = (
    Button("429, wait 2 s", {"status": 429, "retry_after": 2}),
    Button("503 unavailable", {"status": 503}),
    Button("401 unauthorised", {"status": 401}),
    Button("HTML instead of JSON", {"html": True}),
    Button("empty answer", {"empty": True}),
    Button("slow: 5 s", {"slow": 5}),
    Button("time-out: 20 s", {"slow": 20}),
    Button("connection breaks", {"close": True}),
    Button("redirect", {"redirect": "https://elsewhere.example/"}),
)
"""The faults that every vendor has."""


class FaultError(ValueError):
    """A fault that cannot be meant, with a sentence for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What to answer, how often, and to whom.

    `kind` is the key that says what happens, `details` all that was written. `times` is `None` for always. `event` and
    `vendor`: only requests with an event of that name, or to that vendor; empty for any. `slow`: seconds to wait first.
    """

    kind: str
    details: Mapping[str, Any]
    times: int | None = 1
    event: str = ""
    vendor: str = ""
    slow: float = 0

    def shown(self) -> dict[str, Any]:
        """The fault as it is written, with what remains of its times."""
        return {**self.details, "times": ALWAYS if self.times is None else self.times}


class FaultScript:
    """The faults still to come. The first that fits a request answers it, and has one time less."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, faults: Sequence[Fault]) -> None:
        """Appends faults. Raises `FaultError` when the script gets too long."""
        if len(self._faults) + len(faults) > MOST_FAULTS:
            raise FaultError(f"The script holds at most {MOST_FAULTS} faults. Use times.")
        self._faults.extend(faults)

    def clear(self) -> None:
        self._faults.clear()

    def shown(self) -> list[dict[str, Any]]:
        return [fault.shown() for fault in self._faults]

    def take(self, vendor: Vendor, events: Sequence[SeenEvent]) -> Fault | None:
        """The fault for this request, `None` when it is to be answered truthfully."""
        for position, fault in enumerate(self._faults):
            if not _fits(fault, vendor, events):
                continue
            if fault.times == 1:
                del self._faults[position]
            elif fault.times is not None:
                self._faults[position] = replace(fault, times=fault.times - 1)
            return fault
        return None


def parse_fault(written: Any, vendors: Sequence[Vendor]) -> Fault:
    """A fault from JSON. Raises `FaultError`."""
    if not isinstance(written, dict):
        raise FaultError('A fault is an object such as {"status": 503}.')
    asked = _asked(written, vendors)
    fault = Fault(
        kind=_kind(written, [*_GENERAL, *(key for vendor in asked for key in vendor.faults)]),
        details={key: value for key, value in written.items() if key != "times"},
        times=_times(written.get("times", 1)),
        event=_text(written, "event"),
        vendor=_text(written, "vendor"),
        slow=_seconds(written["slow"], "slow") if "slow" in written else 0,
    )
    for vendor in asked:
        if _known(fault, vendor):
            _tried(fault, vendor)
    return fault


def faulty_answer(fault: Fault, vendor: Vendor, request_id: str, *, truth: Answer) -> Answer:
    """What the fault makes of the vendor's true answer."""
    if fault.kind == "slow":
        return truth
    if fault.kind in _GENERAL:
        return _GENERAL[fault.kind](fault.details)
    return vendor.faults[fault.kind](fault.details, request_id)


def _fits(fault: Fault, vendor: Vendor, events: Sequence[SeenEvent]) -> bool:
    if fault.vendor not in ("", vendor.name) or not _known(fault, vendor):
        return False
    return not fault.event or any(event.name == fault.event for event in events)


def _known(fault: Fault, vendor: Vendor) -> bool:
    return fault.kind == "slow" or fault.kind in _GENERAL or fault.kind in vendor.faults


def _tried(fault: Fault, vendor: Vendor) -> None:
    try:
        faulty_answer(fault, vendor, "", truth=Answer())
    except FaultError:
        raise
    except ValueError as problem:
        raise FaultError(str(problem)) from None


def _asked(written: Mapping[str, Any], vendors: Sequence[Vendor]) -> Sequence[Vendor]:
    name = _text(written, "vendor")
    asked = [vendor for vendor in vendors if name in ("", vendor.name)]
    if name and not asked:
        raise FaultError(f'There is no vendor "{name}". There is: {", ".join(vendor.name for vendor in vendors)}.')
    return asked


def _kind(written: Mapping[str, Any], known: Sequence[str]) -> str:
    kinds = [key for key in written if key in known and not (key == "body" and "status" in written)]
    if len(kinds) > 1:
        raise FaultError(f"A fault is one of these, not several: {', '.join(kinds)}. slow goes with each of them.")
    if not kinds and "slow" not in written:
        raise FaultError(f"A fault has one of: {', '.join([*known, 'slow'])}.")
    return kinds[0] if kinds else "slow"


def _times(value: Any) -> int | None:
    if value == ALWAYS:
        return None
    if type(value) is not int or not 1 <= value <= MOST_TIMES:
        raise FaultError(f'"times" is a whole number from 1 to {MOST_TIMES}, or "{ALWAYS}".')
    return value


def _seconds(value: Any, key: str) -> float:
    if type(value) not in (int, float) or not 0 <= value <= LONGEST_SECONDS:
        raise FaultError(f'"{key}" is a number of seconds up to {LONGEST_SECONDS}.')
    return float(value)


def _text(written: Mapping[str, Any], key: str) -> str:
    value = written.get(key, "")
    if not isinstance(value, str):
        raise FaultError(f'"{key}" is a text.')
    return value


def _header(value: str, key: str) -> str:
    """Text that may stand in a header: printable ASCII, so no line of its own."""
    if not (value.isascii() and value.isprintable()):
        raise FaultError(f'"{key}" is printable ASCII.')
    return value


def _status(details: Mapping[str, Any]) -> Answer:
    """`{"status": 503}`, optionally with `retry_after` (seconds or an HTTP date) and `body` (text or JSON)."""
    status = details["status"]
    if type(status) is not int or not 200 <= status <= 599:
        raise FaultError('"status" is an HTTP status from 200 to 599.')
    wait = details.get("retry_after")
    if wait is not None and not isinstance(wait, str):
        wait = f"{_seconds(wait, 'retry_after'):g}"
    headers = nothing() if wait is None else {"retry-after": _header(wait, "retry_after")}
    if status in _WITHOUT_BODY:
        return Answer(status, text="", headers=headers)
    if "body" in details:
        return replace(_body(details), status=status, headers=headers)
    known = {each.value: each.phrase for each in HTTPStatus}
    return Answer(status, text=known.get(status, f"Status {status}"), headers=headers)


def _body(details: Mapping[str, Any]) -> Answer:
    """`{"body": …}`: exactly this, text as it stands and anything else as JSON, with status 200."""
    body = details["body"]
    return Answer(text=body) if isinstance(body, str) else Answer(document=body)


def _html(details: Mapping[str, Any]) -> Answer:
    _flag(details, "html")
    return Answer(text=GATEWAY_PAGE, headers={"content-type": "text/html"})


def _empty(details: Mapping[str, Any]) -> Answer:
    _flag(details, "empty")
    return Answer(text="")


def _close(details: Mapping[str, Any]) -> Answer:
    _flag(details, "close")
    return Answer(dropped=True)


def _redirect(details: Mapping[str, Any]) -> Answer:
    address = _text(details, "redirect")
    if not address:
        raise FaultError('"redirect" is an address.')
    return Answer(302, text="", headers={"location": _header(address, "redirect")})


def _flag(details: Mapping[str, Any], key: str) -> None:
    if details[key] is not True:
        raise FaultError(f'"{key}" can only be true.')


_GENERAL: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
    "status": _status,
    "body": _body,
    "html": _html,
    "empty": _empty,
    "close": _close,
    "redirect": _redirect,
}
