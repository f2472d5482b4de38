"""What a demonstration changes in a container, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from container.api import Event, Request, Secret, Settings, tag
from container.cli.build import Built, build, consent_line, plain_endpoints
from container.cli.demo import demo_secret, demo_value
from container.cli.scene import demo_notice
from container.cli.sources import Sources, secrets_from
from container.config.registry import Registry, discover
from container.effects import Request as Effect

SANDBOX = {"tiktok": "http://127.0.0.1:1/track/"}


class Mail(Settings):
    key: Secret


@tag("mail", consent=())
def mail(settings: Mail, event: Event) -> Request:
    """A tag type that has no endpoint setting."""
    return Effect("POST", "https://mail.example/")


OURS = [component.function for component in discover().components.values()]
REGISTRY = Registry.of([*OURS, mail])

FILE = """
version: 1
container: {name: Demo, id: D-1}
clients: {GA4: {type: ga4}}
variables:
  Market: {type: lookup_table, input: "{{ Page Hostname }}", table: {a: {token: "${secret:UNSET}", pixel: "P"}}}
  Middle: {type: first_of, values: ["{{ Market.token }}"]}
triggers: {Every: {}}
tags:
  Unset secret: {TIKTOK, pixel_id: A, access_token: "${secret:UNSET}"}
  Unset pixel: {TIKTOK, pixel_id: "${PIXEL}", access_token: "${secret:SET}"}
  Through variables: {TIKTOK, pixel_id: A, access_token: "{{ Middle }}"}
  All set: {TIKTOK, pixel_id: "${SET}", access_token: "${secret:SET}"}
  Default: {TIKTOK, pixel_id: "${OTHER:-A}", access_token: "${secret:SET}"}
  Mail: {type: mail, triggers: [Every], key: "${secret:UNSET}"}
  Mail that is set: {type: mail, triggers: [Every], key: "${secret:SET}"}
