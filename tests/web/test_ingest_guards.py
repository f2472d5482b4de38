"""`once_per` and copies at the door: what the store says of the guards decides the reply and the counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from container.api import Event, Request, SetCookie, Settings, tag
from container.config.registry import Registry
from container.web.current import Current
from tests.containers_of import container_of
from tests.web.parts import HOOK, Answer, Call, Site, ask, collect, run, site
from triggers.event import event as event_trigger

FILE = """
version: 1
clients: {Test: {type: collect}}
triggers: {Every: {}}
tags:
  Once: {type: marked, triggers: Every, once_per: {key: "{{ event.order }}", within: 1h}}
  Always: {type: other, triggers: Every}
"""


class Nothing(Settings):
    """Nothing to set."""


@tag("marked", consent=())
def marked(settings: Nothing, event: Event) -> list[Request | SetCookie]:
    """Sends the event and leaves a cookie."""
    return [Request("POST", HOOK, json=dict(event.data)), SetCookie("marked", "1")]


@tag("other", consent=())
def other(settings: Nothing, event: Event) -> list[Request | SetCookie]:
    """Sends the event's name and leaves a cookie."""
    return [Request("POST", HOOK, json={"name": event.name, "n": event.data.get("n")}), SetCookie("other", "1")]


def asked(folder: Path, *targets: str) -> tuple[list[Answer], int, Mapping[str, float]]:
    """The answers, the rows that wait, and how often each tag fired."""

    async def work() -> tuple[list[Answer], int, Mapping[str, float]]:
        registry = Registry.of([collect, marked, other, event_trigger])
        current = Current(container_of(FILE, registry))
        async with site(folder) as here:
            ingest = replace(here.ingest, current=current)
            answers = [await ask(ingest, Call(target=target)) for target in targets]
            fired = {name: _fired(here, name) for name in ("Once", "Always")}
            return [answer for answer in answers if answer is not None], await here.waiting(), fired

    return run(work())


def _fired(here: Site, name: str) -> float:
    return here.decided(name, "fired")


def cookies(answer: Answer) -> list[str]:
    return [cookie.split("=")[0] for cookie in answer.all("set-cookie")]


def test_a_second_hit_with_the_key_gets_neither_a_row_nor_the_cookie(tmp_path: Path) -> None:
    answers, waiting, fired = asked(
        tmp_path, "/collect?name=purchase&order=A&n=1", "/collect?name=purchase&order=A&n=2"
    )
    assert [answer.status for answer in answers] == [204, 204]
    assert [cookies(answer) for answer in answers] == [["marked", "other"], ["other"]]
    assert (waiting, fired) == (3, {"Once": 1, "Always": 2})


def test_a_copy_is_answered_like_the_first_and_not_delivered_again(tmp_path: Path) -> None:
    target = "/collect?name=purchase&order=&event_id=e-1&n=1"
    answers, waiting, fired = asked(tmp_path, target, target, target + "1")
    assert [answer.status for answer in answers] == [204, 204, 204]
    assert [cookies(answer) for answer in answers] == [["marked", "other"], [], ["marked", "other"]]
    assert (waiting, fired) == (4, {"Once": 2, "Always": 2})
