"""Warnings about a container that is right as it stands, and hardly meant so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import BaseModel

from container.config.annotations import fields_of, model_of
from container.config.draft import Draft
from container.config.model import ClientModel, TagModel, TriggerModel, VariableModel
from container.config.sections import Read, named_nodes
from container.config.source import Entry, Scalar, Table
from container.config.unquoted import quoted
from container.fields import Settings
from container.shape import text
from container.template import Template

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

GOOGLE_EVENTS = (
    *CONVERSIONS,
    *("page_view", "view_item", "view_item_list", "select_item", "view_cart", "remove_from_cart", "refund"),
    *("view_promotion", "select_promotion", "search", "view_search_results", "login", "share", "select_content"),
    *("session_start", "first_visit", "user_engagement", "scroll", "file_download", "form_start", "form_submit"),
    *("video_start", "video_progress", "video_complete", "join_group", "earn_virtual_currency", "tutorial_begin"),
)
"""Names that Google's library and its guides use."""

_GTM_EVENTS = {
    **dict.fromkeys(("gtm.js", "gtm.dom", "gtm.load", "gtm.init", "gtm.historyChange"), "page_view"),
    "gtm.click": "click",
    "gtm.linkClick": "click",
    "gtm.formSubmit": "form_submit",
    "gtm.scrollDepth": "scroll",
    "gtm.video": "video_progress",
    "gtm.timer": "user_engagement",
    "gtm.elementVisibility": "view_promotion",
}
"""Events of GTM's web container, and which of GA4's comes nearest."""

_PATTERN_SIGNS = re.compile(r"[*^$|\\+?()\[\]]|^/.*/[a-z]*$")
_OTHER_SIGNS = re.compile(r"[\^$|\\+?()\[\]]|\.\*")
_SLASHES = re.compile(r"/.*/")
_ACCOUNTS = ("pixel_id", "dataset_id", "measurement_id", "account_id")
_MOST_CLIENTS = 100
_BESIDE_LETTERS = re.compile(r"[^a-z0-9]")
_GOOGLE_EVENTS = {_BESIDE_LETTERS.sub("", name): name for name in GOOGLE_EVENTS}


@dataclass(frozen=True, slots=True)
class _Names:
    """How a tag names its events: the style of the pixel's names, and those of single events."""

    style: object
    events: Mapping[str, str]


def lint(
    draft: Draft,
    clients: Mapping[str, Read[ClientModel]],
    variables: Mapping[str, Read[VariableModel]],
    triggers: Mapping[str, Read[TriggerModel]],
    tags: Mapping[str, Read[TagModel]],
) -> None:
    """Adds the warnings to the draft."""
    _shadowed_clients(draft, clients)
    _open_endpoints(draft, clients)
    accounts: dict[tuple[str, str], tuple[str, _Names]] = {}
    for variable in variables.values():
        _looks_nothing_up(draft, variable)
    for trigger in triggers.values():
        _near_google_events(draft, trigger)
    for tag in tags.values():
        _near_standard_events(draft, tag)
        if tag.model is not None:
            _dedup_unknown(draft, tag, tag.model, triggers)
            _name_mismatch(draft, tag, tag.model, accounts)


def _looks_nothing_up(draft: Draft, variable: Read[VariableModel]) -> None:
    """A table whose input is the same for every event gives one row forever."""
    settings = None if variable.model is None else variable.model.settings
    if settings is None or "input" not in variable.entries:
        return
    if not isinstance(getattr(settings, "input", None), Template):
        hint = 'write the value to look up, such as `input: "{{ Page Path }}"`'
        sentence = f'{variable.owner}: "input" is the same for every event'
        draft.report("wrong-type", variable.entries["input"].value.place, sentence, hint=hint, level="warning")


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
    ids, others = (set(getattr(each.settings, "measurement_ids", ())) for each in (first, second))
    # A longer path is its own client's, so only the same ones are covered.
    return set(_paths(second)) <= set(_paths(first)) and (not ids or (bool(others) and others <= ids))


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
    draft: Draft, tag: Read[TagModel], model: TagModel, accounts: dict[tuple[str, str], tuple[str, _Names]]
) -> None:
    names = _names_of(model.settings)
    account = next((value for name in _ACCOUNTS if (value := getattr(model.settings, name, None)) is not None), None)
    if names is None or account is None:
        return
    other, first = accounts.setdefault((model.component.type, text(str(account))), (model.name, names))
    if first.style == names.style and all(names.events.get(name, own) == own for name, own in first.events.items()):
        return
    place = tag.owner.place
    if "browser" in tag.entries:
        entry = tag.entries["browser"]
        inner = entry.value.entries if isinstance(entry.value, Table) else {}
        place = inner["event_names"].value.place if "event_names" in inner else entry.key.place
    sentence = f'{tag.owner} and tag "{other}" send to one account and name their events differently'
    draft.report("name-mismatch", place, sentence)


