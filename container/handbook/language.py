"""The pages of the language itself: index, keys that all things have, built-in variables, operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from container.component import Component, Kind
from container.config.conditions import operands
from container.config.flow import flow
from container.config.keys import (
    ClientKeys,
    ConsentKeys,
    ContainerKeys,
    TagKeys,
    TransformationKeys,
    TriggerKeys,
    VariableKeys,
)
from container.config.references import REDECLARABLE
from container.config.registry import Registry
from container.fields import Pattern, Settings
from container.handbook.fields_table import fields_tables
from container.handbook.words import references, takes

KINDS: Mapping[Kind, str] = {
    "client": "Clients read the events out of a hit.",
    "variable": "Variables read a value; `{{ Name }}` is that value.",
    "trigger": "Triggers say on which events tags fire.",
    "transformation": "Transformations change what a tag sees of an event.",
    "tag": "Tags send something when one of their triggers fires.",
}

BUILT_IN: Mapping[str, str] = {
    "Client Name": "The name of the client that took the hit.",
    "Container ID": "`container.id` of the file.",
    "Container Version": "A short digest of the file.",
    "Debug Mode": "Whether this is a preview: `true` or `false`.",
    "Event Name": "The name of the event.",
    "Page Hostname": "The host of `page_location`.",
    "Page Path": "The path of `page_location`.",
    "Page URL": "`page_location` of the event.",
    "Query String": "The query of the hit itself, without the question mark.",
    "Random Number": "A whole number from 0 to 2147483647, another one for each event, the same one in a replay.",
    "Request Method": "The method of the hit, such as `POST`.",
    "Request Path": "The path of the hit, such as `/g/collect`.",
    "Visitor Region": "Country and region of the visitor, such as `DE-BE`, as far as the event says them.",
    "Event ID": "`event_id` of the sender, by which a vendor recognises the same event from the browser.",
    "IP Address": "The address of the visitor.",
    "User Agent": "The user agent of the visitor.",
    "Referrer": "`page_referrer` of the event.",
}
"""What the built-in variables are, by name."""

SHORT_FORMS: Mapping[str, str] = {
    "event": "A value of the event data, by key or dot path: `{{ event.value }}`, `{{ event.items.0.price }}`.",
    "cookie": "A cookie of the hit: `{{ cookie._ttp }}`.",
    "header": "A header of the hit, in any case: `{{ header.accept-language }}`.",
    "request_query": "A parameter of the hit's own query: `{{ request_query.tid }}`.",
    "page_query": "A parameter of the page's query, that is of `page_location`: `{{ page_query.utm_source }}`.",
    "consent": "`granted` or `denied`, for a consent type: `{{ consent.ad_storage }}`.",
}
"""What the short forms are, by what stands before the dot."""

_EXAMPLES: Mapping[str, tuple[str, Any]] = {
    "equals": ("Event Name", "purchase"),
    "contains": ("Page URL", "utm_"),
    "starts_with": ("Page Path", "/checkout"),
    "ends_with": ("Page Hostname", ".shop.example"),
    "matches_regex": ("Page Path", "^/p/[0-9]+"),
    "between": ("Order Value", [10, 20]),
    "is_one_of": ("Event Name", ["purchase", "refund"]),
    "is_set": ("Event ID", True),
    "is_empty": ("Event ID", True),
    "is_in_network": ("IP Address", ["203.0.113.0/24"]),
}
_NUMBER = ("Order Value", 20)


def page_name(component: Component) -> str:
    return f"{component.kind}-{component.type}.md"


def index_page(registry: Registry) -> str:
    """The list of all pages."""
    return "\n\n".join(_index(registry)) + "\n"


def common_keys_page() -> str:
    """The keys that things have beside the fields of their type."""
    return "\n\n".join(_common_keys()) + "\n"


def built_in_page() -> str:
    """The variables that need no declaration."""
    return "\n\n".join(_built_in()) + "\n"


def operators_page(registry: Registry) -> str:
    """The operators of conditions."""
    return "\n\n".join(_operators(registry)) + "\n"


def _index(registry: Registry) -> Iterator[str]:
    yield "# Reference"
    yield (
        "Everything that may stand in `container.yaml`. A page begins with what the thing does and the least that has "
        "to be written; then come its fields, and examples that the tests run."
    )
    yield (
        "- [Common keys](common-keys.md): what every client, variable, trigger, transformation and tag may say.\n"
        "- [Built-in variables and short forms](built-in-variables.md): values that need no declaration.\n"
        "- [Conditions and operators](operators.md): what stands under `when`.\n"
        "- [Problems](../problems.md): what `tag-container validate` says, and what to do."
    )
    for kind, about in KINDS.items():
        rows = [f"| [{each.type}]({page_name(each)}) | {each.summary} |" for each in registry.of_kind(kind)]
        if rows:
            yield f"## {kind.capitalize()}s"
            yield about
            yield "\n".join(["| type | what it does |", "|---|---|", *rows])


def _common_keys() -> Iterator[str]:
    yield "# Common keys"
    yield "Keys that stand beside the fields of a type. The column `{{ }}` says whether a reference may stand there."
    sections: list[tuple[str, str, type[Settings]]] = [
        ("container", "What the container is called.", ContainerKeys),
        ("consent", "What holds when a hit says nothing about consent.", ConsentKeys),
        ("clients", KINDS["client"], ClientKeys),
        ("variables", KINDS["variable"], VariableKeys),
        ("triggers", KINDS["trigger"], TriggerKeys),
        ("transformations", KINDS["transformation"], TransformationKeys),
        ("tags", KINDS["tag"], TagKeys),
    ]
    for name, about, model in sections:
        yield f"## {name}"
        yield about
        yield fields_tables(model)
        if name in ("triggers", "transformations"):
            yield "`when` takes [conditions](operators.md), one or a list; all of them have to hold."


def _built_in() -> Iterator[str]:
    yield "# Built-in variables and short forms"
    yield 'Written in double braces and quotes, as in `"{{ Page Path }}"`. Without a value they are missing.'
    yield "## Built-in variables"
    rows = [f"| `{{{{ {name} }}}}` | {about} |" for name, about in BUILT_IN.items()]
    yield "\n".join(["| reference | value |", "|---|---|", *rows])
    own = ", ".join(f"`{name}`" for name in REDECLARABLE)
    yield f"A variable of your own may take the names {own}; the other names are taken."
    yield "## Short forms"
    rows = [f"| `{{{{ {form}.… }}}}` | {about} |" for form, about in SHORT_FORMS.items()]
    yield "\n".join(["| reference | value |", "|---|---|", *rows])
    yield (
        "`{{ Name.member }}` reads into a variable whose value is a mapping or a list. A text that is exactly one "
        "reference keeps the kind of the value; inside text it becomes text: numbers as short as they go (`20.0` is "
        "`20`), `true` and `false`, nothing for what is missing, lists and mappings as compact JSON."
    )


def _operators(registry: Registry) -> Iterator[str]:
    yield "# Conditions and operators"
    yield (
        'A condition has a left side, `variable: Name` or `value: "text with {{ references }}"`, and operators; '
        "several operators of one condition all have to hold. `any:`, `all:` and `not:` take conditions in turn, to "
        "any depth."
    )
    yield (
        "```yaml\ntriggers:\n  Real Purchase:\n    events: purchase\n    when:\n"
        '      - {value: "{{ event.value }}", greater_than: 0}\n'
        '      - {value: "{{ event.transaction_id }}", does_not_match_regex: "^TEST-"}\n'
        "      - any:\n          - {variable: Page Path, starts_with: /checkout, ignore_case: true}\n"
        "          - {variable: Client Name, equals: Measurement Protocol}\n```"
    )
    yield (
        "Operators on text compare the text form of both sides. Operators on numbers are false unless both sides are "
        "numbers, or text that is one. An operator with a twin is the exact opposite of it. `ignore_case: true` stands "
        "beside operators on text."
    )
    rows = [_operator(each) for each in registry.of_kind("operator")]
    head = "| operator | twin | compares | with | `{{ }}` | holds when | example |"
    yield "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def _operator(component: Component) -> str:
    left, right = operands(component)
    twin = f"`{component.negated}`" if component.negated else "–"
    name, value = _EXAMPLES.get(component.type, _NUMBER)
    example = flow({"variable": name, component.type: value})
    compared = takes(left)
    allowed = "no" if right is Pattern else references(right)
    cells = [f"`{component.type}`", twin, compared, takes(right), allowed, component.summary, f"`{example}`"]
    return "| " + " | ".join(cells) + " |"
