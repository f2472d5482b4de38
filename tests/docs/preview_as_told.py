"""What the screens of preview and of the sandbox show, as lines of text: in their words, by what their scripts get."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.cli.processes import ROOT

Json = Mapping[str, Any]
STATIC = ROOT / "container" / "preview" / "static"
STATUSES = {
    status: (sign, words)
    for status, sign, words in re.findall(
        r'^  (\w+): \["(.)", "\w+", "([^"]+)"\],$',
        (STATIC / "preview-tabs.js").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
}
DRY = re.search(r'"(Dry run: not sent)"', (STATIC / "preview-traffic.js").read_text(encoding="utf-8"))


def tags(record: Json, *, opened: bool) -> Iterator[str]:
    """Of the record's only event. `opened`: with what a tag shows when it is pressed."""
    for tag in _event(record)["tags"]:
        sign, words = STATUSES[tag["status"]]
        yield f"{sign} {tag['tag']}, {words}: {tag['why']}"
        if opened:
            yield "  Firing triggers"
            for trigger in tag["triggers"]:
                yield f"    {_mark(trigger['holds'])} {trigger['name']}"
                for each in trigger["conditions"]:
                    yield f"      {_mark(each['holds'])} {each['text']}, value: {each['value']}"
            yield "  Consent"
            for each in tag["consent"]:
                state = "granted" if each["granted"] else "denied"
                yield f"    {_mark(each['granted'])} {each['type']}, {state}, by {each['source']}"
            yield "  Settings"
            for each in tag["settings"]:
                yield f"    {each['field']}, {_written(each['written'])}, {each['value']}"


def variables(record: Json) -> Iterator[str]:
    for each in _event(record)["variables"]:
        yield f"{each['name']}, {each['type']}, {each['value']}: {each['from']}"


def outgoing(record: Json) -> Iterator[str]:
    for each in record["outgoing"]:
        answer = each["answer"]
        assert DRY is not None
        yield f"{each['tag']}, {answer['verdict']} ({answer['status']})" if answer else f"{each['tag']}, {DRY[1]}"
        yield f"{each['method']} {each['url']}"
        yield from json.dumps(json.loads(each["body"]), indent=2, ensure_ascii=False).splitlines()


def conversions(record: Json) -> Iterator[str]:
    [event] = record["insights"]
    for each in event:
        match = each["match"]
        yield f"Match quality {sum(one['has'] for one in match)} of {len(match)}"
        for one in match:
            yield f"  {_mark(one['has'])} {one['kind']}" + ("" if one["has"] else f": {one['how']}")


def compared(sides: Json) -> Iterator[str]:
    [live], [draft] = sides["live"]["events"], sides["draft"]["events"]
    for ours, theirs in zip(live["tags"], draft["tags"], strict=True):
        differs = any(each["tag"] == ours["tag"] for each in sides["differing"])
        yield f"{ours['tag']}, {live['name']}, {'differs' if differs else 'the same'}"
        yield f"  Live: {STATUSES[ours['status']][1]}"
        yield f"  Draft: {STATUSES[theirs['status']][1]}"


def difference(things: Sequence[Json]) -> Iterator[str]:
    for each in things:
        yield f"{each['name']}, {each['kind']}, {each['what']}"
        yield from each["lines"]


def versions(listed: Sequence[Json]) -> Iterator[str]:
    for each in listed:
        yield f"{each['until']}, {each['version']}, {each['by']}"


def sandbox(received: Sequence[Json]) -> Iterator[str]:
    """The newest card."""
    for each in received[-1:]:
        count = len(each["events"])
        about = [each["verdict"].capitalize(), f"{count} event{'' if count == 1 else 's'}", each["account"]]
        about += [f"test code {each['test_code']}"] if each["test_code"] else []
        yield f"#{each['number']} {', '.join(about)}"
        for event in each["events"]:
            yield f"  {event['name']}, {event['value']} {event['currency']}, {event['event_id']}"


TABS: Mapping[str, Callable[[Json], Iterator[str]]] = {
    "Variables": variables,
    "Outgoing": outgoing,
    "Conversions": conversions,
}


def _event(record: Json) -> Any:
    [event] = record["told"]["events"]
    return event


def _mark(holds: bool) -> str:
    return "✓" if holds else "✗"


def _written(given: Any) -> str:
    return "not in the file" if given is None else str(given)