def _names_of(settings: Settings | None) -> _Names | None:
    """How a tag names events; `None` for one that does not follow a browser pixel, or has one name for all."""
    annotation = {} if settings is None else fields_of(type(settings))
    if "browser" not in annotation or getattr(settings, "event", None) is not None:
        return None
    browser, usual = getattr(settings, "browser", None), model_of(annotation["browser"])
    style = getattr(browser, "event_names", None)
    if not isinstance(browser, BaseModel) and usual is not None and "event_names" in usual.model_fields:
        style = usual.model_fields["event_names"].default
    return _Names(style, {**getattr(browser, "events", {}), **getattr(settings, "event_map", {})})


def _near_standard_events(draft: Draft, tag: Read[TagModel]) -> None:
    component = None if tag.model is None else tag.model.component
    if component is None or not component.standard_events:
        return
    standard = {_letters(name): name for name in component.standard_events}
    swapped = tag.entries.get("event_map")
    for key, entry in swapped.value.entries.items() if swapped and isinstance(swapped.value, Table) else ():
        if key in component.standard_events and _BESIDE_LETTERS.sub("", _text(entry)) in _GOOGLE_EVENTS:
            sentence = f"{tag.owner}: GA4's name comes first, and \"{key}\" is the vendor's"
            draft.report("near-standard-event", entry.key.place, sentence, hint=f"write `{_text(entry)}: {key}`")
            return
    for node in _event_names(tag.entries):
        letters = _letters(node.text)
        near = None if "{{" in node.text else standard.get(letters) or _misspelt(letters, standard)
        if near is not None and node.text not in component.standard_events:
            sentence = f'{tag.owner}: "{node.text}" is a custom event, and nearly the vendor\'s own "{near}"'
            draft.report("near-standard-event", node.place, sentence, hint=f'did you mean "{near}"?')


def _near_google_events(draft: Draft, trigger: Read[TriggerModel]) -> None:
    for node in named_nodes(trigger.entries.get("events")):
        name = node.text if isinstance(node, Scalar) else ""
        if name in _GTM_EVENTS:
            sentence = f'{trigger.owner} hears "{name}", which stays in the browser: hits have the names of GA4'
            hint = f'did you mean "{_GTM_EVENTS[name]}"?'
            draft.report("near-standard-event", node.place, sentence, hint=hint)
            continue
        if "{{" not in name and _PATTERN_SIGNS.search(name):
            sentence = f'{trigger.owner}: "{name}" is an exact name here, and looks like a pattern'
            hint = f"write `events_matching: {quoted(_as_pattern(name))}`"
            draft.report("wrong-type", node.place, sentence, hint=hint, level="warning")
            continue
        letters = _BESIDE_LETTERS.sub("", name.lower())
        near = None if "{{" in name else _GOOGLE_EVENTS.get(letters) or _misspelt(letters, _GOOGLE_EVENTS)
        if near is not None and name != near:
            sentence = f'{trigger.owner} hears "{name}", and Google\'s own event is "{near}"'
            draft.report("near-standard-event", node.place, sentence, hint=f'did you mean "{near}"?')


def _as_pattern(name: str) -> str:
    """What somebody means by it who writes a pattern, or a star for the rest of a name."""
    if _SLASHES.fullmatch(name):
        return name.strip("/")
    return name if _OTHER_SIGNS.search(name) else "^" + name.replace("*", ".*") + "$"


def _event_names(entries: Mapping[str, Entry]) -> Iterator[Scalar]:
    """Where a tag names the vendor's events: `event`, `event_map` and `browser.events`."""
    browser = entries["browser"].value if "browser" in entries else None
    inner = browser.entries if isinstance(browser, Table) else {}
    for entry in (entries.get("event"), entries.get("event_map"), inner.get("events")):
        node = None if entry is None else entry.value
        members = [each.value for each in node.entries.values()] if isinstance(node, Table) else [node]
        yield from (member for member in members if isinstance(member, Scalar))


def _text(entry: Entry) -> str:
    return entry.value.text if isinstance(entry.value, Scalar) else ""


def _misspelt(letters: str, known: Mapping[str, str]) -> str | None:
    """The name of which one letter is missing, doubled or another; a plural is a name of its own."""
    near = get_close_matches(letters, [each for each in known if abs(len(each) - len(letters)) <= 1], n=1, cutoff=0.9)
    return known[near[0]] if near and letters.removesuffix("s") != near[0].removesuffix("s") else None


def _letters(name: str) -> str:
    return _BESIDE_LETTERS.sub("", name.lower()).removesuffix("s")
