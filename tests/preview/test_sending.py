"""One request of a preview, the answer to it, and what the answer means."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from container.delivery.judging import Judge, Judges
from container.delivery.row import Row, row_of
from container.delivery.transport import Transport
from container.effects import Request, Verdict
from container.engine.outcome import Planned
from container.preview.sending import LONGEST_BODY, Vendors, answer_to, body_of, request_of
from container.secret import Secret
from tests.delivery.harness import NOW
from tests.preview.parts import JUDGES, TOKEN, VENDOR, Vendor


def a_row(type: str = "pixel", *, url: str = VENDOR, named: str = "TOKEN", format: int = 1) -> Row:
    request = Request("POST", url, headers={"Authorization": Secret(named)}, json={"a": 1})  # type: ignore[dict-item]  # as text with one part
    return row_of(Planned("1" * 32, "Pixel", type, format, request, "purchase", NOW), now=NOW)


async def _asked(vendor: Vendor, row: Row, judges: Judges = JUDGES) -> dict[str, Any]:
    transport = Transport(httpx.MockTransport(vendor), {"TOKEN": TOKEN}.get)
    times = iter((1.0, 1.5))
    checked: Vendors = transport
    try:
        return (await answer_to(checked, row, judges, now=NOW, monotonic=lambda: next(times))).answer
    finally:
        await transport.close()


def asked(answer: httpx.Response | Exception, row: Row | None = None) -> dict[str, Any]:
    def said(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return asyncio.run(_asked(Vendor(said), row or a_row()))


def test_an_answer_is_told_with_its_verdict() -> None:
    assert asked(httpx.Response(202, headers={"X-Log": "1"}, json={"said": "ok"})) == {
        "status": 202,
        "headers": [["x-log", "1"], ["content-length", "13"], ["content-type", "application/json"]],
        "body": '{"said":"ok"}',
        "seconds": 0.5,
        "attempt": 1,
        "verdict": "delivered",
        "reason": "",
    }
    refused = asked(httpx.Response(200, json={"said": "no such pixel"}))
    assert (refused["verdict"], refused["reason"]) == ("refused", "no such pixel")


def test_no_answer_is_told_with_its_cause() -> None:
    found = asked(httpx.ConnectError("no"))
    assert found["status"] is None
    assert (found["verdict"], found["reason"], found["body"]) == ("no_answer", "no connection", "")
    missing = asked(httpx.Response(200), a_row(named="NOBODYS"))
    assert (missing["verdict"], missing["reason"]) == ("missing_secret", 'the secret "NOBODYS" is not set')


def test_an_answer_never_holds_the_secret_that_was_sent() -> None:
    body = f"{'a' * (LONGEST_BODY - 5)}{TOKEN}{'b' * LONGEST_BODY}"
    found = asked(httpx.Response(401, headers={"x-token": TOKEN}, json={"said": body}))
    assert len(found["body"]) == LONGEST_BODY
    assert TOKEN[:5] not in str(found)
    assert dict(found["headers"])["x-token"] == "${secret:TOKEN}"
    assert "${secret:TOKEN}" in found["reason"]


def test_a_judge_that_raises_is_told_and_no_more() -> None:
    found = asked(httpx.Response(500, text=f"nothing that is JSON, and {TOKEN}"))
    assert found["verdict"] == "retry"
    assert found["reason"] == "the answer could not be judged: TypeError"
    assert found["body"] == "nothing that is JSON, and ${secret:TOKEN}"


@pytest.mark.parametrize(("type", "format"), [("elsewhere", 1), ("pixel", 99)])
def test_an_answer_that_nobody_here_can_judge_is_told(type: str, format: int) -> None:
    found = asked(httpx.Response(200), a_row(type, format=format))
    assert (found["verdict"], found["reason"]) == ("credential", f'the component "{type}" is not here')


def test_a_request_is_shown_without_its_secret() -> None:
    transport = Transport(httpx.MockTransport(Vendor()), {"TOKEN": TOKEN}.get)
    shown = request_of(transport, a_row())
    assert (shown["method"], shown["url"], shown["body"]) == ("POST", VENDOR, '{"a":1}')
    assert ["authorization", "${secret:TOKEN}"] in shown["headers"]
    with pytest.raises(ValueError, match="the address is none"):
        request_of(transport, a_row(url="https://xn--a/"))


def test_a_body_that_is_no_text_is_shown_in_base64() -> None:
    assert body_of("é".encode()) == {"body": "é"}
    assert body_of(b"\xff\0") == {"body_base64": "/wA="}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (Verdict("delivered", "one is bad", refused=(0,)), "refused"),
        (Verdict("delivered", "one is to come again", again=(0,)), "retry"),
        (Verdict("delivered", "another is bad", refused=(1,), again=(2,)), "delivered"),
        (Verdict("refused", "one is bad", refused=(0,)), "refused"),
    ],
)
def test_what_an_answer_says_of_the_first_of_a_batch_is_said_of_the_only_one(given: Verdict, meant: str) -> None:
    def judges(_type: str, _format: int) -> Judge:
        return lambda _answer: given

    found = asyncio.run(_asked(Vendor(), a_row(), judges))
    assert (found["verdict"], found["reason"]) == (meant, given.reason)
