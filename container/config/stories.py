"""The tests of a container file: hits or an event, and what is expected of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, TypeVar

import orjson

from container.case import CaseError, Status, event_from_json, expects_nothing, hit_from_json
from container.config.draft import Draft, Owner
from container.config.model import StoryModel, TagModel
from container.config.problem import Place
from container.config.sections import Read, named_nodes, table
from container.config.source import LARGEST_FILE, Entry, Listing, Node, Scalar, Table, plain, read
from container.config.story_keys import EventKeys, ExpectKeys, HitKeys, ReplyKeys, RequestKeys
from container.config.validate import report_unknown_key, validated
from container.event import Event, Hit
from container.fields import Settings

S = TypeVar("S", bound=Settings)

KEYS = ("hit", "event", "expect", "reply")
MOST_HITS = 1000
REQUESTS = "requests"

_YAML = (".yaml", ".yml")


def stories(draft: Draft, section: Table, tags: Mapping[str, Read[TagModel]]) -> tuple[StoryModel, ...]:
    """The tests that are right. Those that need files are left out when files are not to be read."""
    found = (_story(draft, name, entry, tags) for name, entry in section.entries.items())
    return tuple(story for story in found if story is not None)


def _story(draft: Draft, name: str, entry: Entry, tags: Mapping[str, Read[TagModel]]) -> StoryModel | None:
    owner = Owner("test", name, entry.key.place)
    before = len(draft.problems)
    entries = table(draft, entry.value, str(owner)).entries
    _check_keys(draft, owner, entries)
    hits = _hits(draft, owner, entries.get("hit"))
    event = _event(draft, owner, entries["event"]) if "event" in entries else None
    expect = _expect(draft, owner, entries.get("expect"), tags)
    reply = [_stated(each) for each in _each(draft, owner, entries.get("reply"), ReplyKeys)]
    wrong = any(each.level == "error" for each in draft.problems[before:])
    if wrong or hits is None:
        return None
    return StoryModel(name, hits, event, expect, tuple(reply))


def _check_keys(draft: Draft, owner: Owner, entries: Mapping[str, Entry]) -> None:
    for key, entry in entries.items():
        if key not in KEYS:
            report_unknown_key(draft, key, entry.key.place, owner, known=KEYS)
    if "hit" in entries and "event" in entries:
        place = entries["event"].key.place
        draft.report("wrong-type", place, f"{owner} has a hit and an event", hint="give it one of the two")
    if "hit" not in entries and "event" not in entries:
        draft.report("missing-field", owner.place, f'{owner}: the field "hit" or "event" is missing')
    if not any(key in entries and not _is_empty(entries[key].value) for key in ("expect", "reply")):
        hint = "say what becomes of a tag: `expect: {Name of the tag: {status: fired}}`"
        draft.report("missing-field", owner.place, f'{owner}: the field "expect" is missing', hint=hint)


def _is_empty(node: Node) -> bool:
    return (isinstance(node, Scalar) and node.value is None) or (isinstance(node, Table) and not node.entries)


def _hits(draft: Draft, owner: Owner, entry: Entry | None) -> tuple[Hit, ...] | None:
    """The hits in their order; `None` when some of them are in files that are not to be read."""
    if entry is None:
        return ()
    nodes = named_nodes(entry)
    if not nodes:
        draft.report("wrong-type", entry.value.place, f'{owner}: "hit" is an empty list')
    in_files = any(isinstance(node, Scalar) for node in nodes)
    hits = [hit for node in nodes for hit in _hits_of(draft, owner, node)]
    return None if in_files and draft.folder is None else tuple(hits)


def _hits_of(draft: Draft, owner: Owner, node: Node) -> Iterator[Hit]:
    if isinstance(node, Table):
        keys = validated(draft, HitKeys, node.entries, owner=owner)
        stated: Sequence[Any] = [] if keys is None else [keys.model_dump(exclude_unset=True)]
    elif isinstance(node, Scalar) and isinstance(node.value, str):
        stated = _hits_in_file(draft, owner, node, node.value)
    else:
        draft.report("wrong-type", node.place, f"{owner}: a hit is a mapping, or the name of a file with hits")
        return
    for number, each in enumerate(stated, start=1):
        try:
            yield hit_from_json(each)
        except CaseError as problem:
            where = f'hit {number} of "{node.value}"' if isinstance(node, Scalar) else "this"
            reason = str(problem)
            draft.report("wrong-type", node.place, f"{owner}: {where} is no hit: {reason[:1].lower()}{reason[1:-1]}")
            return


def _hits_in_file(draft: Draft, owner: Owner, node: Scalar, name: str) -> Sequence[Any]:
    path = PurePath(name)
    if path.is_absolute() or ".." in path.parts:
        hint = "name it relative to the container file"
        draft.report("wrong-type", node.place, f"{owner}: the file is outside of the container's folder", hint=hint)
        return ()
    if draft.folder is None:
        return ()
    try:
        with (draft.folder / path).open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError):
        hint = "name one that is there, relative to the container file, or write the hit itself"
        draft.report("wrong-type", node.place, f'{owner}: the file "{name}" cannot be read', hint=hint)
        return ()
    try:
        found = _in_yaml(content) if path.suffix in _YAML else _in_lines(content)
    except ValueError as problem:
        draft.report("wrong-type", node.place, f'{owner}: "{name}" holds no hits: {problem}')
        return ()
    if not found or len(found) > MOST_HITS or len(content) > LARGEST_FILE:
        sentence = f'{owner}: "{name}" holds no hits, or more than {MOST_HITS} of them, or more than 1 MB'
        draft.report("wrong-type", node.place, sentence)
    return found[:MOST_HITS]


def _in_lines(content: bytes) -> list[Any]:
    """One JSON value per line. Raises `ValueError`."""
    found = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            found += [orjson.loads(line)] if line.strip() else []
        except orjson.JSONDecodeError:
            raise ValueError(f"line {number} is no JSON") from None
    return found


def _in_yaml(content: bytes) -> list[Any]:
    """A hit or a list of them. Raises `ValueError`."""
    source = read(content.decode("utf-8", "replace"))
    if source.root is None or source.problems:
        raise ValueError("it is no valid YAML")
    return [plain(node) for node in (source.root.items if isinstance(source.root, Listing) else [source.root])]


def _event(draft: Draft, owner: Owner, entry: Entry) -> Event | None:
    keys = validated(draft, EventKeys, table(draft, entry.value, f'{owner}: "event"').entries, owner=owner)
    if keys is None:
        return None
    return event_from_json(keys.model_dump(), hit_from_json({}))


def _expect(
    draft: Draft, owner: Owner, entry: Entry | None, tags: Mapping[str, Read[TagModel]]
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    found = {}
    entries = {} if entry is None else table(draft, entry.value, f'{owner}: "expect"').entries
    for name, each in entries.items():
        if name not in tags:
            _report_unknown_tag(draft, owner, name, each.key.place, tags)
        model = tags[name].model if name in tags else None
        found[name] = [_expectation(draft, owner, node, model) for node in _tables(draft, owner, each)]
    return found


def _report_unknown_tag(
    draft: Draft, owner: Owner, name: str, place: Place, tags: Mapping[str, Read[TagModel]]
) -> None:
    lines = {known: tag.owner.place.line for known, tag in tags.items()}
    hint = "what the visitor gets is expected under `reply`, beside `expect`" if name == "reply" else ""
    sentence = f'{owner} expects something of the tag "{name}", which does not exist'
    draft.report("unknown-tag", place, sentence, hint=hint or draft.suggest(name, lines))


def _expectation(draft: Draft, owner: Owner, node: Table, tag: TagModel | None) -> Mapping[str, Any]:
    """What is expected of a tag on one event."""
    own = {key: entry for key, entry in node.entries.items() if key != REQUESTS}
    here = Owner(owner.kind, owner.name, node.place)
    keys = validated(draft, ExpectKeys, own, owner=here, known=[REQUESTS])
    found = {} if keys is None else _stated(keys)
    if REQUESTS in node.entries:
        requests = _each(draft, here, node.entries[REQUESTS], RequestKeys)
        found[REQUESTS] = [_stated(request) for request in requests]
    before = len(draft.problems)
    _report_impossible(draft, here, node, found)
    reason = "" if tag is None or "status" not in found else _never(tag, found["status"])
    if tag is not None and reason and len(draft.problems) == before:
        # The tag may have changed and the test not yet: that is for `test` to find, and no fault of the container.
        sentence = f'{owner}: the tag "{tag.name}" is never {found["status"]}: {reason}'
        draft.report("wrong-type", node.entries["status"].value.place, sentence, level="warning")
    return found


def _report_impossible(draft: Draft, owner: Owner, node: Table, found: Mapping[str, Any]) -> None:
    """Reports parts of a request that can never be found together with the rest."""
    sent = [key for key, value in found.items() if key != "status" and not (value == [] or expects_nothing(value))]
    if sent and found.get("status", "fired") != "fired":
        draft.report("wrong-type", node.entries[sent[0]].key.place, f"{owner}: only a tag that fires sends something")
    tables = [node, *(each for each in named_nodes(node.entries.get(REQUESTS)) if isinstance(each, Table))]
    for each in tables:
        bodies = [entry for key, entry in each.entries.items() if key in ("json", "body")]
        if len([entry for entry in bodies if not expects_nothing(plain(entry.value))]) > 1:
            hint = "expect `json` when the body is JSON, else `body`"
            draft.report("wrong-type", bodies[1].key.place, f"{owner}: a request has one body", hint=hint)


def _never(tag: TagModel, status: Status) -> str:
    """Why the tag can never have this status; empty when it can."""
    if tag.paused:
        return "" if status == "paused" else "it is paused"
    reasons: Mapping[Status, tuple[object, str]] = {
        "paused": (tag.schedule, "it is not paused and has no schedule"),
        "blocked_by_exception": (tag.exceptions, "it has no exceptions"),
        "blocked_by_consent": (tag.consent, "it needs no consent"),
        "blocked_by_once_per": (tag.once_per, "it has no `once_per`"),
    }
    given, reason = reasons.get(status, (True, ""))
    return "" if given else reason


def _each(draft: Draft, owner: Owner, entry: Entry | None, model: type[S]) -> list[S]:
    found = (validated(draft, model, node.entries, owner=owner) for node in _tables(draft, owner, entry))
    return [each for each in found if each is not None]


def _tables(draft: Draft, owner: Owner, entry: Entry | None) -> Iterator[Table]:
    """The mappings of a list of them, or the single one."""
    for node in named_nodes(entry):
        if isinstance(node, Table):
            yield node
        else:
            name = "" if entry is None else entry.key.text
            draft.report("wrong-type", node.place, f'{owner}: "{name}" takes a mapping, or a list of mappings')


def _stated(keys: Settings) -> dict[str, Any]:
    """What was written, under the names that it was written with."""
    found = keys.model_dump(exclude_unset=True)
    return {"json" if name == "json_body" else name: value for name, value in found.items()}
