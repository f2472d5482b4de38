"""What a vendor does, written down beforehand: what a request must hold, what becomes of it, and how often.

A rule is `[match, verdict, times]`. `match`: `"*"`, or a text that stands in the request's first line or body. `times`:
how often it holds, `null` for ever. The first rule that is left and matches decides; where none is left it is `ok`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

POINTS = ("connect", "headers", "body", "before_reply", "mid_reply")
"""Where a connection can be reset."""


def _nothing(stated: str) -> None:
    if stated:
        raise ValueError("it takes nothing")


def _seconds(stated: str) -> float:
    found = float(stated)
    if not 0 <= found < float("inf"):
        raise ValueError("it takes seconds")
    return found


def _status(stated: str) -> int:
    found = int(stated)
    if not 100 <= found <= 999:
        raise ValueError("it takes a status")
    return found


def _text(stated: str) -> str:
    if not stated or not stated.isprintable():
        raise ValueError("it takes a text")
    return stated


def _point(stated: str) -> str:
    if stated not in POINTS:
        raise ValueError(f"it takes one of {', '.join(POINTS)}")
    return stated


def _places(stated: str) -> tuple[int, ...]:
    return tuple(int(each) for each in json.loads(stated))


VERDICTS: Mapping[str, Callable[[str], Any]] = {
    "ok": _nothing,
    "code": int,
    "status": _status,
    "retry_after": _text,
    "slow": _seconds,
    "trickle": _seconds,
    "hang": _nothing,
    "reset": _point,
    "half_close": _nothing,
    "wrong_length": _nothing,
    "garbage": _nothing,
    "gzip_bomb": _nothing,
    "endless": _nothing,
    "redirect": _text,
    "tls_bad": _nothing,
    "partial": _places,
    "reject_if": _text,
}
"""Every verdict, and what reads the rest of it: `code:40000`, `reset@body`, `partial:[0, 7]`, `reject_if:"bad"`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of `VERDICTS`. `value`: what its rest says."""

    stated: str
    name: str
    value: Any = None

    @property
    def of_connections(self) -> bool:
        """Whether it is decided before anything was read."""
        return self.name == "tls_bad" or (self.name == "reset" and self.value == "connect")


def verdict_of(stated: str) -> Verdict:
    """Raises `ValueError` when there is no such verdict."""
    name, _, rest = stated.partition("@" if stated.startswith("reset") else ":")
    if name not in VERDICTS:
        raise ValueError(f'there is no verdict "{name}"')
    try:
        return Verdict(stated, name, VERDICTS[name](rest))
    except (TypeError, ValueError) as problem:
        raise ValueError(f'the verdict "{stated}" cannot be read: {problem}') from None


OK = verdict_of("ok")


@dataclass(slots=True)
class Rule:
    """`left`: how often it still holds, `None` for ever."""

    match: str
    verdict: Verdict
    left: int | None = None

    def holds_for(self, request: bytes) -> bool:
        """Whether it is left, and matches."""
        return self.left != 0 and (self.match == "*" or self.match.encode() in request)


def rules_of(stated: Sequence[Sequence[Any]]) -> list[Rule]:
    """Raises `ValueError` for what is no list of rules."""
    found = []
    for each in stated:
        match, verdict, times = each
        if not isinstance(match, str) or not (times is None or (isinstance(times, int) and times > 0)):
            raise ValueError(f"{each} is no rule")
        found.append(Rule(match, verdict_of(verdict), times))
    return found


@dataclass(slots=True)
class Plan:
    """The rules of one port."""

    rules: list[Rule] = field(default_factory=list)

    @property
    def turns_away(self) -> bool:
        """Whether there is nobody to connect to."""
        first = self._first()
        return first is not None and first.verdict.of_connections

    def on_connection(self) -> Verdict | None:
        """What becomes of a connection before anything is read on it."""
        first = self._first()
        return _used(first) if first is not None and first.verdict.of_connections else None

    def foreseen(self, request: bytes) -> Verdict:
        """What would become of a request, as far as it is known."""
        rule = self._rule_for(request)
        return OK if rule is None else rule.verdict

    def on_request(self, request: bytes) -> Verdict:
        """What becomes of a request. `request`: its first line and its body."""
        rule = self._rule_for(request)
        return OK if rule is None else _used(rule)

    def _first(self) -> Rule | None:
        return next((rule for rule in self.rules if rule.match == "*" and rule.left != 0), None)

    def _rule_for(self, request: bytes) -> Rule | None:
        holding = (rule for rule in self.rules if not rule.verdict.of_connections and rule.holds_for(request))
        return next(holding, None)


def _used(rule: Rule) -> Verdict:
    if rule.left is not None:
        rule.left -= 1
    return rule.verdict
