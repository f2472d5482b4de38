"""Orders that somebody makes up: what stands between them and the tags, from the request on."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.measurement_protocol import measurement_protocol
from container.config.registry import Registry
from container.engine.container import Container
from tests.containers_of import container_of
from tests.web.parts import Site, hook, run, site
from triggers.event import event as event_trigger

FILE = """
version: 1
container: {name: Test, id: T-1}
consent: {default: granted}
clients:
  Orders:
    type: measurement_protocol
    api_secret: ["${secret:NEW}", "${secret:OLD}"]
    measurement_ids: [G-OURS]
triggers: {Every: {}}
tags: {Hook: {type: hook, triggers: [Every]}}
"""
SECRETS = {"NEW": "schl\u00fcssel-\U0001f511", "OLD": "an-old-secret"}
ORDER = b'{"client_id": "1.2", "events": [{"name": "purchase"}]}'


def guarded() -> Container:
    return container_of(FILE, Registry.of([measurement_protocol, hook, event_trigger]), SECRETS.get)


async def sent(here: Site, query: str, **call: object) -> int:
    here.ingest.current.container = guarded()
    return (await here.ask(target=f"/mp/collect?{query}", method="POST", chunks=[ORDER], **call)).status


@pytest.mark.parametrize(
    "query",
    [
        "measurement_id=G-OURS&api_secret=an-old-secret",
        "measurement_id=G-OURS&api_secret=schl%C3%BCssel-%F0%9F%94%91",
        "measurement_id=G-OURS&api_secret=schl\u00fcssel-\U0001f511",
        "measurement_id=G-OURS&api_secret=wrong&api_secret=an-old-secret",
    ],
)
def test_each_secret_lets_an_order_in(tmp_path: Path, query: str) -> None:
    async def work() -> tuple[int, int]:
        async with site(tmp_path) as here:
            return await sent(here, query), await here.waiting()

    assert run(work()) == (204, 1)


@pytest.mark.parametrize(
    "secret",
    [
        None,
        "",
        "wrong",
        "an-old-secre",
        "an-old-secret%20",
        "an-old-secret%00",
        "AN-OLD-SECRET",
        "schl\u00fcssel",
        "schlu%CC%88ssel-%F0%9F%94%91",
        "schl%FCssel-%F0%9F%94%91",
        "%FF%FE",
        "%ED%A0%80",
        "\ud7ff",
        "%24%7Bsecret:OLD%7D",
        "$%7Bsecret:OLD%7D",
        "an-old-secret,schl%C3%BCssel-%F0%9F%94%91",
        "x" * 10_000,
    ],
)
def test_an_order_without_the_secret_is_refused_and_leads_to_nothing(tmp_path: Path, secret: str | None) -> None:
    async def work() -> tuple[int, int, float]:
        async with site(tmp_path) as here:
            query = "measurement_id=G-OURS" + ("" if secret is None else f"&api_secret={secret}")
            status = await sent(here, query)
            return status, await here.waiting(), here.metric("hits_refused_total", reason="by_client")

    assert run(work()) == (401, 0, 1)


@pytest.mark.parametrize("where", ["api-secret", "x-api-secret", "authorization", "cookie"])
def test_a_secret_that_stands_elsewhere_opens_nothing(tmp_path: Path, where: str) -> None:
    async def work() -> int:
        async with site(tmp_path) as here:
            headers = [("host", "t.shop.example"), (where, "api_secret=an-old-secret")]
            return await sent(here, "measurement_id=G-OURS", headers=headers)

    assert run(work()) == 401


@pytest.mark.parametrize(
    "stream", ["", "measurement_id=G-THEIRS&", "measurement_id=g-ours&", "firebase_app_id=G-THEIRS&"]
)
def test_an_order_for_another_stream_is_nobodys_even_with_the_secret(tmp_path: Path, stream: str) -> None:
    async def work() -> tuple[int, int]:
        async with site(tmp_path) as here:
            return await sent(here, f"{stream}api_secret=an-old-secret"), await here.waiting()

    assert run(work()) == (404, 0)
