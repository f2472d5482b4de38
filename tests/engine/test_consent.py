"""The consent gate: signals, defaults, and what counts when nothing is said."""

from __future__ import annotations

from typing import Any

import pytest

from container.api import Event, Hit, Request, Settings, tag
from container.config.model import ClientModel, ConsentDefault
from container.engine.run import run
from container.engine.simulate import simulate
from container.template import Reference, Template
from tests.engine.parts import (
    TYPES,
    URL,
    a_client,
    a_container,
    a_hit,
    a_tag,
    a_trigger,
    a_variable,
    an_event,
    condition,
    hit_of,
    value_of,
)
from variables.constant import constant
from variables.lookup_table import lookup_table
from variables.url import url

GRANTED, DENIED = {"ad_storage": "granted"}, {"ad_storage": "denied"}


def reference(name: str) -> Template:
    return Template((Reference(name),))


def status(
    default: ConsentDefault,
    said: dict[str, str] | None = None,
    *parts: Any,
    needs: tuple[str, ...] = ("ad_storage",),
    client: ClientModel | None = None,
    **data: Any,
) -> tuple[str, str]:
    container = a_container(client or a_client(), *parts, a_tag("Tag", consent=needs), consent=default)
    hit = a_hit(an_event("purchase", data, said))
    found = simulate(container, hit)["events"][0]["tags"][0]
    assert run(container, hit).fired == (("Tag",) if found["status"] == "fired" else ())
    return found["status"], found["why"]


def test_a_tag_fires_when_all_that_it_needs_is_granted() -> None:
    both = ("ad_storage", "ad_user_data")
    assert status("denied", {"ad_storage": "granted", "ad_user_data": "granted"}, needs=both)[0] == "fired"
    assert status("denied", {"ad_storage": "granted", "ad_user_data": "denied"}, needs=both)[0] == "blocked_by_consent"


def test_a_tag_that_needs_nothing_fires_whatever_was_denied() -> None:
    assert status("denied", DENIED, needs=())[0] == "fired"


def test_denied_names_the_type_and_the_signal_that_said_so() -> None:
    found, why = status("granted", DENIED)
    assert found == "blocked_by_consent"
    assert "ad_storage" in why
    assert "denied (gcs)" in why
    assert "unset" not in why


def test_unset_and_denied_by_default_is_told_apart_from_denied() -> None:
    found, why = status("denied")
    assert found == "blocked_by_consent"
    assert "ad_storage" in why
    assert "unset" in why
    assert "default" in why
    assert "gcs" not in why


@pytest.mark.parametrize("default", ["granted", "denied"])
def test_a_signal_wins_over_the_default(default: Any) -> None:
    assert status(default, GRANTED)[0] == "fired"
    assert status(default, DENIED)[0] == "blocked_by_consent"


def test_a_default_may_differ_by_type() -> None:
    default: ConsentDefault = {"ad_storage": "granted", "ad_user_data": "denied", "custom": "granted"}
    assert status(default)[0] == "fired"
    assert status(default, needs=("ad_user_data",))[0] == "blocked_by_consent"
    assert status(default, needs=("custom",))[0] == "fired"


def test_a_type_that_a_mapping_does_not_name_is_denied() -> None:
    assert status({"ad_storage": "granted"}, needs=("analytics_storage",))[0] == "blocked_by_consent"


def test_a_type_that_google_does_not_know_takes_the_default_too() -> None:
    assert status("granted", needs=("own_type",))[0] == "fired"
    assert status("denied", needs=("own_type",))[0] == "blocked_by_consent"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("granted", "fired"), (" Granted ", "fired"), ("yes", "blocked_by_consent"), (None, "blocked_by_consent")],
)
def test_a_default_may_be_a_reference_and_anything_but_granted_is_denied(value: Any, expected: str) -> None:
    assert status(reference("event.banner"), banner=value)[0] == expected
    assert status({"ad_storage": reference("event.banner")}, banner=value)[0] == expected


def test_a_default_may_refer_to_a_variable_with_a_usual_place_in_the_event() -> None:
    market = a_variable("Host", url, component="hostname")
    table = a_variable("Default", lookup_table, input="{{ Host }}", table={"us.example": "granted"}, default="denied")
    for host, expected in (("us.example", "fired"), ("de.example", "blocked_by_consent")):
        found, _ = status(reference("Default"), None, market, table, page_location=f"https://{host}/")
        assert found == expected


