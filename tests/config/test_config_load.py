"""From text to model: complete, or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from container.config.load import Loaded, load_file
from container.config.model import ClientModel, Condition, ContainerModel, Format, Group, TagModel, TriggerModel
from container.config.registry import Registry
from container.fields import FromEvent, Pattern
from container.secret import Secret, SecretText
from container.template import Reference, Template

Load = Callable[..., Loaded]

SHOP = """
version: 1
container: {name: "${SHOP}", id: SHOP-1}
consent: {default: {ad_storage: granted, ad_user_data: "{{ cookie.choice }}"}}
clients:
  GA4: {type: ga4, priority: 7, measurement_ids: G-ABC123, notes: ours, folder: Web}
  Partner: {type: partner, api_secret: "${TOKEN}", consent: {default: granted}}
variables:
  Order Value: {type: event_data, key: value, default: 0, format: {as: number, null_to: 1}}
  Market:
    type: lookup_table
    input: {{ Page Hostname }}
    table:
      www.shop.example: {pixel: C1, token: "${secret:TOKEN}"}
triggers:
  Pages: {events: page_view}
  Staff: {when: {variable: IP Address, is_in_network: 203.0.113.0/24}}
  Orders:
    type: event
    events: [purchase, refund]
    events_matching: "^order_"
    sample_percent: 50
    when:
      - {variable: Order Value, greater_than: 0, less_than: "{{ event.limit }}"}
      - not:
          any:
            - {variable: Page Path, starts_with: /Checkout, ignore_case: true}
            - {value: "a{{ Market.pixel }}", does_not_equal: b}
tags:
  TikTok:
    type: tiktok_events_api
    triggers: [Pages, Orders]
    exceptions: Staff
    pixel_id: "{{ Market.pixel }}"
    access_token: "{{ Market.token }}"
    browser: {pixel: true, event_names: current}
    priority: 3
    paused: true
  Hook:
    type: webhook
    triggers: Orders
    consent: [ad_storage]
    url: https://hooks.shop.example/
    headers: {authorization: "Bearer ${secret:TOKEN}", x: "{{ Market.token }}"}
    json: {order: ["{{ event.transaction_id }}", 1, null, "$${x} {{{{ y"]}
    limits: [1, a]
