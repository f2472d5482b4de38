"""A claim that rests on consent holds where the consent is granted for every event, after the container's default."""

from __future__ import annotations

from typing import Any

import pytest

from container.api import Claim, Consent, Event, Hit, Reply, SetCookie, Settings, Signal, client, variable
from container.config.model import ClientModel, ConsentDefault
from container.engine.run import run
from container.template import Reference, Template
from tests.engine.parts import a_container, a_hit, a_tag, a_variable, component
from variables.event_data import event_data

STATES = {"granted": True, "denied": False}


class Nothing(Settings):
    """Nothing to set."""


@client("knowing")
def knowing(settings: Nothing, hit: Hit) -> Claim:
    """One event per line: the state that it says, and what it says about the visitor."""
    lines = hit.body.decode().splitlines()
    return Claim(
        _events(hit, lines, visitor="known"),
        Reply(200, cookies=(SetCookie("id", "1"),)),
        consent="analytics_storage",
        otherwise=Claim(_events(hit, lines, visitor="unknown"), Reply(200)),
    )


def _events(hit: Hit, lines: list[str], *, visitor: str) -> list[Event]:
    said = [{"analytics_storage": Signal(STATES[line], "gcs")} if line in STATES else {} for line in lines]
    data = {"visitor": visitor, "page": "granted"}
    return [Event("e", {**data, "said": line}, hit, Consent(each)) for line, each in zip(lines, said, strict=True)]


def known(*lines: str, default: ConsentDefault = "denied", own: ConsentDefault | None = None, **parts: Any) -> bool:
    model = ClientModel("Knowing", component(knowing), Nothing(), 0, own)
    container = a_container(model, a_tag("Tag"), *parts.values(), consent=default)
    reply = run(container, a_hit(body="\n".join(lines).encode())).reply
    return bool(reply.cookies)


@pytest.mark.parametrize(
    ("lines", "holds"),
    [
        (["granted"], True),
        (["granted", "granted"], True),
        (["granted", "denied"], False),
        (["granted", "silent"], False),
        (["silent"], False),
        (["denied"], False),
    ],
)
def test_every_event_has_to_allow_it(lines: list[str], holds: bool) -> None:
    assert known(*lines) is holds


def test_where_nothing_is_said_the_default_decides() -> None:
    assert known("silent", default="granted")
    assert not known("denied", default="granted")
    assert not known("silent", default="granted", own="denied")
    assert known("silent", default={"analytics_storage": "granted"})


@pytest.mark.parametrize(("key", "holds"), [("page", True), ("visitor", False)])
def test_a_default_that_is_a_variable_sees_the_event_as_it_is_without(key: str, holds: bool) -> None:
    default = Template((Reference("Default"),))
    assert known("silent", default=default, variable=a_variable("Default", event_data, key=key)) is holds


@variable("raising")
def raising(settings: Nothing, event: Event) -> str:
    raise KeyError("ada@example.com")


def test_a_default_that_cannot_be_computed_grants_nothing_and_loses_no_hit() -> None:
    default = Template((Reference("R"),))
    assert not known("silent", default=default, r=a_variable("R", raising))
    assert known("granted", default=default, r=a_variable("R", raising))
