"""Twice the input takes about twice the time, whatever the input: nobody can keep the loop busy with one hit."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from clients.ga4 import Ga4, ga4
from container.event import Hit

SIZE = 40_000
HOSTILE: dict[str, Callable[[int], Hit]] = {
    "parameters": lambda n: _hit(query="".join(f"&a{i}=1" for i in range(n // 6))),
    "blank parameters": lambda n: _hit(query="&" * n),
    "percent signs": lambda n: _hit(query="&ep.a=" + "%" * n),
    "cut characters": lambda n: _hit(query="&ep.a=" + "%F0%9F%98" * (n // 9)),
    "tildes": lambda n: _hit(query="&pr1=" + "~" * n),
    "item pairs": lambda n: _hit(query="&pr1=" + "k0~" * (n // 3)),
    "items": lambda n: _hit(query="".join(f"&pr{i}=idA" for i in range(n // 9))),
    "digits": lambda n: _hit(query="&epn.a=" + "9" * n),
    "consent": lambda n: _hit(query="&gcd=1" + "3t" * (n // 2) + "&gcs=G" + "1" * n),
    "brands": lambda n: _hit(query="&uafvl=" + "|" * n),
    "steps": lambda n: _hit(query="&ep.user_data." + "a." * (n // 2)),
    "paths": lambda n: _hit(query="".join(f"&ep.user_data.email.{i}=a" for i in range(n // 25))),
    "lines": lambda n: _hit(body=b"x\n" * (n // 2), named=False),
    "events": lambda n: _hit(query="&a=" + "b" * n, body=b"x\n" * (n // 2)),
    "returns": lambda n: _hit(body=b"\r" * n),
    "escapes": lambda n: _hit(headers={"sec-ch-ua": '\\"' * (n // 2)}),
    "quotes": lambda n: _hit(headers={"sec-ch-ua": '"' * n}),
    "origin": lambda n: _hit(headers={"origin": "https://" + "a." * (n // 2), "host": "a." * (n // 2)}),
}


def _hit(query: str = "", body: bytes = b"", headers: dict[str, str] | None = None, *, named: bool = True) -> Hit:
    start = "v=2&tid=G-ABC" + ("&en=e" if named else "")
    return Hit(b"0" * 16, 1, "POST", "/g/collect", start + query, headers or {}, body)


def _seconds(make: Callable[[int], Hit], size: int) -> float:
    best = float("inf")
    for _ in range(5):
        hit = make(size)
        start = time.process_time()
        ga4(Ga4(), hit)
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("kind", HOSTILE)
def test_eight_times_the_input_does_not_take_forty_times_as_long(kind: str) -> None:
    small, large = _seconds(HOSTILE[kind], SIZE), _seconds(HOSTILE[kind], 8 * SIZE)
    assert large < 40 * max(small, 0.001), (small, large)
