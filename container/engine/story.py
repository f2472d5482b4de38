"""A container's own tests: each is run, and what it expects is compared with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from container.config.model import ContainerModel, StoryModel
from container.engine.agree import Difference, differences
from container.engine.compile import compile_container
from container.engine.container import Container
from container.engine.expect import cookies_as_expected, tag_as_expected
from container.engine.guards import Memory
from container.engine.simulate import simulate, simulate_event
from container.secret import Secret

VERSION = "test"
"""The container's version in its tests: what they expect does not change with their file."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a test. `events`: all events of its hits as `simulate` shows them; `replies`: one per hit.

    `eventless`: why a hit led to no event, for each that led to none.
    """

    story: StoryModel
    events: Sequence[Mapping[str, Any]]
    differences: Sequence[Difference]
    replies: int
    eventless: Sequence[str] = ()

    @property
    def passed(self) -> bool:
        return not self.differences

    def lines(self) -> Iterator[str]:
        """What differs, for people: tag by tag and event by event, path by path, with the tag's own reason."""
        for tag, expected in self.story.expect.items():
            own = [each for each in self.differences if each.path[:2] == ("expect", tag)]
            if own and len(expected) != len(self.events):
                counts = [_count(number, "event") for number in (len(expected), len(self.events))]
                yield f'tag "{tag}": expected {counts[0]}, found {counts[1]}'
                yield from self._each_event(tag)
                continue
            for position in range(len(expected)):
                yield from self._event(tag, position, [each for each in own if each.path[2] == position])
        for each in (each for each in self.differences if each.path[0] == "reply"):
            yield self._reply(each)
        if not self.passed:
            yield from (f"why: {reason}" for reason in self.eventless)

    def _event(self, tag: str, position: int, own: Sequence[Difference]) -> Iterator[str]:
        if not own:
            return
        event = self.events[position]
        found = _of_tag(event, tag)
        number = f" {position + 1}" if len(self.events) > 1 else ""
        yield f'tag "{tag}", event{number} "{event["name"]}"'
        # What an unexpected status entails needs no line of its own.
        stated = [each for each in own if each.path[3:] == ("status",)] or own
        yield from (f"    {Difference(each.path[3:], each.expected, each.found)}" for each in stated)
        yield f"    why: {found['status']}, {found['why']}"
        if len(found["requests"]) > 1 and "requests" not in self.story.expect[tag][position]:
            yield f"    the tag sent {len(found['requests'])} requests: expect them as a list under `requests`"

    def _reply(self, each: Difference) -> str:
        if len(each.path) == 1:
            return f"expected {_count(len(self.story.reply), 'reply')}, found {_count(self.replies, 'reply')}"
        number = f" {int(each.path[1]) + 1}" if self.replies > 1 else ""
        return f"reply{number}, {Difference(each.path[2:], each.expected, each.found)}"

    def _each_event(self, tag: str) -> Iterator[str]:
        for event in self.events:
            found = _of_tag(event, tag)
            yield f'    event "{event["name"]}": {found["status"]}, {found["why"]}'


def secret_text(name: str) -> str:
    """What stands for the value of a secret in tests: its own text, so that they find the same on every machine."""
    return str(Secret(name))


def tell(model: ContainerModel, *, goes_on: Callable[[], bool] = lambda: True) -> Iterator[Told]:
    """Runs the tests of a container, in the order of the file. `goes_on`: asked before each hit; a no ends it."""
    container = compile_container(replace(model, version=VERSION))
    for story in model.tests:
        told = _told(container, story, goes_on)
        if told is None:
            return
        yield told


def _told(container: Container, story: StoryModel, goes_on: Callable[[], bool]) -> Told | None:
    guards = Memory()
    outcomes = []
    for hit in story.hits:
        if not goes_on():
            return None
        outcomes.append(simulate(container, hit, guards))
    if story.event is not None:
        if not goes_on():
            return None
        outcomes = [simulate_event(container, story.event)]
    events = [event for outcome in outcomes for event in outcome["events"]]
    found = [
        *(each for tag, expected in story.expect.items() for each in _of_expectations(events, tag, expected)),
        *_of_replies(outcomes, story.reply),
    ]
    reasons = [(position, outcome["why"]) for position, outcome in enumerate(outcomes, start=1) if "why" in outcome]
    eventless = [f"hit {position}: {why}" if len(outcomes) > 1 else why for position, why in reasons]
    return Told(story, events, found, len(outcomes), eventless)


def _of_expectations(
    events: Sequence[Mapping[str, Any]], tag: str, expected: Sequence[Mapping[str, Any]]
) -> Iterator[Difference]:
    tags = [_of_tag(event, tag) for event in events]
    # Events that nobody expected are shown by their status alone.
    found = [{"status": each["status"]} for each in tags]
    if len(tags) == len(expected):
        found = [
            tag_as_expected(each["status"], each["requests"], own) for each, own in zip(tags, expected, strict=True)
        ]
    return differences(found, list(expected), subset=True, path=("expect", tag))


def _of_replies(outcomes: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    if not expected:
        return iter(())
    found = [{"status": outcome["reply"]["status"]} for outcome in outcomes]
    if len(outcomes) == len(expected):
        found = [_comparable_reply(outcome["reply"]) for outcome in outcomes]
    return differences(found, list(expected), subset=True, path=("reply",))


def _of_tag(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(tag for tag in event["tags"] if tag["tag"] == name)
    return found


def _comparable_reply(reply: Mapping[str, Any]) -> dict[str, Any]:
    return {"status": reply["status"], "cookies": cookies_as_expected(reply["cookies"])}


def _count(number: int, word: str) -> str:
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{number} {word if number == 1 else plural}"
