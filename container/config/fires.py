"""Tags that can never fire, and triggers that never do: exceptions that cover them, and conditions that exclude."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from container.config.draft import Draft
from container.config.model import TagModel, TriggerModel
from container.config.sections import Read, named_nodes
from container.config.source import Entry, Listing, Node, Scalar, Table, plain

Triggers = Mapping[str, Read[TriggerModel]]

_LOWER = {"greater_than": True, "greater_or_equal": False}
_UPPER = {"less_than": True, "less_or_equal": False}
_EVENT_NAME = "Event Name"


def check_fires(draft: Draft, triggers: Triggers, tags: Mapping[str, Read[TagModel]]) -> None:
    """Warns of tags and triggers that wait for what never comes."""
    for trigger in triggers.values():
        _never(draft, trigger)
    for tag in tags.values():
        if tag.model is not None and tag.model.exceptions:
            _exceptions(draft, tag, tag.model, triggers)


def _exceptions(draft: Draft, tag: Read[TagModel], model: TagModel, triggers: Triggers) -> None:
    """An exception wins over all triggers, so what it covers never fires the tag."""
    covered = {name: _covering(name, model, triggers) for name in model.triggers}
    if all(covered.values()) and set(model.triggers) <= set(model.exceptions):
        sentence = f"every trigger of {tag.owner} is an exception too, so it could never fire"
        draft.report("no-triggers", tag.entries["exceptions"].key.place, sentence, level="warning")
        return
    for node in named_nodes(tag.entries["exceptions"]):
        stopped = [name for name, exception in covered.items() if isinstance(node, Scalar) and exception == node.text]
        if not stopped or not isinstance(node, Scalar):
            continue
        whole = "so it could never fire" if all(covered.values()) else "so that one never fires it"
        what = "it" if stopped == [node.text] else "all that " + " and ".join(f'"{name}"' for name in stopped) + " hear"
        sentence = f'{tag.owner}: the exception "{node.text}" covers {what}, {whole}'
        if stopped == [node.text]:
            sentence = f'{tag.owner}: "{node.text}" is a trigger and an exception, {whole}'
        draft.report("no-triggers", node.place, sentence, level="warning")


def _covering(name: str, model: TagModel, triggers: Triggers) -> str | None:
    """The exception that holds whenever the trigger does."""
    if name in model.exceptions:
        return name
    return next((each for each in model.exceptions if _covers(triggers.get(each), triggers.get(name))), None)


def _covers(wide: Read[TriggerModel] | None, narrow: Read[TriggerModel] | None) -> bool:
    if wide is None or narrow is None or wide.model is None or narrow.model is None:
        return False
    first, second = wide.model, narrow.model
    own = {"type", "events", "events_matching", "when", "sample_percent", "notes", "folder"}
    if not wide.entries.keys() <= own or _stated(wide, "type") not in (None, "event"):
        return False
    if first.events or first.events_matching:
        patterns = not second.events_matching or _stated(wide, "events_matching") == _stated(narrow, "events_matching")
        named = all(_hears(first, name) for name in second.events)
        if not (second.events or second.events_matching) or not patterns or not named:
            return False
    sampled = first.sample_percent in (None, 100, second.sample_percent)
    same = not first.when or _stated(wide, "when") == _stated(narrow, "when")
    return sampled and same


def _stated(trigger: Read[TriggerModel], key: str) -> object:
    return plain(trigger.entries[key].value) if key in trigger.entries else None


def _never(draft: Draft, trigger: Read[TriggerModel]) -> None:
    if trigger.model is None:
        return
    if trigger.model.sample_percent == 0:
        sentence = f"{trigger.owner} hears none of a hundred visitors, so it never fires"
        draft.report("no-triggers", trigger.entries["sample_percent"].value.place, sentence, level="warning")
    bounds: dict[object, _Bounds] = {}
    for condition in _conditions(trigger.entries.get("when")):
        left = next(plain(condition.entries[side].value) for side in ("variable", "value") if side in condition.entries)
        for key, entry in condition.entries.items():
            bounds[left] = bounds.get(left, _Bounds()).narrowed(key, plain(entry.value))
            if key in (*_LOWER, *_UPPER) and bounds[left].is_empty:
                sentence = f"{trigger.owner}: no number is all that this asks for at once, so it never fires"
                draft.report("no-triggers", entry.key.place, sentence, level="warning")
                break
        if left in (_EVENT_NAME, "{{ Event Name }}"):
            _other_event(draft, trigger, trigger.model, condition)


def _other_event(draft: Draft, trigger: Read[TriggerModel], model: TriggerModel, condition: Table) -> None:
    """The trigger hears certain events, and a condition asks for others."""
    for key in ("equals", "is_one_of"):
        names = [node.text for node in named_nodes(condition.entries.get(key)) if isinstance(node, Scalar)]
        if not names or not (model.events or model.events_matching) or any("{{" in name for name in names):
            continue
        if "ignore_case" in condition.entries or any(_hears(model, name) for name in names):
            continue
        sentence = f'{trigger.owner} does not hear "{names[0]}", so it never fires'
        hint = "name the event under `events`, and take this condition out"
        draft.report("no-triggers", condition.entries[key].value.place, sentence, hint=hint, level="warning")


def _hears(model: TriggerModel, name: str) -> bool:
    return name in model.events or any(pattern.search(name) is not None for pattern in model.events_matching)


def _conditions(entry: Entry | None) -> Iterator[Table]:
    """The comparisons that all have to hold."""
    waiting: list[Node] = [] if entry is None else [entry.value]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, Listing):
            waiting = [*node.items, *waiting]
        elif isinstance(node, Table) and "all" in node.entries:
            waiting = [node.entries["all"].value, *waiting]
        elif isinstance(node, Table) and any(
            side in node.entries and isinstance(node.entries[side].value, Scalar) for side in ("variable", "value")
        ):
            yield node


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Between which numbers a value has to be; a bound is itself left out when it is strict."""

    low: float = float("-inf")
    high: float = float("inf")
    strict: bool = False

    @property
    def is_empty(self) -> bool:
        return self.low > self.high or (self.low == self.high and self.strict)

    def narrowed(self, key: str, stated: object) -> _Bounds:
        if isinstance(stated, bool) or not isinstance(stated, (int, float)):
            return self
        if key in _LOWER and stated >= self.low:
            return _Bounds(stated, self.high, self.strict or _LOWER[key])
        if key in _UPPER and stated <= self.high:
            return _Bounds(self.low, stated, self.strict or _UPPER[key])
        return self
