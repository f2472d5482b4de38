"""What a tag gets to see: parameters kept, added or taken away before its settings are made.

A parameter is named by its key or by a dot path (`user_data.address.city`). In a list, a number is one item
(`items.0`), `*` is every item, and a name is looked for in every item (`items.price`). A key that holds the dots itself
is meant too. The event's name is no parameter: it always stays, and only `augment_event` can change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from container.api import Dynamic, Event, Many, Settings, text, transformation

EVENT_NAME = "event_name"

Path = Annotated[str, Field(min_length=1)]

_PATHS = """A parameter is a key, or a dot path such as `user_data.address.city`. In a list a number is one item
(`items.0`), `*` is every item, and a name is looked for in every item (`items.price`). The name of the event is no
parameter: it always stays, and only `augment_event` can change it."""


class AllowParameters(Settings):
    __doc__ = _PATHS
    parameters: Many[Path] = Field(
        description="The keys or dot paths that the tag may see.", examples=[["value", "currency", "items.item_id"]]
    )


class AugmentEvent(Settings):
    __doc__ = _PATHS
    parameters: dict[Path, Dynamic[Any]] = Field(
        description="Values by key or dot path. `event_name` renames the event; a missing value changes nothing.",
        examples=[{"currency": "EUR", "user_data.address.country": "{{ Visitor Region }}"}],
    )


class ExcludeParameters(Settings):
    __doc__ = _PATHS
    parameters: Many[Path] = Field(
        description="The keys or dot paths that the tag does not see.", examples=[["user_data", "items.affiliation"]]
    )


@transformation("allow_parameters")
def allow_parameters(settings: AllowParameters, event: Event) -> Event:
    """The tag sees these parameters and no others."""
    return replace(event, data=_only(event.data, settings.parameters) or {})


@transformation("augment_event")
def augment_event(settings: AugmentEvent, event: Event) -> Event:
    """The tag sees these parameters too, in place of what the event has there."""
    name, data = event.name, dict(event.data)
    for path, value in settings.parameters.items():
        if path == EVENT_NAME:
            name = text(value) or name
            data.pop(EVENT_NAME, None)
        else:
            data = _with(data, path, value)
    return replace(event, name=name, data=data)


@transformation("exclude_parameters")
def exclude_parameters(settings: ExcludeParameters, event: Event) -> Event:
    """The tag does not see these parameters."""
    return replace(event, data=_without(event.data, settings.parameters))


def _only(value: Any, paths: Sequence[str]) -> Any:
    """What the paths name inside the value; what is empty then is left out, `None` when that is everything."""
    kept = [(key, _part(member, rests, _only)) for key, member, rests in _followed(value, paths)]
    found = [(key, member) for key, member in kept if member is not None]
    if not found:
        return None
    return dict(found) if isinstance(value, Mapping) else [member for _, member in found]


def _part(member: Any, rests: Sequence[str], inside: Callable[[Any, Sequence[str]], Any]) -> Any:
    if "" in rests:
        return member
    return inside(member, rests) if rests else None


def _without(value: Any, paths: Sequence[str]) -> Any:
    """The value without what the paths name inside it. Positions are those of the original list."""
    if not isinstance(value, (Mapping, list, tuple)):
        return value
    left = [
        (key, _without(member, rests) if rests else member)
        for key, member, rests in _followed(value, paths)
        if "" not in rests
    ]
    return dict(left) if isinstance(value, Mapping) else [member for _, member in left]


def _followed(value: Any, paths: Sequence[str]) -> Iterator[tuple[Any, Any, list[str]]]:
    """Each member with what is left of the paths that lead to it or into it: an empty text for the member itself."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield key, member, [rest for path in paths if (rest := _rest(path, key)) is not None]
    elif isinstance(value, (list, tuple)):
        for position, member in enumerate(value):
            yield position, member, [rest for path in paths for rest in _rests_of_item(path, position, member)]


def _rest(path: str, key: str) -> str | None:
    """What follows the key in the path, `None` when the path does not lead there."""
    for step in (key, "*"):
        if path == step:
            return ""
        if path.startswith(f"{step}."):
            return path[len(step) + 1 :]
    return None


def _rests_of_item(path: str, position: int, item: Any) -> Iterator[str]:
    rest = _rest(path, str(position))
    if rest is not None:
        yield rest
    elif not _is_position(path) and isinstance(item, Mapping):
        yield path


def _is_position(path: str) -> bool:
    step = path.partition(".")[0]
    return step == "*" or (step.isascii() and step.isdigit())


def _with(value: Any, path: str, new: Any) -> Any:
    """The value with a new one at the path. Mappings are made on the way, items of a list are not."""
    head, dot, rest = path.partition(".")
    if not path:
        return new
    if isinstance(value, (list, tuple)):
        return [_with_item(item, path, position, new) for position, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value if _is_position(path) else {head: _with(None, rest, new)}
    if dot and path in value:
        return {**value, path: new}
    if head == "*":
        return {key: _with(member, rest, new) for key, member in value.items()}
    inner = _with(value.get(head), rest, new)
    return value if inner is None and rest else {**value, head: inner}


def _with_item(item: Any, path: str, position: int, new: Any) -> Any:
    if _is_position(path):
        rest = _rest(path, str(position))
        return item if rest is None else _with(item, rest, new)
    return _with(item, path, new) if isinstance(item, Mapping) else item
