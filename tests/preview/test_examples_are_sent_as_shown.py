"""For every tag of every example container: what arrives is what preview shows, byte for byte, secrets aside."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from container.config.load import load
from container.config.model import ContainerModel, TagModel
from container.config.registry import discover
from container.delivery.judging import judges_of
from container.delivery.transport import Transport, vendor_transport
from container.engine.compile import compile_container
from container.engine.container import Container
from container.engine.story import secret_text
from container.preview.recorder import Recorder
from container.preview.sessions import Sessions
from container.sandbox.tiktok import TRACK
from tests.delivery.harness import LOOPBACK
from tests.delivery.raw_sink import OK, sending, sink
from tests.sandbox.parts import Sandbox
from tests.test_containers import EXAMPLES, ROOT, name_of

FILES = [*EXAMPLES, *sorted((ROOT / "docs" / "examples" / "types").glob("*.yaml"))]
REGISTRY = discover()
JUDGES = judges_of(REGISTRY.of_kind("tag"))
SECRET = re.compile(r"\$\{secret:([A-Z_]+)\}")


def model_of(path: Path) -> ContainerModel:
    text = path.read_text(encoding="utf-8")
    found = load(
        text,
        filename=path.name,
        registry=REGISTRY,
        environment={},
        secrets=secret_text,
        strict_environment=False,
        folder=path.parent,
    )
    assert found.model is not None, found.report()
    return found.model


def pointed(tag: TagModel, port: int) -> TagModel:
    """The tag, sending to loopback."""
    assert tag.settings is not None
    field = "endpoint" if "endpoint" in type(tag.settings).model_fields else "url"
    return replace(tag, settings=tag.settings.model_copy(update={field: f"http://127.0.0.1:{port}{TRACK}"}))


def on_the_wire(shown: dict[str, Any]) -> bytes:
    """A request of Outgoing as HTTP/1.1 writes it, with the values that the transport knows of its secrets."""
    lines = [f"{shown['method']} {URL(shown['url'], encoded=True).raw_path_qs} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in shown["headers"]]
    return SECRET.sub(lambda found: value_of(found[1]), "\r\n".join((*lines, "", shown["body"]))).encode()


def value_of(name: str) -> str:
    return f"value-of-{name.lower()}"


async def sent_and_shown(model: ContainerModel) -> tuple[Sequence[bytes], Sequence[dict[str, Any]]]:
    """What arrived on loopback and what the records show, of all the hits of a container's own tests."""
    async with sink(sending(OK)) as vendor:
        tags = {name: pointed(tag, vendor.port) for name, tag in model.tags.items()}
        compiled = compile_container(replace(model, tags=tags), debug=True)

        async def live() -> Container:
            return compiled

        transport = Transport(vendor_transport(LOOPBACK), value_of)
        hits = [hit for story in model.tests for hit in story.hits]
        hits += [story.event.hit for story in model.tests if story.event is not None]
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


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_what_arrives_is_what_outgoing_shows(path: Path) -> None:
    model = model_of(path)
    arrived, shown = asyncio.run(sent_and_shown(model))
    left = [each for each in shown if each["mode"] == "send"]
    assert {each["tag"] for each in left} == {name for name, tag in model.tags.items() if not tag.paused}
    assert sorted(map(on_the_wire, left)) == sorted(arrived)
    assert all(each["answer"]["status"] == 200 for each in left)


def test_the_sandbox_reads_in_it_what_outgoing_shows() -> None:
    sandbox = Sandbox()
    shown = [each for path in FILES for each in asyncio.run(sent_and_shown(model_of(path)))[1]]
    bodies = [each["body"] for each in shown if '"event_source_id"' in each["body"]]
    for body in bodies:
        sandbox.track(body.encode())
    assert [each["body"] for each in sandbox.received()] == [json.loads(body) for body in bodies]
