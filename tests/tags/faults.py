"""What each tag's vendor answers when something is wrong, as data in the tag's folder: `delivery/faults.yaml`.

`settings`: the least that the tag needs. `event`: one that it sends, with `hit` if that counts. Each event of a test
has a mark of its own under `event_id` and `transaction_id`: one of them has to come through to the vendor. `taken`: the
answer to what is good. `faults`: for each of `FAULTS` the answers that mean it, and of a batch that is taken in part
the places that are `refused`. `never`: the faults that this vendor does not have, each with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from container.case import event_from_json, hit_from_json
from container.component import Component
from container.config.registry import discover
from container.config.source import plain, read
from container.effects import Request
from container.engine.run import effects_of
from container.event import Event
from container.fields import Settings
from container.testing import resolved

FAULTS: Mapping[str, str] = {
    "too_many_requests": "events wait, and none is lost",
    "server_error": "events wait, and none is lost",
    "unreadable_answer": "events wait, and none is lost",
    "revoked_credential": "the lane holds still, and keeps every event",
    "partial_failure": "the named events of a batch are dead letters, the others are delivered",
    "refused_batch": "of a batch that is refused for one event, this one is a dead letter",
}
"""What may go wrong at a vendor, and what becomes of events then. Nobody needs data for no answer at all."""

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Answer:
    """`refused`: the places of a batch that this answer refuses."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    refused: tuple[int, ...]

    def response(self) -> httpx.Response:
        return httpx.Response(self.status, headers=dict(self.headers), content=self.content)


@dataclass(frozen=True, slots=True)
class Vendor:
    """A tag, an event for it, and what its vendor answers."""

    tag: Component
    settings: Mapping[str, Any]
    event: Mapping[str, Any]
    hit: Mapping[str, Any]
    taken: Answer
    faults: Mapping[str, Sequence[Answer]]
    never: Mapping[str, str]

    def requests(self, mark: str, *, received: int) -> list[Request]:
        """What the tag sends for an event with this mark."""
        data = {**self.event["data"], "event_id": mark, "transaction_id": mark}
        event = event_from_json({**self.event, "data": data}, hit_from_json({**self.hit, "time": received}))
        return [effect for effect in self.effects(event) if isinstance(effect, Request)]

    def effects(self, event: Event) -> Sequence[object]:
        settings = resolved(self.tag.settings or Settings, self.settings, event)
        assert isinstance(settings, Settings), f"{self.tag.type}: the settings lack something"
        return effects_of(self.tag.function(settings, event))


TAGS = discover().of_kind("tag")


def file_of(tag: Component) -> Path:
    return FOLDER / tag.type / "delivery" / "faults.yaml"


def vendor_of(tag: Component) -> Vendor:
    """What the tag's folder says of its vendor."""
    source = read(file_of(tag).read_text(encoding="utf-8"))
    assert not source.problems, source.problems
    assert source.root is not None
    content = plain(source.root)
    assert isinstance(content, dict)
    faults = {name: [_answer(each) for each in answers] for name, answers in content["faults"].items()}
    return Vendor(
        tag,
        content["settings"],
        content["event"],
        content.get("hit") or {},
        _answer(content["taken"]),
        faults,
        content.get("never") or {},
    )


def told(fault: str) -> list[tuple[Vendor, Answer]]:
    """Every vendor with every answer of its that means the fault."""
    return [(vendor, answer) for vendor in VENDORS for answer in vendor.faults.get(fault, ())]


def names(cases: Sequence[tuple[Vendor, Answer]]) -> list[str]:
    return [f"{vendor.tag.type}-{answer.status}-{answer.content[:24].decode()}" for vendor, answer in cases]


def _answer(written: Mapping[str, Any]) -> Answer:
    assert written.keys() <= {"status", "headers", "json", "text", "refused"}, written
    content = orjson.dumps(written["json"]) if "json" in written else str(written.get("text", "")).encode()
    return Answer(written.get("status", 200), written.get("headers") or {}, content, tuple(written.get("refused", ())))


VENDORS = [vendor_of(tag) for tag in TAGS if file_of(tag).is_file()]
