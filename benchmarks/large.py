"""A large container, as a group of shops in fifty markets has it: 500 tags, 1,000 variables, 300 triggers.

A purchase of the benchmarks' hits fires two tags, since conditions name the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

TAGS, VARIABLES, TRIGGERS, MARKETS = 500, 1000, 300, 50
TABLE_ROWS, PATTERN_ROWS = 20, 5
_EVENTS = ("purchase", "page_view", "view_item", "add_to_cart", "begin_checkout", "generate_lead", "sign_up", "search")
_KINDS = 10


def large(vendor: str, *, tags: int = TAGS, variables: int = VARIABLES, triggers: int = TRIGGERS) -> str:
    """Its text. `vendor`: the address that tags send to."""
    sections = {
        "clients": ["  GA4: {type: ga4, priority: 10}"],
        "variables": [line for number in range(variables) for line in _variable(number)],
        "triggers": [line for number in range(triggers) for line in _trigger(number, variables)],
        "tags": [line for number in range(tags) for line in _tag(number, variables, triggers, vendor)],
        "transformations": [line for number in range(tags // 25) for line in _transformation(number)],
    }
    head = "version: 1\ncontainer: {name: A group of shops, id: GROUP-1}\nconsent: {default: denied}\n"
    return head + "".join(f"{name}:\n{chr(10).join(lines)}\n" for name, lines in sections.items())


def _host(number: int) -> str:
    """Only the very first is the host of the benchmarks' hits."""
    return f"shop-{number % MARKETS}.example" if number else "www.shop.example"


def _variable(number: int) -> Iterator[str]:
    """Ten kinds in turn; each of them refers only to variables before it."""
    yield f"  Variable {number}: {_VARIABLES[number % len(_VARIABLES)](number)}"


def _first_of(number: int) -> str:
    values = f'"{{{{ page_query.click_{number} }}}}", "{{{{ Variable {number - 4} }}}}", none'
    return f"\n    type: first_of\n    values: [{values}]"


def _lookup_table(number: int) -> str:
    rows = (
        f"      {_host(row)}: {{currency: EUR, account: C{number:06d}{row:04d}ACCOUNT}}" for row in range(TABLE_ROWS)
    )
    return "\n".join(['\n    type: lookup_table\n    input: "{{ Page Hostname }}"\n    table:', *rows])


def _regex_table(number: int) -> str:
    rows = (
        f'      - {{pattern: "^/{number}/([^/]+)/{row}", value: "group {row} of $1"}}' for row in range(PATTERN_ROWS)
    )
    head = '\n    type: regex_table\n    input: "{{ Page Path }}"\n    default: other\n    rows:'
    return "\n".join([head, *rows])


def _template(number: int) -> str:
    text = f"{{{{ Variable {number - 8} }}}}-{{{{ event.currency }}}}-{{{{ Page Hostname }}}}"
    return f'\n    type: template\n    text: "{text}"'


_VARIABLES: Sequence[Callable[[int], str]] = (
    lambda number: f"{{type: event_data, key: parameter_{number}, default: 0}}",
    lambda number: f"{{type: cookie_value, cookie: _cookie_{number}}}",
    lambda number: f"{{type: query_parameter, parameter: campaign_{number}}}",
    lambda number: f"{{type: request_header, header: x-market-{number}}}",
    lambda _number: "{type: url, component: path, format: {case: lower, trim: true}}",
    _first_of,
    _lookup_table,
    _regex_table,
    _template,
    lambda number: f"{{type: constant, value: constant {number}}}",
)


def _trigger(number: int, variables: int) -> Iterator[str]:
    near = number * _KINDS % variables
    yield f"  Trigger {number}:"
    yield f"    events: [{_EVENTS[number % len(_EVENTS)]}, custom_{number}]"
    yield "    when:"
    yield f"      - {{variable: Page Hostname, equals: {_host(number)}}}"
    yield f'      - {{value: "{{{{ event.transaction_id }}}}", does_not_match_regex: "^TEST-{number}-"}}'
    yield "      - any:"
    yield f"          - {{variable: Variable {near}, greater_or_equal: 0}}"
    yield f'          - {{variable: Variable {near + 4}, starts_with: "/market/{number}"}}'


def _tag(number: int, variables: int, triggers: int, vendor: str) -> Iterator[str]:
    near = number // 2 * _KINDS % variables
    yield f"  Tag {number}:"
    # The second one is never that of the hits' host.
    heard = [number % triggers, number * 7 % (triggers - 1) + 1]
    yield f"    triggers: [{', '.join(f'Trigger {each}' for each in dict.fromkeys(heard))}]"
    if number % 2 == 0:
        yield "    type: tiktok_events_api"
        yield f"    endpoint: {vendor}/open_api/v1.3/event/track/"
        yield f'    pixel_id: "{{{{ Variable {near + 6}.account }}}}"'
        yield '    access_token: "${secret:TIKTOK_TOKEN}"'
        yield f'    properties: {{description: "{{{{ Variable {near + 7} }}}}"}}'
        yield "    browser: {pixel: true, event_names: current}"
    else:
        yield "    type: http_request"
        yield "    consent: not_needed"
        yield f'    url: "{vendor}/orders/{number}"'
        yield '    headers: {Authorization: "Bearer ${secret:TIKTOK_TOKEN}"}'
        yield "    json:"
        yield '      order: "{{ event.transaction_id }}"'
        yield f'      amount: "{{{{ Variable {near} }}}}"'
        yield f'      source: "{{{{ Variable {near + 5} }}}}"'
        yield f'      campaign: "{{{{ Variable {near + 2} }}}} {{{{ Variable {near + 8} }}}}"'
        yield f'      visitor: ["{{{{ Variable {near + 1} }}}}", "{{{{ Variable {near + 3} }}}}"]'
        yield f'      contract: "{{{{ Variable {near + 9} }}}}"'


def _transformation(number: int) -> Iterator[str]:
    yield f"  Transformation {number}:"
    yield "    type: exclude_parameters"
    yield f"    tags: [Tag {number * 25}, Tag {number * 25 + 1}]"
    yield f"    parameters: [user_data.address, private_{number}]"
