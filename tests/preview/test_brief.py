"""A record as a line of the list, and the totals of a session: what became of each request, in a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from container.preview.brief import BY_LIVE, LONGEST_REASON, NOT_SENT, brief, summary


def answer(verdict: str, status: int | None = 200, reason: str = "") -> dict[str, Any]:
    return {"verdict": verdict, "status": status, "reason": reason}


def record(*answers: dict[str, Any] | None, source: str = "marked", mode: str = "send", **more: Any) -> dict[str, Any]:
    outgoing = [{"tag": "Pixel", "mode": mode, "answer": each, **more.pop("of_each", {})} for each in answers]
    return {"source": source, "draft": False, "told": {"events": []}, "outgoing": outgoing, **more}


def words_of(*records: dict[str, Any]) -> Any:
    async def each() -> AsyncIterator[dict[str, Any]]:
        for one in records:
            yield one

    return asyncio.run(summary(each()))["tags"][0]["verdicts"]


@pytest.mark.parametrize(
    ("kept", "word"),
    [
        (record(answer("delivered")), "delivered"),
        (record(answer("refused")), "refused"),
        (record(answer("credential", 401)), "refused"),
        (record(answer("retry", 503)), "failed"),
        (record(answer("no_answer", None)), "failed"),
        (record(None), "on its way"),
        (record(None, mode="dry"), NOT_SENT),
        (record(None, mode="dry", source="rule"), BY_LIVE),
        (record(None, mode="dry", source="tail"), BY_LIVE),
        (record(None, mode="dry", source="rule", draft=True), NOT_SENT),
        (record(None, mode="dry", source="rule", of_each={"why": "the event is too old"}), NOT_SENT),
    ],
)
def test_the_totals_say_what_became_of_each_request(kept: dict[str, Any], word: str) -> None:
    assert words_of(kept, kept) == {word: 2}


def test_a_line_of_the_list_has_the_worst_answer() -> None:
    refused, failed, good = answer("refused", 200, "code 40002: no"), answer("retry", 503), answer("delivered")
    assert brief(record())["answer"] is None
    assert brief(record(None))["answer"] is None
    for answers, worst in (((good, failed, refused), refused), ((good, None, failed), failed), ((good, good), good)):
        line = brief(record(*answers))
        assert (line["answer"], line["failed"]) == (worst, worst is not good)
    long = brief(record(answer("refused", 400, "x" * 500)))["answer"]
    assert len(long["reason"]) == LONGEST_REASON
