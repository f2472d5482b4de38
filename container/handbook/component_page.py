"""The page of one component: what it does, the smallest YAML, what it needs to know, and examples."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from container.component import Component
from container.config.annotations import fields_of, site
from container.config.lint import CONVERSIONS
from container.fields import Settings
from container.handbook.examples import Example, as_markdown
from container.handbook.fields_table import example_of, fields_tables, own_words, spellings
from container.handbook.meanings import OF_A_PAGE
from container.handbook.yaml_text import named

_COMMON: Mapping[str, str] = {
    "client": "`priority`, `consent`",
    "variable": "`format`",
    "trigger": "`events`, `events_matching`, `when`, `sample_percent`",
    "transformation": "`tags`, `except_tags`, `tag_types`, `when`, `priority`",
    "tag": "`triggers`, `exceptions`, `consent`, `priority`, `once_per`, `schedule`, `paused`, `delivery`",
}


def component_page(component: Component, examples: Sequence[Example], container: str = "") -> str:
    """The page, as Markdown. `container`: the text of a whole container that shows the component."""
    return "\n\n".join(_parts(component, examples, container)) + "\n"


def smallest(component: Component) -> Mapping[str, Any]:
    """The keys that a component of this type cannot do without, with examples for values."""
    keys: dict[str, Any] = {} if component.type == "event" else {"type": component.type}
    if component.kind == "tag":
        keys["triggers"] = ["Purchases"]
        keys |= {} if component.consent_declared else {"consent": "not_needed"}
    if component.kind == "trigger":
        keys["events"] = "purchase"
    return keys | dict(_needed(component.settings or Settings))


def _needed(model: type[Settings]) -> Iterator[tuple[str, Any]]:
    annotations = fields_of(model)
    for name, info in model.model_fields.items():
        if not info.is_required():
            continue
        key = spellings(name, info)[0]
        secret = site(annotations[key]).mode == "secret"
        yield key, "${secret:" + key.upper() + "}" if secret else example_of(info)


def _parts(component: Component, examples: Sequence[Example], container: str) -> Iterator[str]:
    model = component.settings or Settings
    yield f"# {component.type}"
    yield f"A {component.kind}. {component.summary}"
    yield from _more_words(component)
    yield "## The smallest YAML"
    yield f"```yaml\n{named(f'{component.kind}s', f'My {component.kind}', smallest(component))}\n```"
    if component.kind == "tag":
        yield _tag_facts(component)
    yield "## Fields"
    if own_words(model):
        yield own_words(model)
    if model.model_fields:
        yield fields_tables(model)
    common = f"{_COMMON[component.kind]}, `notes`, `folder`"
    yield f"Keys of every {component.kind}: {common} ([common keys](common-keys.md))."
    if component.kind in OF_A_PAGE and model.model_fields:
        yield OF_A_PAGE[component.kind]
    if component.page:
        yield component.page
    if component.standard_events:
        yield _standard_events(component)
    if container:
        yield "## A whole container"
        yield f"Its tests are part of it: `tag-container test` runs them.\n\n```yaml\n{container.strip()}\n```"
    if examples:
        yield "## Examples"
        yield _about_examples(component.kind)
        yield as_markdown(examples)


def _more_words(component: Component) -> Iterator[str]:
    """What the function's docstring says after its first paragraph."""
    _, _, more = (inspect.getdoc(component.function) or "").partition("\n\n")
    if more:
        yield more


def _tag_facts(component: Component) -> str:
    if not component.consent_declared:
        consent = "Each tag says it: `consent:` with a list of types, or `not_needed`."
    else:
        consent = ", ".join(f"`{name}`" for name in component.consent) or "None."
    limit = component.max_age_hours
    age = "No limit." if limit is None else f"{_age(limit)}; what is older is not sent."
    sent = ", ".join(component.identifiers) or "None by itself: it sends what the container says."
    return (
        "## What it needs and sends\n\n"
        f"| | |\n|---|---|\n| consent | {consent} |\n| identifiers of the visitor | {sent} |\n"
        f"| how old an event may be | {age} |\n| how fast it sends | {_speed(component)} |"
    )


def _standard_events(component: Component) -> str:
    standard, conversions = (
        ", ".join(f"`{name}`" for name in names) for names in (component.standard_events, CONVERSIONS)
    )
    words = (
        f"## Standard events\n\nThe vendor's own: {standard}. A name that is almost one of them gets the warning "
        "[near-standard-event](../problems/near-standard-event.md)."
    )
    if "browser" not in (component.settings or Settings).model_fields:
        return words
    return (
        f"{words}\n\nConversions, by GA4's names: {conversions}. A tag that may fire on one of them "
        "and has no `browser` gets the warning [dedup-unknown](../problems/dedup-unknown.md)."
    )


def _speed(component: Component) -> str:
    """What one lane may do: an account of the vendor, or a host."""
    together = "one request" if component.in_flight == 1 else f"{component.in_flight} requests"
    rate = component.requests_per_second
    often = "" if rate is None else f", and {rate:g} a second"
    return f"At most {together} at a time{often}, for each account or host."


def _age(hours: int) -> str:
    return f"{hours // 24} days" if hours % 24 == 0 and hours > 48 else f"{hours} hours"


def _about_examples(kind: str) -> str:
    what = {
        "client": "A hit, and the events it becomes.",
        "variable": "An event, and the value.",
        "trigger": "An event, and whether the trigger fires.",
        "transformation": "An event, and what the tag sees of it.",
        "tag": "Settings and an event, and what is sent.",
    }
    return f"{what[kind]} Each is a case that the tests run."
