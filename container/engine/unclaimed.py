"""Why a hit led to no event: which clients listen where, and what in the hit made each pass it on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from container.component import component_of
from container.effects import Reply
from container.engine.container import CompiledClient, Container
from container.event import Hit
from container.url import path_matches, query_parameters

VERSION = "2"
"""Of GA4's protocol, as `v` in the query names it."""

ID_PARAMETERS = ("tid", "measurement_id", "firebase_app_id")
"""Where the protocols state a measurement id."""

SERVERS_PATH, SERVERS_CLIENT = "/mp/collect", "measurement_protocol"
"""Where servers and apps send, and the type of client that takes it. The browser's `/collect` matches there, too."""

Change = tuple[str, Hit]
"""What is wrong with a hit, and the hit without it."""


def why_unclaimed(container: Container, hit: Hit) -> str:
    """What is wrong with the hit, as far as its clients can be asked."""
    if "?" in hit.path:
        return 'the path of the hit holds a "?": what follows it belongs into "query"'
    if not container.clients:
        return "the container has no client"
    has = any(_type(client) == SERVERS_CLIENT for client in container.clients)
    return "; ".join(f'client "{client.name}" {_passed_on(client, hit, has=has)}' for client in container.clients)


def why_eventless(client: str, reply: Reply) -> str:
    """What a client answered that took a hit and read no event out of it."""
    said = f": {body}" if (body := body_text(reply)) else ""
    return f'client "{client}" read no event and answered {reply.status}{said}'


def body_text(reply: Reply) -> str:
    """The body of a reply, empty when it is no text."""
    try:
        return reply.body.decode()
    except UnicodeDecodeError:
        return ""


def _passed_on(client: CompiledClient, hit: Hit, *, has: bool) -> str:
    """`has`: whether the container has a client for what servers send."""
    if client.paths and not path_matches(client.paths, hit.path):
        return f'listens on {" or ".join(client.paths)}, not on "{hit.path}"'
    if _type(client) == "ga4" and _is_of_server(hit):
        none = "" if has else ", and the container has none"
        return f"takes what browsers send: a hit on {SERVERS_PATH} needs a client of type {SERVERS_CLIENT}{none}"
    changes = list(_changes(client, hit))
    for count in range(1, len(changes) + 1):
        for chosen in combinations(changes, count):
            if client.function(client.settings, _changed(hit, chosen)) is not None:
                return "listens on this path, but " + " and ".join(words for words, _ in chosen)
    return "listens on this path, but found no event of its own in the hit"


def _type(client: CompiledClient) -> str:
    component = component_of(client.function)
    return "" if component is None else component.type


def _is_of_server(hit: Hit) -> bool:
    """Whether it came where servers send, and not in the words of a browser."""
    return path_matches((SERVERS_PATH,), hit.path) and query_parameters(hit.query).get("v") != VERSION


def _changes(client: CompiledClient, hit: Hit) -> Iterator[Change]:
    """What may be wrong, each with the hit as it would be otherwise. A client is pure, so it can be asked again."""
    query = query_parameters(hit.query)
    if hit.method not in ("GET", "POST"):
        yield f"the method is {hit.method}", replace(hit, method="POST")
    if query.get("v") != VERSION:
        stated = f'v is "{query["v"]}"' if "v" in query else "there is no v"
        yield f"{stated} in the query, where GA4 has v={VERSION}", _with(hit, f"v={VERSION}")
    listed: Sequence[str] = getattr(client.settings, "measurement_ids", ())
    found = next((query[name] for name in ID_PARAMETERS if query.get(name)), None)
    if found is None or (listed and found not in listed):
        words = "the query has no measurement id" if found is None else f'the measurement id is "{found}"'
        taken = f", and it takes {' and '.join(listed)} only" if listed else ""
        stated = listed[0] if listed else "G-1"
        yield words + taken, _with(hit, "&".join(f"{name}={stated}" for name in ID_PARAMETERS))
    if not query.get("en"):
        yield "the query has no event name (en)", _with(hit, "en=page_view")


def _with(hit: Hit, parameter: str) -> Hit:
    return replace(hit, query=f"{hit.query}&{parameter}" if hit.query else parameter)


def _changed(hit: Hit, chosen: Sequence[Change]) -> Hit:
    """The hit with several changes: each is either the method or something at the end of the query."""
    method = next((changed.method for _, changed in chosen if changed.method != hit.method), hit.method)
    added = "".join("&" + changed.query.removeprefix(hit.query).removeprefix("&") for _, changed in chosen)
    return replace(hit, method=method, query=hit.query + added)