""".replace("TIKTOK", "type: tiktok_events_api, triggers: [Every], browser: {pixel: true}")


@pytest.fixture
def built(tmp_path: Path) -> Built:
    return build(sources(tmp_path, FILE), SANDBOX)


def sources(folder: Path, text: str) -> Sources:
    path = folder / "container.yaml"
    path.write_text(text, encoding="utf-8")
    environment = {"SET": "C1"}
    return Sources(path, REGISTRY, environment, secrets_from(None, environment), strict=True)


def test_tags_with_something_unset_go_to_the_sandbox(built: Built) -> None:
    assert built.demo is not None, built.loaded.report()
    assert built.demo.pointed == ["Unset secret", "Unset pixel", "Through variables"]
    endpoints = {name: getattr(each.settings, "endpoint", None) for name, each in built.demo.model.tags.items()}
    assert {name for name, endpoint in endpoints.items() if endpoint == SANDBOX["tiktok"]} == set(built.demo.pointed)


def test_tags_that_cannot_be_pointed_elsewhere_are_paused(built: Built) -> None:
    assert built.demo is not None
    assert built.demo.paused == ["Mail"]
    assert [name for name, each in built.demo.model.tags.items() if each.paused] == ["Mail"]


def test_the_notice_names_every_tag_that_is_not_as_the_file_says(built: Built) -> None:
    assert built.demo is not None
    notice = demo_notice(built.demo)
    assert notice == (
        "This is a demonstration. References of these tags are not set, so they send to the sandbox: "
        '"Unset secret", "Unset pixel", "Through variables". '
        'These tags are paused, since there is no stand-in for them: "Mail". '
        "Everything is set for these tags, so they send to their vendors for real: "
        '"All set", "Default", "Mail that is set".'
    )


def test_a_demonstration_in_which_everything_is_set_says_that_nothing_goes_to_the_sandbox(tmp_path: Path) -> None:
    text = FILE.replace("UNSET", "SET").replace("${PIXEL}", "P")
    demo = build(sources(tmp_path, text), SANDBOX).demo
    assert demo is not None
    assert (demo.pointed, demo.paused, len(demo.real)) == ([], [], 7)
    assert "Nothing is sent to the sandbox" in demo_notice(demo)
    assert "send to their vendors for real" in demo_notice(demo)


def test_a_tag_that_the_file_pauses_sends_nowhere_in_a_demonstration(tmp_path: Path) -> None:
    text = FILE.replace("Mail that is set: {", "Mail that is set: {paused: true, ")
    demo = build(sources(tmp_path, text), SANDBOX).demo
    assert demo is not None
    assert list(demo.real) == ["All set", "Default"]


def test_an_endpoint_that_is_not_set_goes_to_the_sandbox_too(tmp_path: Path) -> None:
    text = FILE.replace('"${SET}", access_token', '"${SET}", endpoint: "${PROXY_URL}", access_token')
    demo = build(sources(tmp_path, text), SANDBOX).demo
    assert demo is not None
    assert "All set" in demo.pointed


def test_without_a_demonstration_what_is_unset_is_an_error(tmp_path: Path) -> None:
    found = build(sources(tmp_path, FILE))
    assert found.container is None
    assert {each.code for each in found.loaded.problems if each.level == "error"} == {"missing-environment"}


def test_demo_values_pass_for_what_they_stand_for() -> None:
    assert demo_value("TIKTOK_PIXEL") == "DEMOTIKTOKPIXEL0"
    assert len(demo_value("X" * 100)) == 32
    assert demo_secret("TIKTOK_TOKEN") == "demo-tiktok_token"


@pytest.mark.parametrize(
    ("consent", "said"),
    [
        ("denied", "counts as denied."),
        ("granted", "counts as granted."),
        ("{ad_storage: granted}", "counts as ad_storage granted, everything else denied."),
        ('"{{ event.consent }}"', "counts as what {{ event.consent }} says."),
    ],
)
def test_the_start_says_what_happens_without_a_consent_signal(tmp_path: Path, consent: str, said: str) -> None:
    text = (
        f"version: 1\ncontainer: {{name: A, id: B}}\nconsent: {{default: {consent}}}\nclients: {{GA4: {{type: ga4}}}}\n"
    )
    model = build(sources(tmp_path, text)).loaded.model
    assert model is not None
    assert consent_line(model) == f"A hit without a consent signal {said}"


def test_a_client_with_a_default_of_its_own_is_named(tmp_path: Path) -> None:
    text = "version: 1\ncontainer: {name: A, id: B}\nclients: {GA4: {type: ga4, consent: {default: granted}}}\n"
    model = build(sources(tmp_path, text)).loaded.model
    assert model is not None
    assert consent_line(model).endswith('; for the client "GA4" as granted.')


def test_a_clients_mapping_leaves_the_rest_to_the_container(tmp_path: Path) -> None:
    text = (
        "version: 1\nconsent: {default: granted}\n"
        "clients: {GA4: {type: ga4, consent: {default: {ad_storage: denied}}}}\n"
    )
    model = build(sources(tmp_path, text)).loaded.model
    assert model is not None
    assert consent_line(model) == (
        'A hit without a consent signal counts as granted; for the client "GA4" as ad_storage denied, '
        "everything else as above."
    )


@pytest.mark.parametrize(
    ("address", "told"), [("http://hooks.example/{{ event.id }}", True), ("https://a.example", False)]
)
def test_an_address_of_the_analysts_own_is_told_of_too(tmp_path: Path, address: str, told: bool) -> None:
    text = (
        "version: 1\nclients: {GA4: {type: ga4}}\ntriggers: {All: {}}\n"
        f'tags: {{Hook: {{type: http_request, triggers: All, consent: not_needed, url: "{address}"}}}}\n'
    )
    model = build(sources(tmp_path, text)).loaded.model
    assert model is not None
    assert list(plain_endpoints(model)) == ([("Hook", "http://hooks.example/")] if told else [])


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://vendor.example/", True),
        ("http://8.8.8.8/", True),
        ("https://vendor.example/", False),
        ("http://localhost:8082/", False),
        ("http://10.0.0.1/", False),
        ("http://[::1]/", False),
    ],
)
def test_a_token_that_would_travel_unencrypted_is_told_of(tmp_path: Path, address: str, told: bool) -> None:
    text = FILE.replace('"${SET}", access_token', f'A, endpoint: "{address}", access_token').replace("UNSET", "SET")
    model = build(sources(tmp_path, text.replace("${PIXEL}", "P"))).loaded.model
    assert model is not None
    assert list(plain_endpoints(model)) == ([("All set", address)] if told else [])
