"""What to write instead: remedies that can be told from what was written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from container.config.problem import did_you_mean
from container.config.source import Listing, Node, Scalar, Table, typed
from container.config.unquoted import quoted

_ITEM = re.compile(r"\[(?:([0-9]{1,6})|[\"']([\w-]+)[\"'])\]")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,60}")
_TRUE, _FALSE = ("true", "yes", "on", "y", "1"), ("false", "no", "off", "n", "0")

SHORT_FORM_FOR = {
    "cookies": "cookie",
    "headers": "header",
    "request_header": "header",
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

_BUILT_IN_FOR = {
    "event": "Event Name",
    "event_type": "Event Name",
    "_event": "Event Name",
    "client_ip": "IP Address",
    "ip": "IP Address",
    "remote_address": "IP Address",
    "visitor_ip": "IP Address",
    "page": "Page URL",
    "url": "Page URL",
    "page_location": "Page URL",
    "hostname": "Page Hostname",
    "host": "Page Hostname",
    "path": "Page Path",
    "pathname": "Page Path",
    "query": "Query String",
    "referer": "Referrer",
    "useragent": "User Agent",
}
"""Built-in variables under other names."""

_NAMELESS = {
    "cookie": "name the cookie, such as {{ cookie._ttp }}",
    "cookies": "name the cookie, such as {{ cookie._ttp }}",
    "header": "name the header, such as {{ header.referer }}",
    "headers": "name the header, such as {{ header.referer }}",
    "consent": "name the consent type, such as {{ consent.ad_storage }}",
    "request_query": "name the parameter, such as {{ request_query.tid }}",
    "page_query": "name the parameter, such as {{ page_query.ttclid }}",
}
"""Short forms that name nothing."""

_STATUS_FOR = {"sent": "fired", "delivered": "fired", "ok": "fired", "success": "fired", "not_fired": "not_triggered"}

_CONSENT_OF = {
    "client": "write {default: granted} or {default: denied}",
    "test": "write {ad_storage: granted}, with the types that the visitor spoke of",
}

SEVERAL_FOR = {"equals": "is_one_of", "does_not_equal": "is_not_one_of"}

_GROUP_FOR = {
    "or": "`any`",
    "and": "`all`",
    "none": "`not: {any: […]}`",
    "xor": "`any`, and `not: {all: […]}` beside it",
}


def for_value(node: Node | None, detail: str, name: str, kind: str = "") -> str:
    """For a value of the wrong kind. `detail`: what the field of that name takes; `kind`: whose it is."""
    if name == "consent":
        return _CONSENT_OF.get(kind, "write a list of consent types, or `not_needed`")
    if name == "browser" and isinstance(node, Scalar) and isinstance(node.value, bool):
        return f"write {{pixel: {node.text}}}"
    if name == "time":
        return "write Unix milliseconds, such as 1767261600000"
    if name == "query" and isinstance(node, Table):
        return (
            f"write it as text: {quoted('&'.join(f'{key}={_shown(each.value)}' for key, each in node.entries.items()))}"
        )
    if detail.startswith("takes 2 values"):
        return "write two of them, such as [10, 20]"
    if isinstance(node, Scalar):
        return _for_scalar(node, detail)
    if isinstance(node, Listing) and name in SEVERAL_FOR:
        return f"for several values write `{SEVERAL_FOR[name]}`"
    if isinstance(node, Listing) and detail.startswith("takes a mapping"):
        return "write `key: value` lines instead of a list"
    return ""


def for_choice(written: str, choices: Sequence[str]) -> str:
    """For one of a few words."""
    if set(choices) == {"granted", "denied"} and written.casefold() in (*_TRUE, *_FALSE):
        return f"write {'granted' if written.casefold() in _TRUE else 'denied'}"
    written = _STATUS_FOR.get(written.casefold(), written)
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
    if not rest:
        built_in = _BUILT_IN_FOR.get(lower)
        return f"write {{{{ {built_in} }}}}" if built_in else _NAMELESS.get(lower, "")
    if lower in ("query", "query_string"):
        return f"write {{{{ page_query.{rest} }}}} for the page's, {{{{ request_query.{rest} }}}} for the hit's own"
    return "" if form is None else f"write {{{{ {form}.{rest} }}}}"


def for_event_data(name: str) -> str:
    """For a reference that leads nowhere, and has the shape of a key of event data."""
    return f"write {{{{ event.{name} }}}} for event data" if _KEY.fullmatch(name) else ""


def for_expression(name: str) -> str:
    """For a reference that calculates: a filter, or the item of a list in brackets."""
    before, bar, _ = name.partition("|")
    if bar and before.strip():
        return f"write {{{{ {before.strip()} }}}}, and declare a variable with `format` to change its value"
    if _ITEM.search(name):
        return f"write {{{{ {_ITEM.sub(lambda found: '.' + (found[1] or found[2]), name)} }}}}"
    return ""


def as_list(text: str) -> str:
    """The parts of a text with commas as a list in YAML."""
    return "[" + ", ".join(part.strip() for part in text.split(",") if part.strip()) + "]"


def _shown(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else "…"


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
