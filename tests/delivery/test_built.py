"""What preview shows of a request is what is sent: the bytes on the wire, each secret aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from yarl import URL

from container.delivery.built import Built
from container.effects import Request, Response
from container.secret import Secret, SecretText
from tests.delivery.harness import NOW, SECRETS, item_request, run
from tests.delivery.raw_sink import OK, claimed, sending, sink, transport

TOKEN = Secret("TIKTOK_TOKEN")
REQUESTS: dict[str, Callable[[str], Request]] = {
    "JSON": lambda at: Request("POST", at, json={"a": "é", "b": [1, None]}),
    "text": lambda at: Request("POST", at, body="x=é"),
    "bytes": lambda at: Request("DELETE", at, body=b"\xff\0"),
    "a type of its own": lambda at: Request("PUT", at, headers={"Content-type": "text/plain"}, body="a"),
    "no body": lambda at: Request("POST", at),
    "no body and no type": lambda at: Request("GET", at),
    "an address with signs": lambda at: Request("GET", f'{at}/%2f/é?a=%2F&b={{}}|"&c=a+b%20c;d#part'),
    "an address without path": lambda at: Request("PATCH", at.removesuffix("/a")),
    "headers": lambda at: Request(
        "GET", at, headers={"X-A": "1", "x-a": "2", "User-Agent": "me", "Accept": "a/b", "X-C": "café"}
    ),
    "a secret in a header": lambda at: Request("POST", at, headers={"Access-Token": SecretText(("Bearer ", TOKEN))}),
    "a secret in the address": lambda at: Request("GET", SecretText((f"{at}?key=", TOKEN, "&x=1"))),
}


def wire(built: Built) -> bytes:
    """The request as HTTP/1.1 writes it."""
    target = URL(built.url, encoded=True).raw_path_qs
    lines = [f"{built.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in built.headers)]
    return "\r\n".join((*lines, "", "")).encode() + built.body


@pytest.mark.parametrize("about", REQUESTS)
def test_what_is_built_is_what_is_sent(about: str) -> None:
    async def scenario() -> None:
        async with sink(sending(OK)) as vendor, transport() as sender:
            row = claimed(REQUESTS[about](f"http://127.0.0.1:{vendor.port}/a"))
            built = sender.built([row])
            assert isinstance(await sender.send([row], now=NOW), Response)
            shown = wire(built)
            assert SECRETS["TIKTOK_TOKEN"].encode() not in shown
            assert [shown.replace(str(TOKEN).encode(), SECRETS["TIKTOK_TOKEN"].encode())] == vendor.requests

    run(scenario())


def test_a_batch_is_built_as_it_is_sent() -> None:
    async def scenario() -> None:
        async with sink(sending(OK)) as vendor, transport() as sender:
            at = f"http://127.0.0.1:{vendor.port}/a"
            rows = [claimed(replace(item_request(number), url=at), number) for number in (1, 2)]
            built = sender.built(rows)
            await sender.send(rows, now=NOW)
            assert [wire(built).replace(str(TOKEN).encode(), SECRETS["TIKTOK_TOKEN"].encode())] == vendor.requests

    run(scenario())


def test_a_secret_in_a_body_is_shown_by_its_name_also_where_it_is_not_set() -> None:
    async def scenario() -> None:
        async with transport(mock=httpx.MockTransport(lambda _: httpx.Response(200))) as sender:
            built = sender.built([claimed(Request("POST", "https://a.example/", json={"key": Secret("NOBODYS")}))])
            assert built.body == b'{"key":"${secret:NOBODYS}"}'
            assert dict(built.headers)["content-length"] == str(len(built.body))

    run(scenario())


def test_an_address_that_is_none_is_told() -> None:
    async def scenario() -> None:
        async with transport(mock=httpx.MockTransport(lambda _: httpx.Response(200))) as sender:
            with pytest.raises(ValueError, match="the address is none"):
                sender.built([claimed(Request("GET", "https://xn--a/"))])

    run(scenario())


def test_an_answer_that_quotes_a_secret_is_bare_of_it() -> None:
    async def scenario() -> None:
        async with sink(sending(OK)) as vendor, transport() as sender:
            await sender.send([claimed(REQUESTS["a secret in a header"](f"http://127.0.0.1:{vendor.port}/"))], now=NOW)
            assert sender.bare(f"ada@example.com: {SECRETS['TIKTOK_TOKEN']}") == f"ada@example.com: {TOKEN}"

    run(scenario())
