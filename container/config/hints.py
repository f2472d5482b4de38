"""What to write instead: remedies that can be told from what was written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from container.config.problem import did_you_mean
from container.config.source import Listing, Node, Scalar, Table, typed
from container.config.unquoted import quoted

_KEY = re.compile(r"[a-z][a-z0-9_]{0,60}")
_TRUE, _FALSE = ("true", "yes", "on", "y", "1"), ("false", "no", "off", "n", "0")

SHORT_FORM_FOR = {
    "cookies": "cookie",
    "headers": "header",
    "request_header": "header",
    "query": "request_query",
    "query_string": "request_query",
    "request": "request_query",
    "page": "page_query",
    "url": "page_query",
    "url_query": "page_query",
    "event_data": "event",
    "eventdata": "event",
    "events": "event",
    "data": "event",
    "datalayer": "event",
    "ep": "event",
    "epn": "event",
    "consents": "consent",
    "consent_state": "consent",
}
"""What else people call the short forms."""

SEVERAL_FOR = {"equals": "is_one_of", "does_not_equal": "is_not_one_of"}

_GROUP_FOR = {
    "or": "`any`",
    "and": "`all`",
    "none": "`not: {any: […]}`",
    "xor": "`any`, and `not: {all: […]}` beside it",
}


def for_value(node: Node | None, detail: str, name: str) -> str:
    """For a value of the wrong kind. `detail` says which kind the field of that name takes."""
    if name == "consent":
        return "write a list of consent types, or `not_needed`"
    if isinstance(node, Scalar):
        return _for_scalar(node, detail)
    if isinstance(node, Listing) and name in SEVERAL_FOR:
        return f"for several values write `{SEVERAL_FOR[name]}`"
    if isinstance(node, Listing) and detail.startswith("takes a mapping"):
        return "write `key: value` lines instead of a list"
    return ""


def for_choice(written: str, choices: Sequence[str]) -> str:
    """For one of a few words."""
    same = next((choice for choice in choices if choice == written.casefold()), None)
    return f"write {same}" if same else did_you_mean(written, choices)


def for_group(name: str) -> str:
    """For a group of conditions under another name."""
    meant = _GROUP_FOR.get(name.casefold())
    return f"write {meant}" if meant else ""


def for_reference(name: str, forms: Sequence[str]) -> str:
    """For a reference that leads nowhere and looks like a short form, or like something outside of references."""
    head, _, rest = name.partition(".")
    lower = head.casefold().replace("-", "_").replace(" ", "_")
    form = lower if lower in forms else SHORT_FORM_FOR.get(lower)
    if lower in ("env", "environment") and rest:
        return f"write ${{{rest}}}"
    if lower in ("secret", "secrets") and rest:
        return f"write ${{secret:{rest}}}"
    if form is None:
        return ""
    return f"write {{{{ {form}.{rest or 'name'} }}}}"


def for_event_data(name: str) -> str:
    """For a reference that leads nowhere, and has the shape of a key of event data."""
    return f"write {{{{ event.{name} }}}} for event data" if _KEY.fullmatch(name) else ""


def as_list(text: str) -> str:
    """The parts of a text with commas as a list in YAML."""
    return "[" + ", ".join(part.strip() for part in text.split(",") if part.strip()) + "]"


def _for_scalar(node: Scalar, detail: str) -> str:
    lower = node.text.strip().casefold()
    if detail == "takes true or false" and lower in (*_TRUE, *_FALSE):
        return f"write {'true' if lower in _TRUE else 'false'}, without quotes"
    if "number" in detail and not node.plain and isinstance(typed(node.text), (int, float)):
        return f"write {node.text}, without quotes"
    if "more values" in detail:
        return "write a list, such as [10, 20]"
    if detail.startswith("takes text") and node.plain and node.value is not None:
        return f"write {quoted(node.text)}"
    return ""


def for_thing(kind: str, node: Node) -> str:
    """For a named thing that is no mapping."""
    if isinstance(node, Scalar) and kind in ("client", "variable", "tag", "transformation"):
        return f"write {{type: {node.text}}}"
    if isinstance(node, Scalar) and kind == "trigger":
        return f"write {{events: {node.text}}}"
    return "" if isinstance(node, Table) else "write `key: value` lines below it"