"""


@pytest.fixture
def shop(load_text: Load) -> ContainerModel:
    loaded = load_text(SHOP, strict=True)
    assert loaded.model is not None, loaded.report()
    assert loaded.problems == ()
    return loaded.model


def tag(model: ContainerModel, name: str) -> Any:
    return model.tags[name].settings


def test_a_container_has_its_name_and_a_version_of_the_text_as_written(load_text: Load) -> None:
    text = 'container: {name: "${SHOP}", id: A}'
    model = load_text(text).model
    assert model is not None
    assert (model.name, model.id) == ("Example Shop", "A")
    assert model.version == hashlib.sha256(text.encode()).hexdigest()[:12]
    other = load_text(text, environment={"SHOP": "Other"}).model
    assert other is not None
    assert other.version == model.version


def test_clients_have_their_common_keys_and_settings(shop: ContainerModel) -> None:
    ga4 = shop.clients["GA4"]
    assert isinstance(ga4, ClientModel)
    assert (ga4.priority, ga4.consent_default, ga4.component.type) == (7, None, "ga4")
    assert getattr(ga4.settings, "measurement_ids", None) == ("G-ABC123",)
    assert shop.clients["Partner"].consent_default == "granted"


def test_a_secret_field_takes_a_plain_environment_reference_as_a_secret(shop: ContainerModel) -> None:
    settings: Any = shop.clients["Partner"].settings
    (secret,) = settings.api_secret
    assert secret == Secret("TOKEN")
    assert secret.matches("t0ken")


def test_a_list_of_secrets_is_taken(load_text: Load) -> None:
    model = load_text('clients: {P: {type: partner, api_secret: ["${TOKEN}", "${secret:OTHER}"]}}').model
    assert model is not None
    assert getattr(model.clients["P"].settings, "api_secret", ()) == (Secret("TOKEN"), Secret("OTHER"))


def test_consent_defaults_may_be_references(shop: ContainerModel) -> None:
    assert shop.consent_default == {"ad_storage": "granted", "ad_user_data": Template((Reference("cookie.choice"),))}


def test_variables_have_their_format(shop: ContainerModel) -> None:
    assert shop.variables["Order Value"].format == Format(as_type="number", null_to=1)
    assert shop.variables["Market"].format is None


def test_triggers_have_events_patterns_and_conditions(shop: ContainerModel) -> None:
    orders = shop.triggers["Orders"]
    assert isinstance(orders, TriggerModel)
    assert orders.events == ("purchase", "refund")
    assert [pattern.source for pattern in orders.events_matching] == ["^order_"]
    assert orders.sample_percent == 50
    first, second = orders.when
    assert isinstance(first, Condition)
    assert (first.variable, first.left) == ("Order Value", Template((Reference("Order Value"),)))
    assert [check.name for check in first.checks] == ["greater_than", "less_than"]
    assert first.checks[0].expected == 0
    assert first.checks[1].expected == Template((Reference("event.limit"),))
    assert isinstance(second, Group)
    assert second.kind == "not"
    (inner,) = second.members
    assert isinstance(inner, Group)
    path, pixel = inner.members
    assert isinstance(path, Condition)
    assert isinstance(pixel, Condition)
    assert path.checks[0].ignore_case
    assert not path.checks[0].negated
    assert (pixel.variable, pixel.checks[0].negated, pixel.checks[0].operator.type) == (None, True, "equals")


def test_tags_have_triggers_consent_and_settings(shop: ContainerModel) -> None:
    tiktok = shop.tags["TikTok"]
    assert isinstance(tiktok, TagModel)
    assert (tiktok.triggers, tiktok.exceptions) == (("Pages", "Orders"), ("Staff",))
    assert (tiktok.priority, tiktok.paused) == (3, True)
    assert tiktok.consent == tiktok.component.consent
    assert shop.tags["Hook"].consent == ("ad_storage",)


def test_settings_keep_templates_secrets_and_usual_places(shop: ContainerModel) -> None:
    settings = tag(shop, "TikTok")
    assert settings.pixel_id == Template((Reference("Market.pixel"),))
    assert settings.access_token == Template((Reference("Market.token"),))
    assert isinstance(settings.page.url, FromEvent)
    hook = tag(shop, "Hook")
    assert hook.headers["authorization"] == SecretText(("Bearer ", Secret("TOKEN")))
    assert hook.headers["x"] == Template((Reference("Market.token"),))
    assert hook.json_body == {"order": [Template((Reference("event.transaction_id"),)), 1, None, "${x} {{ y"]}
    assert hook.limits == (1, "a")


def test_consent_not_needed_is_an_empty_list(load_text: Load) -> None:
    model = load_text(
        "triggers: {A: {}}\ntags: {T: {type: pixel_tag, triggers: A, consent: not_needed, browser: true}}"
    ).model
    assert model is not None
    assert model.tags["T"].consent == ()


def test_a_trigger_of_another_type_has_its_component(load_text: Load) -> None:
    text = "triggers: {A: {type: sometimes, chance: 0.5}}\ntags: {T: {type: plain_tag, triggers: A}}"
    model = load_text(text).model
    assert model is not None
    component = model.triggers["A"].component
    assert component is not None
    assert component.type == "sometimes"


def test_sections_may_be_empty(load_text: Load) -> None:
    loaded = load_text("version: 1\nclients:\nvariables:\ntriggers:\ntags:\ncontainer:\nconsent:\n")
    assert [(each.code, each.level, each.line) for each in loaded.problems] == [("missing-field", "warning", 2)]
    assert loaded.model is not None
    assert loaded.model.consent_default == "denied"


@pytest.mark.parametrize("text", ["", "# Only a comment.\n", "---\n", "null\n", "{}\n", "\ufeff", "\n\n"])
def test_a_file_with_nothing_in_it_does_not_load(load_text: Load, text: str) -> None:
    loaded = load_text(text)
    assert [(each.code, each.level, each.line, each.column) for each in loaded.problems] == [
        ("missing-field", "error", 1, 1)
    ]
    assert loaded.model is None


@pytest.mark.parametrize("text", ["version: 1\n", "version: 1\nclients:\n", "version: 1\nclients: {}\n"])
def test_a_container_without_clients_may_be_checked_and_does_not_run(load_text: Load, text: str) -> None:
    (warning,), (error,) = load_text(text).problems, load_text(text, strict=True).problems
    assert (warning.code, warning.level) == ("missing-field", "warning")
    assert (error.code, error.level) == ("missing-field", "error")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${PRIORITY}", 7),
        ('"${PRIORITY}"', "7"),
        ("${YES}", True),
        ("x${PRIORITY}", "x7"),
        ("${EMPTY}", None),
        ("${EMPTY:-9}", 9),
        ("${NONE:-text}", "text"),
        ("${NONE:-}", None),
        ("${NONE}", "${NONE}"),
        ("${BRACES}", "{{ Nobody }}"),
        ('"${BRACES} x"', "{{ Nobody }} x"),
        ("$${PRIORITY}", "${PRIORITY}"),
        ('"{{{{ x }} $${y}"', "{{ x }} ${y}"),
        ("costs $5", "costs $5"),
    ],
)
def test_the_environment_is_filled_in_once(load_text: Load, written: str, expected: object) -> None:
    model = load_text(
        f"variables:\n  A: {{type: constant, value: x}}\n  B:\n    type: constant\n    value: {written}\n"
    ).model
    assert model is not None
    assert getattr(model.variables["B"].settings, "value", ()) == expected


def test_keys_are_not_filled_in(load_text: Load) -> None:
    model = load_text('variables: {"${SHOP}": {type: lookup_table, table: {"${SHOP}": 1}}}').model
    assert model is None or set(model.variables) == {"${SHOP}"}


def test_a_secret_that_is_not_set_is_its_own_text_when_checking(load_text: Load) -> None:
    text = 'clients: {P: {type: partner, api_secret: "${secret:UNKNOWN}"}}'
    loaded = load_text(text)
    assert [each.level for each in loaded.problems] == ["warning"]
    assert loaded.model is not None
    settings: Any = loaded.model.clients["P"].settings
    (secret,) = settings.api_secret
    assert secret == Secret("UNKNOWN")
    assert not secret.matches("")
    assert load_text(text, strict=True).model is None


def test_an_alias_repeats_a_value_and_its_problems_are_told_once(load_text: Load) -> None:
    text = "variables:\n  A: &a {type: constant, valu: 1}\n  B: *a\n"
    found = [each for each in load_text(text).problems if each.level == "error"]
    assert [(each.line, each.column, each.code) for each in found] == [
        (2, 3, "missing-field"),
        (2, 26, "unknown-key"),
        (3, 3, "missing-field"),
    ]


def test_a_value_with_escapes_has_the_place_of_the_whole(load_text: Load) -> None:
    (found,) = [
        each
        for each in load_text('variables: {A: {type: template, text: "\\x7b{ Nobody }}"}}').problems
        if each.level == "error"
    ]
    assert (found.code, found.column) == ("unknown-variable", 39)


def test_a_reference_over_two_lines_is_placed_on_the_first(load_text: Load) -> None:
    text = 'variables:\n  A:\n    type: template\n    text: "x {{ Nobody\n      else }}"\n'
    (found,) = [each for each in load_text(text).problems if each.level == "error"]
    assert found.code == "unknown-variable"
    assert (found.line, found.column) in {(4, 11), (4, 13)}


def test_a_file_full_of_mistakes_is_read_in_time(load_text: Load) -> None:
    text = "variables:\n" + "".join(
        f"  Name {n}: {{type: template, text: '{{{{ Nam {n} }}}}'}}\n" for n in range(3_000)
    )
    loaded = load_text(text)
    assert sum(each.code == "unknown-variable" for each in loaded.problems) == 3_000
    assert [each.hint for each in loaded.problems if each.hint]


def test_a_long_chain_of_variables_is_refused(load_text: Load) -> None:
    def chain(length: int) -> str:
        links = [f"  V{n}: {{type: template, text: '{{{{ V{n + 1} }}}}'}}\n" for n in range(length - 1)]
        last = f"  V{length - 1}: {{type: constant, value: 1}}\n"
        return "clients: {GA4: {type: ga4}}\nvariables:\n" + "".join(links) + last

    assert [each.code for each in load_text(chain(32)).problems] == ["unused-variable"]
    assert "variable-circle" in [each.code for each in load_text(chain(33)).problems]
    assert "variable-circle" in [each.code for each in load_text(chain(1_000)).problems]


def test_more_circles_than_anybody_reads_are_not_all_described(load_text: Load) -> None:
    everybody = " ".join(f"{{{{ V{n} }}}}" for n in range(500))
    links = [f"  V{n}: {{type: template, text: '{{{{ V{n + 1} }}}}'}}\n" for n in range(499)]
    loaded = load_text("variables:\n" + "".join(links) + f"  V499: {{type: template, text: '{everybody}'}}\n")
    circles = [each for each in loaded.problems if each.code == "variable-circle"]
    assert 1 <= len(circles) <= 101
    assert all(len(each.sentence) <= 1000 for each in circles)


def test_an_endless_name_is_unknown_at_once(load_text: Load) -> None:
    loaded = load_text("variables: {A: {type: template, text: '{{ " + "A." * 200_000 + "A }}'}}")
    assert "unknown-variable" in [each.code for each in loaded.problems]
    assert len(loaded.report()) < 10_000


def test_a_report_has_three_forms(load_text: Load) -> None:
    loaded = load_text("versio: 1")
    assert loaded.report().startswith("container.yaml:1:1: error[unknown-key]")
    assert json.loads(loaded.report("json"))[0]["code"] == "unknown-key"
    assert loaded.report("github").startswith("::error file=container.yaml,line=1,col=1")


def read_file(path: Path, registry: Registry) -> Loaded:
    return load_file(path, registry=registry, environment={}, secrets=lambda _name: None, strict_environment=True)


def test_a_file_is_read_as_utf_8(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "container.yaml"
    path.write_bytes("\ufeffcontainer: {name: Größe}\nclients: {GA4: {type: ga4}}".encode())
    loaded = read_file(path, registry)
    assert loaded.model is not None
    assert loaded.model.name == "Größe"
    assert loaded.filename == str(path)


def test_a_file_in_another_encoding_is_a_problem_with_a_place(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "container.yaml"
    path.write_bytes("version: 1\ncontainer: {name: Größe}".encode("latin-1"))
    loaded = read_file(path, registry)
    assert loaded.model is None
    assert [(each.line, each.column, each.code) for each in loaded.problems] == [(2, 21, "yaml-syntax")]
    assert loaded.report()


@pytest.mark.parametrize("content", [b"# x" * 500_000, b"# \xff" * 500_000])
def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path, registry: Registry, content: bytes) -> None:
    path = tmp_path / "container.yaml"
    path.write_bytes(content)
    loaded = read_file(path, registry)
    assert [each.code for each in loaded.problems] == ["yaml-syntax"]
    assert len(loaded.text) <= 1_100_000


def test_a_file_that_is_not_there_is_for_the_caller(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "missing.yaml", registry)


def test_a_pattern_that_ignores_case_is_left_to_the_engine(load_text: Load) -> None:
    text = "triggers: {A: {when: {variable: Page Path, matches_regex: '^/a', ignore_case: true}}}\n"
    text += "tags: {T: {type: plain_tag, triggers: A}}"
    model = load_text(text).model
    assert model is not None
    (condition,) = model.triggers["A"].when
    assert isinstance(condition, Condition)
    assert isinstance(condition.checks[0].expected, Pattern)
    assert condition.checks[0].ignore_case


def test_a_consent_type_of_ones_own_may_be_read(load_text: Load) -> None:
    head = "version: 1\nconsent: {default: {marketing: granted}}\nclients: {GA4: {type: ga4}}\n"
    trigger = 'triggers: {A: {when: {value: "{{ consent.marketing }}", equals: granted}}}\n'
    loaded = load_text(head + trigger + "tags: {T: {type: plain_tag, triggers: A}}\n")
    assert loaded.problems == ()
