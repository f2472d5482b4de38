"""For every tag of every container that we show: what arrives is what preview shows, byte for byte, secrets aside."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from yarl import URL

from container.config.model import ContainerModel, TagModel
from container.delivery.judging import judges_of
from container.delivery.transport import Transport, vendor_transport
from container.engine.compile import compile_container
from container.engine.container import Container
from container.event import Hit
from container.preview.recorder import Recorder
from container.preview.sessions import Sessions
from container.sandbox.tiktok import TRACK
from tests.delivery.harness import LOOPBACK
from tests.delivery.raw_sink import OK, sending, sink
from tests.preview.examples import ELSEWHERE, FILES, NEEDED, REGISTRY, SHOWN, hits_of, model_of, value_of
from tests.sandbox.parts import Sandbox
from tests.test_containers import ROOT, name_of

JUDGES = judges_of(REGISTRY.of_kind("tag"))
SECRET = re.compile(r"\$\{secret:([A-Z0-9_]+)\}")


def pointed(tag: TagModel, port: int) -> TagModel:
    """The tag, sending to loopback."""
    assert tag.settings is not None
    field = "endpoint" if "endpoint" in type(tag.settings).model_fields else "url"
    return replace(tag, settings=tag.settings.model_copy(update={field: f"http://127.0.0.1:{port}{TRACK}"}))


def on_the_wire(shown: dict[str, Any]) -> bytes:
    """A request of Outgoing as HTTP/1.1 writes it, with the values that the transport knows of its secrets."""
    body = _filled(shown["body"])
    lines = [f"{shown['method']} {URL(_filled(shown['url']), encoded=True).raw_path_qs} HTTP/1.1"]
    # The length that is shown is that of the body as it is shown: of a secret it tells nothing.
    own = {"content-length": str(len(body.encode()))}
    lines += [f"{name}: {own.get(name, value)}" for name, value in shown["headers"]]
    return "\r\n".join((*map(_filled, lines), "", body)).encode()


def _filled(text: str) -> str:
    return SECRET.sub(lambda found: value_of(found[1]), text)


async def sent_and_shown(
    model: ContainerModel, hits: Sequence[Hit]
) -> tuple[Sequence[bytes], Sequence[dict[str, Any]]]:
    """What arrived on loopback and what the records show, of all these hits."""
    async with sink(sending(OK)) as vendor:
        tags = {name: pointed(tag, vendor.port) for name, tag in model.tags.items()}
        compiled = compile_container(replace(model, tags=tags), debug=True)

        async def live() -> Container:
            return compiled

        transport = Transport(vendor_transport(LOOPBACK), value_of)
        clock = max(hit.received for hit in hits) / 1000
        recorder = Recorder(Sessions(), live, transport, JUDGES, clock=lambda: clock)
        session = recorder.sessions.start(clock)
        session.mode = "send"
        try:
            for hit in hits:
                await recorder.take(session, hit, "composed")
                await recorder.settled()
        finally:
            await recorder.close()
            await transport.close()
        return vendor.requests, [each for _, record in session.records.since(0) for each in record["outgoing"]]


def test_every_container_that_is_shown_is_found() -> None:
    assert SHOWN.keys() >= NEEDED | {name_of(path) for path in FILES}
    assert {name_of(path) for path in (ROOT / "docs" / "examples").rglob("*.yaml")} <= SHOWN.keys()
    assert ELSEWHERE.keys() == {"docs/how-to/add-a-tag.md"}


@pytest.mark.parametrize("name", SHOWN)
def test_what_arrives_is_what_outgoing_shows(name: str) -> None:
    model = model_of(name)
    arrived, shown = asyncio.run(sent_and_shown(model, hits_of(name)))
    left = [each for each in shown if each["mode"] == "send"]
    # A tag of which nothing left would be one of which nothing was shown.
    assert {each["tag"] for each in left} == {name for name, tag in model.tags.items() if not tag.paused}
    assert sorted(map(on_the_wire, left)) == sorted(arrived)
    assert all(each["answer"]["status"] == 200 for each in left)


def test_the_sandbox_reads_in_it_what_outgoing_shows() -> None:
    sandbox = Sandbox()
    names = [name_of(path) for path in FILES]
    shown = [each for name in names for each in asyncio.run(sent_and_shown(model_of(name), hits_of(name)))[1]]
    bodies = [each["body"] for each in shown if '"event_source_id"' in each["body"]]
    for body in bodies:
        sandbox.track(body.encode())
    assert [each["body"] for each in sandbox.received()] == [json.loads(body) for body in bodies]