def test_a_clients_own_default_replaces_the_containers() -> None:
    assert status("granted", client=a_client(consent="denied"))[0] == "blocked_by_consent"
    assert status("denied", client=a_client(consent="granted"))[0] == "fired"
    assert status({"ad_storage": "denied"}, client=a_client(consent="granted"))[0] == "fired"


def test_a_clients_mapping_leaves_other_types_to_the_containers_default() -> None:
    own = a_client(consent={"ad_storage": "denied"})
    assert status("granted", client=own)[0] == "blocked_by_consent"
    assert status("granted", client=own, needs=("ad_user_data",))[0] == "fired"
    by_type: ConsentDefault = {"ad_storage": "granted", "ad_user_data": "granted"}
    assert status(by_type, client=own)[0] == "blocked_by_consent"
    assert status(by_type, client=own, needs=("ad_user_data",))[0] == "fired"
    assert status(by_type, client=own, needs=("analytics_storage",))[0] == "blocked_by_consent"


def test_the_default_belongs_to_the_client_that_claimed_the_hit() -> None:
    container = a_container(
        a_client("Server", consent="granted", paths="/server"),
        a_client("Web", paths="/web"),
        a_tag("Tag", consent=("ad_storage",)),
        consent="denied",
    )
    assert run(container, a_hit(path="/server")).fired == ("Tag",)
    assert run(container, a_hit(path="/web")).fired == ()


def test_a_simulation_shows_what_counts_for_each_type() -> None:
    container = a_container(consent={"ad_user_data": "granted", "own_type": "granted"})
    shown = simulate(container, a_hit(an_event(consent={"ad_storage": "granted", "extra": "denied"})))
    assert shown["events"][0]["consent"] == {
        "ad_storage": "granted",
        "extra": "denied",
        "analytics_storage": "denied",
        "ad_user_data": "granted",
        "ad_personalization": "denied",
        "own_type": "granted",
    }


class Nothing(Settings):
    pass


def test_a_tag_sees_the_consent_that_counts_with_its_source() -> None:
    @tag("reads_consent", consent=[])
    def reads_consent(settings: Nothing, event: Event) -> Request:
        states = {name: [event.consent.state(name), event.consent.source(name)] for name in TYPES}
        return Request("POST", URL, json=states)

    container = a_container(a_tag("Tag", reads_consent), consent={"ad_user_data": "granted"})
    (planned,) = run(container, a_hit(an_event(consent=GRANTED))).planned
    assert planned.request.json == {
        "ad_storage": ["granted", "gcs"],
        "analytics_storage": ["denied", "default"],
        "ad_user_data": ["granted", "default"],
        "ad_personalization": ["denied", "default"],
    }


@pytest.mark.parametrize(
    ("name", "expected"), [("ad_storage", "granted"), ("ad_user_data", "denied"), ("own_type", "denied")]
)
def test_a_reference_reads_the_consent_that_counts(name: str, expected: str) -> None:
    hit: Hit = a_hit(an_event(consent=GRANTED))
    assert value_of("{{ consent." + name + " }}", hit, consent="denied") == expected


def test_a_trigger_may_ask_for_consent() -> None:
    container = a_container(
        a_trigger("Allowed", condition("{{ consent.ad_storage }}", equals="granted")),
        a_tag("Tag", triggers=("Allowed",)),
        consent="denied",
    )
    assert run(container, a_hit(an_event(consent=GRANTED))).fired == ("Tag",)
    assert run(container, hit_of()).fired == ()


def test_a_constant_may_be_the_default() -> None:
    assert status(reference("Always"), None, a_variable("Always", constant, value="granted"))[0] == "fired"


@pytest.mark.parametrize(("said", "expected"), [(GRANTED, "fired"), (None, "blocked_by_consent")])
def test_a_default_that_goes_round_through_consent_itself_comes_to_an_end(said: Any, expected: str) -> None:
    table = {"granted": "granted"}
    round_trip = a_variable("Default", lookup_table, input="{{ consent.ad_storage }}", table=table, default="denied")
    assert status(reference("Default"), said, round_trip)[0] == expected
    assert status(reference("Default"), said, round_trip, needs=("ad_user_data",))[0] == expected
