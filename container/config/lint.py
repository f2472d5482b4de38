"""Warnings about a container that is right as it stands, and hardly meant so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from container.config.draft import Draft
from container.config.model import ClientModel, TagModel, TriggerModel
from container.config.sections import Read
from container.config.source import Entry, Scalar, Table
from container.shape import text

CONVERSIONS = (
    "purchase",
    "generate_lead",
    "sign_up",
    "begin_checkout",
    "add_to_cart",
    "add_to_wishlist",
    "add_payment_info",
    "add_shipping_info",
    "subscribe",
    "start_trial",
)
"""Events that vendors count as conversions, under GA4's names: a pixel is likely to report them too."""

_ACCOUNTS = ("pixel_id", "dataset_id", "measurement_id", "account_id")
_MOST_CLIENTS = 100
_BESIDE_LETTERS = re.compile(r"[^a-z0-9]")


def lint(
    draft: Draft,
    clients: Mapping[str, Read[ClientModel]],
    triggers: Mapping[str, Read[TriggerModel]],
    tags: Mapping[str, Read[TagModel]],
) -> None:
    """Adds the warnings to the draft."""
    _shadowed_clients(draft, clients)
    _open_endpoints(draft, clients)
    accounts: dict[tuple[str, str], tuple[str, Any]] = {}
    for tag in tags.values():
        _near_standard_events(draft, tag)
        if tag.model is not None:
            _dedup_unknown(draft, tag, tag.model, triggers)
            _name_mismatch(draft, tag, tag.model, accounts)


def _shadowed_clients(draft: Draft, clients: Mapping[str, Read[ClientModel]]) -> None:
    models = [each.model for each in clients.values() if each.model is not None]
    # Every pair is compared, so there is an end to it; no container has that many.
    ordered = sorted(models[:_MOST_CLIENTS], key=lambda model: -model.priority)
    for at, model in enumerate(ordered):
        first = next((earlier for earlier in ordered[:at] if _covers(earlier, model)), None)
        if first is not None:
            sentence = f'client "{model.name}" never gets a hit: "{first.name}" comes first and takes all it could'
            draft.report("shadowed-client", clients[model.name].owner.place, sentence)


def _covers(first: ClientModel, second: ClientModel) -> bool:
    """Whether the first client claims every hit that the second would, as far as paths and measurement IDs tell."""
    if first.component.type != second.component.type or not getattr(first.settings, "paths", ()):
        return False
    wanted = getattr(second.settings, "paths", ())
    ids, others = (set(getattr(each.settings, "measurement_ids", ())) for each in (first, second))
    all_paths = all(any(path == offer or path.endswith(offer) for offer in _paths(first)) for path in wanted)
    return all_paths and (not ids or (bool(others) and others <= ids))


def _paths(model: ClientModel) -> tuple[str, ...]:
    return tuple(getattr(model.settings, "paths", ()))


def _open_endpoints(draft: Draft, clients: Mapping[str, Read[ClientModel]]) -> None:
    for each in clients.values():
        settings = None if each.model is None else each.model.settings
        if hasattr(settings, "api_secret") and not getattr(settings, "api_secret", None):
            sentence = f"{each.owner} takes hits from anybody"
            draft.report("open-endpoint", each.owner.place, sentence, hint='write `api_secret: "${secret:NAME}"`')


def _dedup_unknown(
    draft: Draft, tag: Read[TagModel], model: TagModel, triggers: Mapping[str, Read[TriggerModel]]
) -> None:
    if not hasattr(model.settings, "browser") or getattr(model.settings, "browser", None) is not None:
        return
    heard = [triggers[name].model for name in model.triggers if name in triggers]
    if any(trigger is not None and _hears_conversions(trigger) for trigger in heard):
        sentence = f"{tag.owner} sends conversions, and it is not said whether a browser pixel sends them too"
        hint = "write `browser: {pixel: true}` or `browser: {pixel: false}`"
        draft.report("dedup-unknown", tag.owner.place, sentence, hint=hint)


def _hears_conversions(trigger: TriggerModel) -> bool:
    if not trigger.events and not trigger.events_matching:
        return True
    if any(name in CONVERSIONS for name in trigger.events):
        return True
    return any(pattern.search(name) is not None for pattern in trigger.events_matching for name in CONVERSIONS)


def _name_mismatch(
    draft: Draft, tag: Read[TagModel], model: TagModel, accounts: dict[tuple[str, str], tuple[str, Any]]
) -> None:
    browser = getattr(model.settings, "browser", None)
    account = next((value for name in _ACCOUNTS if (value := getattr(model.settings, name, None)) is not None), None)
    if browser is None or account is None:
        return
    other, first = accounts.setdefault((model.component.type, text(str(account))), (model.name, browser))
    if _same_names(first, browser):
        return
    entry = tag.entries["browser"]
    place = entry.key.place
    if isinstance(entry.value, Table) and "event_names" in entry.value.entries:
        place = entry.value.entries["event_names"].value.place
    sentence = f'{tag.owner} and tag "{other}" send to one account and name their events differently'
    draft.report("name-mismatch", place, sentence)


def _same_names(first: Any, second: Any) -> bool:
    events = [getattr(each, "events", {}) for each in (first, second)]
    if getattr(first, "event_names", None) != getattr(second, "event_names", None):
        return False
    return all(events[1].get(name, value) == value for name, value in events[0].items())


def _near_standard_events(draft: Draft, tag: Read[TagModel]) -> None:
    component = None if tag.model is None else tag.model.component
    if component is None or not component.standard_events:
        return
    standard = {_letters(name): name for name in component.standard_events}
    for node in _event_names(tag.entries):
        near = standard.get(_letters(node.text))
        if near is not None and node.text not in component.standard_events:
            sentence = f'{tag.owner}: "{node.text}" is a custom event, and nearly the vendor\'s own "{near}"'
            draft.report("near-standard-event", node.place, sentence, hint=f'did you mean "{near}"?')


def _event_names(entries: Mapping[str, Entry]) -> Iterator[Scalar]:
    """Where a tag names the vendor's events: `event`, `event_map` and `browser.events`."""
    browser = entries["browser"].value if "browser" in entries else None
    inner = browser.entries if isinstance(browser, Table) else {}
    for entry in (entries.get("event"), entries.get("event_map"), inner.get("events")):
        node = None if entry is None else entry.value
        members = [each.value for each in node.entries.values()] if isinstance(node, Table) else [node]
        yield from (member for member in members if isinstance(member, Scalar))


def _letters(name: str) -> str:
    return _BESIDE_LETTERS.sub("", name.lower()).removesuffix("s")
