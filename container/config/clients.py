"""Values of clients that load and never match: nothing a browser or a sender would state."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from container.config.draft import Draft
from container.config.model import ClientModel
from container.config.origins import domain_of, is_domain, origin_of, takes_cookies
from container.config.problem import Level
from container.config.sections import Read, named_nodes
from container.config.source import Entry, Scalar, Table

_OTHER_IDS = {"UA-": "Universal Analytics", "GTM-": "a container", "AW-": "Google Ads", "DC-": "Floodlight"}
_MEASUREMENT_ID = re.compile(r"G-[A-Z0-9]+")
_FIREBASE_ID = re.compile(r"[0-9]+:[0-9]+:[a-z]+:[0-9a-f]+")
_BETWEEN = re.compile(r"[,;\s]+")
_SHORT_ID = re.compile(r"[A-Z0-9]{6,12}")
_ORIGIN = re.compile(r"https?://[a-z0-9.\[\]:-]+")
_DOMAIN = re.compile(r"[A-Za-z0-9.-]+")

_SOME_ID = "write one like G-ABC123"


def check_clients(draft: Draft, clients: Mapping[str, Read[ClientModel]]) -> None:
    """Warns of measurement IDs, origins and domains that never occur."""
    for client in clients.values():
        for node in _written(client.entries.get("measurement_ids")):
            if found := _no_id(node):
                sentence = f"{client.owner}: {found[0]}"
                draft.report("wrong-type", node.place, sentence, hint=found[1], level="warning")
        for node in _written(client.entries.get("allow_origins")):
            if _ORIGIN.fullmatch(node.text):
                _check_origin(draft, client, node)
        cookie = client.entries.get("cookie")
        inner = cookie.value.entries if cookie is not None and isinstance(cookie.value, Table) else {}
        for node in _written(inner.get("domain")):
            if node.text != "auto" and _DOMAIN.fullmatch(node.text):
                _check_domain(draft, client, node)


def _written(entry: Entry | None) -> Iterator[Scalar]:
    """The texts of a field that stand in the file, whatever the environment is."""
    for node in named_nodes(entry):
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.text and "{" not in node.text:
            yield node


def _no_id(node: Scalar) -> tuple[str, str] | None:
    """What is wrong with a measurement ID, and what to write."""
    written = node.text
    if kind := next((kind for prefix, kind in _OTHER_IDS.items() if written.strip().upper().startswith(prefix)), ""):
        return f"hits have a measurement ID, and this is the ID of {kind}", _SOME_ID
    if _MEASUREMENT_ID.fullmatch(written) or _FIREBASE_ID.fullmatch(written):
        return None
    parts = [part for part in _BETWEEN.split(written.strip()) if part]
    meant = [_meant_id(part) for part in parts]
    if len(parts) > 1:
        # A comma outside of a list is told where lists are read.
        several = f"write a list: [{', '.join(meant)}]" if all(meant) else "write a list of them"
        return "several measurement IDs in one text are none", several
    hint = f"write {meant[0]}" if meant and meant[0] else _SOME_ID
    return f'"{written}" is no measurement ID, so no hit has it', hint


def _meant_id(part: str) -> str:
    upper = part.upper()
    if _FIREBASE_ID.fullmatch(part) or _MEASUREMENT_ID.fullmatch(upper):
        return part if _FIREBASE_ID.fullmatch(part) else upper
    return f"G-{upper}" if _SHORT_ID.fullmatch(upper) and any(sign.isdigit() for sign in upper) else ""


def _check_origin(draft: Draft, client: Read[ClientModel], node: Scalar) -> None:
    meant = origin_of(node.text)
    if meant == node.text:
        return
    level: Level = "warning" if meant else "error"
    sentence = f'{client.owner}: no browser sends "{node.text}" as the origin of a page'
    draft.report(
        "wrong-type", node.place, sentence, hint=f"write {meant or 'it like https://www.shop.example'}", level=level
    )


def _check_domain(draft: Draft, client: Read[ClientModel], node: Scalar) -> None:
    domain = node.text.removeprefix(".")
    if is_domain(domain):
        if not takes_cookies(domain):
            sentence = f'{client.owner}: browsers keep no cookie for "{node.text}"'
            hint = "write the domain of the shop, such as shop.example, or auto"
            draft.report("wrong-type", node.place, sentence, hint=hint, level="warning")
        return
    meant = domain_of(node.text)
    sentence = f'{client.owner}: "{node.text}" is no domain'
    draft.report("wrong-type", node.place, sentence, hint=f"write {meant or 'one such as shop.example, or auto'}")
