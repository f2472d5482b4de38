"""Secrets travel as names: through tables and text, into the fields that are made for them, and nowhere else."""

from __future__ import annotations

import pytest
from pydantic import Field

from container.api import AliasChoices, Confidential, Dynamic, Event, Request, Secret, Settings, bearer, tag
from container.engine.run import run
from container.secret import Secret as SecretName
from container.secret import SecretText, digest
from tests.engine.parts import URL, a_container, a_hit, a_tag, a_variable, hit_of, said, tags_of
from variables.constant import constant
from variables.first_of import first_of
from variables.lookup_table import lookup_table


class Keyed(Settings):
    token: Secret
    header: Confidential = None
    label: Dynamic[str] | None = None
    choice: Dynamic[str] = Field(default="x", validation_alias=AliasChoices("choice", "choose"))


@tag("keyed", consent=[])
def keyed(settings: Keyed, event: Event) -> Request:
    assert isinstance(settings.token, SecretName)
    headers = {"authorization": bearer(settings.token)}
    if isinstance(settings.header, (SecretText, SecretName)):
        headers["x-key"] = (
            SecretText((settings.header,)) if isinstance(settings.header, SecretName) else settings.header
        )
    return Request("POST", URL, headers=headers, json={"token": settings.token, "label": settings.label})


MARKET = a_variable(
    "Market",
    lookup_table,
    input="{{ event.shop }}",
    table={"eu": {"pixel": "P1", "token": "${secret:EU_TOKEN}"}, "us": {"pixel": "P2", "token": "literal"}},
)


def test_a_secret_travels_through_a_look_up_table_and_shows_as_its_reference() -> None:
    container = a_container(
        MARKET, a_tag("Tag", keyed, {"token": "{{ Market.token }}", "header": "Key {{ Market.token }}!"})
    )
    (planned,) = run(container, hit_of(shop="eu")).planned
    assert planned.request.json["token"] == SecretName("EU_TOKEN")
    assert planned.request.headers["x-key"] == SecretText(("Key ", SecretName("EU_TOKEN"), "!"))
    (shown,) = tags_of(container, hit_of(shop="eu"))["Tag"]["requests"]
    assert shown["headers"] == {"authorization": "Bearer ${secret:EU_TOKEN}", "x-key": "Key ${secret:EU_TOKEN}!"}
    assert shown["json"] == {"token": "${secret:EU_TOKEN}", "label": None}


def test_a_secret_text_inside_text_stays_in_parts() -> None:
    auth = a_variable("Auth", first_of, values=["{{ event.no }}", "Basic ${secret:PAIR}"])
    container = a_container(auth, a_tag("Tag", keyed, {"token": "${secret:T}", "header": "{{ Auth }} {{ event.n }}"}))
    (planned,) = run(container, hit_of(n=1)).planned
    assert planned.request.headers["x-key"] == SecretText(("Basic ", SecretName("PAIR"), " ", "1"))


@pytest.mark.parametrize("shop", ["us", "unknown"])
def test_a_secret_field_without_a_secret_holds_the_tag_back(shop: str) -> None:
    container = a_container(MARKET, a_tag("Tag", keyed, {"token": "{{ Market.token }}"}))
    found = tags_of(container, hit_of(shop=shop))["Tag"]
    assert found["status"] == "incomplete"
    assert '"token"' in found["why"]
    assert "literal" not in found["why"]


@pytest.mark.parametrize("written", ["{{ Market.token }}", "a {{ Market.token }}"])
def test_a_secret_never_becomes_the_value_of_an_ordinary_field(written: str) -> None:
    container = a_container(MARKET, a_tag("Tag", keyed, {"token": "${secret:T}", "label": written}))
    found = tags_of(container, hit_of(shop="eu"))["Tag"]
    assert found["requests"][0]["json"]["label"] is None
    assert '"label" is left out' in found["why"]


def test_a_secrets_value_is_in_no_outcome() -> None:
    secret = SecretName("TOKEN", digest("hunter2"))
    variable_model = a_variable("Key", constant, value=secret)
    container = a_container(variable_model, a_tag("Tag", keyed, {"token": "{{ Key }}", "label": "{{ Key }}"}))
    for shown in (repr(run(container, a_hit())), str(tags_of(container, a_hit()))):
        assert "hunter2" not in shown
        assert digest("hunter2").hex() not in shown
        assert str(digest("hunter2")) not in shown


def test_a_mapping_with_a_secret_in_text_shows_its_reference() -> None:
    container = a_container(MARKET, a_tag("Tag", values={"json_body": "all: {{ Market }}"}))
    assert said(container, hit_of(shop="eu")) == 'all: {"pixel":"P1","token":"${secret:EU_TOKEN}"}'
