"""The reference pages say what is so: of every component, every field, and nothing that is gone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from container.api import Dynamic, Event, Hit, Request, Secret, Settings, client, from_event, tag, trigger
from container.component import Component
from container.config.keys import ClientKeys, TagKeys, TransformationKeys, TriggerKeys, VariableKeys
from container.config.lint import CONVERSIONS
from container.config.references import BUILT_IN as BUILT_IN_NAMES
from container.config.references import SHORT_FORMS as FORMS
from container.config.registry import Registry, discover
from container.config.source import plain, read
from container.handbook import MARK, pages
from container.handbook.component_page import component_page, smallest
from container.handbook.examples import Example, examples_of
from container.handbook.fields_table import spellings
from container.handbook.language import BUILT_IN, SHORT_FORMS, page_name
from container.handbook.words import inner_settings
from container.testing import cases_in, run_tests
from tags.tiktok_events_api.names import APP, AUTOMATIC, CURRENT, LEGACY, WEB_STANDARD
from tests.containers_of import container_of
from triggers.operators import is_empty, is_set
from variables.first_of import FirstOf, first_of

ROOT = Path(__file__).resolve().parents[2]
REGISTRY = discover()
CONTAINERS = ROOT / "docs" / "examples" / "types"
PAGES = pages(REGISTRY, ROOT / "tests", CONTAINERS)
COMPONENTS = [each for each in REGISTRY.components.values() if each.kind != "operator"]
EVENT = Event("purchase", {}, Hit(bytes(16), 0))
NAMES = [f"{each.kind}-{each.type}" for each in COMPONENTS]


class Hook(Settings):
    """Where the hook is."""

    url: str = Field(default="https://hook.example/", description="The address, or | none.")
    key: Secret = Field(description="The key.")
    order: Dynamic[str] = from_event("transaction_id", description="The order.")


@tag(
    "hook",
    consent=["ad_storage"],
    max_age_hours=24 * 7,
    identifiers=["email"],
    requests_per_second=0.5,
    in_flight=3,
)
def hook(settings: Hook, event: Event) -> Request:
    """Call a hook.

    It is called once.
    """
    return Request("POST", settings.url)


@tag("bell", consent=(), max_age_hours=36, in_flight=1)
def bell(settings: Settings, event: Event) -> Request:
    """Ring a bell."""
    return Request("POST", "https://bell.example/")


@trigger("full_moon")
def full_moon(settings: Settings, event: Event) -> bool:
    """Fires at full moon."""
    return True


@client("silent")
def silent(settings: Settings, hit: Hit) -> None:
    """Takes nothing."""


def page_of(function: Any, *examples: Example) -> str:
    (component,) = Registry.of([function]).components.values()
    return component_page(component, examples)


def test_the_pages_in_the_repository_are_those_of_what_is_installed() -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md")}
    assert kept.keys() == PAGES.keys(), "run: make docs"
    assert [name for name in PAGES if kept[name] != PAGES[name]] == [], "run: make docs"


def test_every_component_has_a_page_and_the_index_leads_to_it() -> None:
    for component in COMPONENTS:
        assert PAGES[page_name(component)].startswith(f"{MARK}\n\n# {component.type}\n")
        assert f"[{component.type}]({page_name(component)}) | {component.summary}" in PAGES["index.md"]


@pytest.mark.parametrize("component", COMPONENTS, ids=NAMES)
def test_a_page_names_every_field(component: Component) -> None:
    page = PAGES[page_name(component)]
    assert [path for path in paths_of(component.settings or Settings) if f"| `{path}` |" not in page] == []


@pytest.mark.parametrize("component", COMPONENTS, ids=NAMES)
def test_the_smallest_yaml_is_part_of_a_container_that_loads(component: Component) -> None:
    block = PAGES[page_name(component)].split("```yaml\n")[1].split("```")[0]
    rest = {
        "tags": "triggers:\n  Purchases: {events: purchase}\n",
        "clients": "",
        "variables": "",
        "triggers": "",
        "transformations": "",
    }[block.partition(":")[0]]
    loads(f"{block}{rest}")


@pytest.mark.parametrize("component", COMPONENTS, ids=NAMES)
def test_a_page_shows_cases_as_they_are(component: Component) -> None:
    folder = ROOT / "tests" / f"{component.kind}s" / component.type
    cases = [(case.about, case.given, case.expect) for case in cases_in(folder)]
    found = examples_of(folder)
    assert found
    for example in found:
        assert (example.about, yaml(f"{example.given}\n"), yaml(f"{example.expect}\n")) in cases
        assert f"**{example.about}**" in PAGES[page_name(component)]


def test_a_page_begins_with_what_it_does_and_says_what_a_tag_needs() -> None:
    example = Example("An order.", "settings: {}", "requests: []")
    page = page_of(hook, example)
    assert page.startswith("# hook\n\nA tag. Call a hook.\n\nIt is called once.\n\n## The smallest YAML")
    assert 'My tag: {type: hook, triggers: [Purchases], key: "${secret:KEY}"}' in page
    assert "| consent | `ad_storage` |" in page
    assert "| identifiers of the visitor | email |" in page
    assert "| how old an event may be | 7 days; what is older is not sent. |" in page
    assert "| how fast it sends | At most 3 requests at a time, and 0.5 a second, for each account or host. |" in page
    assert "Where the hook is." in page
    assert "| `url` | text | `https://hook.example/` | no | The address, or \\| none. |" in page
    assert "| `key` | secret | **needed** | one that is a secret | The key. |" in page
    assert "| `order` | text | `transaction_id` of the event; **needed** | yes | The order. |" in page
    assert page.endswith("**An order.**\n\n```yaml\nsettings: {}\n```\n\ngives\n\n```yaml\nrequests: []\n```\n")


def test_a_component_without_fields_and_cases_has_a_page_too() -> None:
    page = page_of(bell)
    assert "| consent | None. |" in page
    assert "| how old an event may be | 36 hours; what is older is not sent. |" in page
    assert "| how fast it sends | At most one request at a time, for each account or host. |" in page
    assert "| field |" not in page
    assert "## Examples" not in page
    assert "My trigger: {type: full_moon, events: purchase}" in page_of(full_moon)
    assert pages(Registry.of([silent]))["client-silent.md"].startswith(f"{MARK}\n\n# silent")


def test_every_needed_field_has_an_example_to_write() -> None:
    for component in COMPONENTS:
        assert None not in smallest(component).values(), component.type


def test_every_name_that_needs_no_declaration_is_on_the_page() -> None:
    assert BUILT_IN.keys() == set(BUILT_IN_NAMES)
    assert SHORT_FORMS.keys() == set(FORMS)
    for name in (*BUILT_IN, *(f"{form}.…" for form in SHORT_FORMS)):
        assert f"| `{{{{ {name} }}}}` | " in PAGES["built-in-variables.md"]


def test_every_operator_and_its_twin_are_on_the_page() -> None:
    for name in REGISTRY.operators:
        assert f"`{name}`" in PAGES["operators.md"]


def test_every_example_of_an_operator_is_a_condition() -> None:
    for line in PAGES["operators.md"].partition("## Operators")[2].splitlines():
        if line.startswith("| `"):
            example = line.rpartition("| `")[2].removesuffix("` |")
            loads(f"variables:\n  Order Value: {{type: constant, value: 1}}\ntriggers:\n  Any: {{when: {example}}}")


@pytest.mark.parametrize("model", [ClientKeys, VariableKeys, TriggerKeys, TagKeys, TransformationKeys])
def test_every_common_key_is_on_the_page(model: type[Settings]) -> None:
    for path in paths_of(model):
        assert f"| `{path}` | " in PAGES["common-keys.md"]


@pytest.mark.parametrize("component", COMPONENTS, ids=NAMES)
def test_the_common_keys_that_a_page_names_exist(component: Component) -> None:
    line = next(each for each in PAGES[page_name(component)].splitlines() if each.startswith("Keys of every"))
    named = [part for at, part in enumerate(line.split("`")) if at % 2]
    assert [key for key in named if f"| `{key}` | " not in PAGES["common-keys.md"] and key != "when"] == []


def test_a_page_shows_the_names_of_events_where_a_component_has_them() -> None:
    page = PAGES["tag-tiktok_events_api.md"]
    sources = {"web": CURRENT, "legacy": LEGACY, "app": APP}
    rows = dict(re.findall(r"^\| `(\w+)` \| ((?:`\w+`)? \| (?:`\w+`)? \| (?:`\w+`)?) \|$", page, re.MULTILINE))
    for name in {name for names in sources.values() for name in names}:
        web, legacy, app = (cell.strip(" `") or None for cell in rows[name].split("|"))
        assert (web, legacy or web, app) == tuple(names.get(name) for names in sources.values())
    for name in (*AUTOMATIC - CURRENT.keys(), *WEB_STANDARD, *CONVERSIONS):
        assert f"`{name}`" in page


def test_a_component_without_browser_is_not_told_about_deduplication() -> None:
    @tag("horn", consent=(), standard_events=["Blow"], page="## Notes\n\nHigh ones.")
    def horn(settings: Settings, event: Event) -> Request:
        """Blow a horn."""
        return Request("POST", "https://horn.example/")

    page = page_of(horn)
    assert "## Notes\n\nHigh ones.\n\n## Standard events\n\nThe vendor's own: `Blow`." in page
    assert "dedup-unknown" not in page


def test_a_whole_container_is_shown_with_its_tests() -> None:
    text = (CONTAINERS / "tiktok_events_api.yaml").read_text(encoding="utf-8")
    assert f"```yaml\n{text}```" in PAGES["tag-tiktok_events_api.md"]
    assert [told.lines() for told in run_tests(CONTAINERS / "tiktok_events_api.yaml") if not told.passed] == []


def test_the_words_missing_empty_and_set_mean_what_the_page_says() -> None:
    rows = re.findall(r"^\| .* \| (?:\*\*|set).* \| (yes|no) \| (yes|no) \| (\w+)", PAGES["operators.md"], re.MULTILINE)
    values: list[list[object]] = [[None], ["", [], {}], ["x", " ", 0, False]]
    for (is_set_, is_empty_, taken), group in zip(rows, values, strict=True):
        for value in group:
            assert is_set(value, True) is (is_set_ == "yes")
            assert is_empty(value, True) is (is_empty_ == "yes")
            assert (first_of(FirstOf(values=(value,)), EVENT) == value) is (taken == "taken" or value is None)


def test_not_with_a_list_means_not_all_of_them() -> None:
    assert "`not:` with a list means that they do not all hold" in PAGES["operators.md"]
    loads('triggers:\n  Any: {when: [{not: {any: [{value: "a", equals: b}, {value: "a", equals: c}]}}]}')


def loads(sections: str) -> None:
    clients = "" if "clients:" in sections else "clients: {GA4: {type: ga4}}\n"
    container_of(f"version: 1\n{clients}{sections}", REGISTRY, lambda name: f"value of {name}")


def paths_of(model: type[Settings], prefix: str = "") -> list[str]:
    found = []
    for name, info in model.model_fields.items():
        path = prefix + spellings(name, info)[0]
        inner = inner_settings(info.annotation) if name != "url" else None
        found += [path, *(paths_of(inner, f"{path}.") if inner else [])]
    return found


def yaml(text: str) -> Mapping[str, Any]:
    source = read(text)
    assert source.root is not None
    assert not source.problems
    content: Mapping[str, Any] = plain(source.root)
    return content
