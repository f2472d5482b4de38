"""Twice the input takes about twice the time on the ground floor too, whatever the input."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from container.effects import Response, retry_after
from container.event import Hit
from container.fields import Pattern, fill_groups
from container.shape import moment, number, text
from container.template import parse
from triggers.operators import is_in_network

SIZE = 50_000
GREEDY = Pattern("(a|a)*(a*)*$b").search
Work = Callable[[Any], object]

HOSTILE: dict[str, tuple[Callable[[int], Any], Work]] = {
    "cookies": (lambda n: "a=1;" * (n // 4), lambda text: Hit(b"", 0, headers={"cookie": text}).cookies),
    "cookie quotes": (lambda n: 'a="' * (n // 3), lambda text: Hit(b"", 0, headers={"cookie": text}).cookies),
    "open braces": (lambda n: "{{" + "a" * n, parse),
    "many open braces": (lambda n: "{{a" * (n // 3), parse),
    "doubled braces": (lambda n: "{{{{" * (n // 4), parse),
    "five braces": (lambda n: "{{{{{ " * (n // 6), parse),
    "open secrets": (lambda n: "${secret:a" * (n // 10), parse),
    "references": (lambda n: "{{ a }} " * (n // 8), lambda source: str(parse(source))),
    "digits": (lambda n: "9" * n, number),
    "spaces": (lambda n: " " * n + "x", number),
    "dates": (lambda n: "2025-01-01T" + "0" * n, moment),
    "lists": (lambda n: [[]] * n, text),
    "deep lists": (lambda n: _nested(n), text),
    "surrogates": (lambda n: ["\ud800"] * n, text),
    "waits": (lambda n: "9" * n, lambda stated: retry_after(Response(503, {"retry-after": stated}))),
    "wait dates": (lambda n: "Thu, " * (n // 5), lambda stated: retry_after(Response(503, {"retry-after": stated}))),
    "patterns": (lambda n: "a" * n, GREEDY),
    "groups": (lambda n: "$1" * (n // 2), lambda captured: fill_groups("$0$1", [captured, captured])),
    "addresses": (lambda n: ":" * n, lambda address: is_in_network(address, ())),
    "octets": (lambda n: "1." * (n // 2), lambda address: is_in_network(address, ())),
}


def _nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def _seconds(make: Callable[[int], Any], work: Work, size: int) -> float:
    best = float("inf")
    given = make(size)
    for _ in range(5):
        start = time.process_time()
        work(given)
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("kind", HOSTILE)
def test_eight_times_the_input_does_not_take_forty_times_as_long(kind: str) -> None:
    make, work = HOSTILE[kind]
    small, large = _seconds(make, work, SIZE), _seconds(make, work, 8 * SIZE)
    assert large < 40 * max(small, 0.001), (small, large)
