"""The contract of a component: one settings model, one plain function, one decorator that marks it.

The decorators hand the function back untouched, so a test calls it. `component_of` reads the mark.
"""

from __future__ import annotations

import builtins
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from container.effects import Response, Verdict
from container.fields import FromEvent, Pattern, Settings, from_event

__all__ = [
    "Component",
    "Form",
    "FromEvent",
    "Once",
    "Pattern",
    "Pixel",
    "Settings",
    "Wanted",
    "component_of",
    "dynamic_paths",
    "from_event",
    "required",
]

Kind = Literal["client", "variable", "operator", "trigger", "transformation", "tag"]
IN_FLIGHT = 2
"""Requests of one lane that may be under way together, where a tag says nothing else."""

Source = Callable[[Any, Any], str]
"""Says where a value comes from: `(settings, written) ->` a few words, such as `cookie "_ttp"`.

`settings`: as the variable's function got them; `written`: as they stand in the file, references not followed.
"""

Pixel = Callable[[Mapping[str, Any]], str]
"""Gives the line that a page has to run, so that the conversion counts once; empty where no line does.

It gets the item as it is sent, or with other texts in place of personal data, and never raises.
"""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Wanted:
    """A member of a conversion that its vendor should get, for preview.

    `path`: where it stands in the item; `what`: as the vendor wants it; `how`: what to do when it is not there. `each`:
    what every member of a list has to hold. `also`: where else it may stand, if requests of this type have other forms.
    `where`: a member of the request and its value, without which the vendor does not want it.
    """

    path: str
    what: str
    how: str
    each: str = ""
    also: tuple[str, ...] = ()
    where: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """What a fixed value of a setting has to look like for the vendor to make anything of it, for the linter.

    `path`: the setting, such as `user.country`; of a list or a mapping every member, or with `keys` every key.
    `fits`: `(written, settings) ->` whether it does; it never raises. `what`: what it is otherwise, the rest of a
    sentence that begins with the value. `hint`: what to write. `refused`: the container does not load with it.
    """

    path: str
    fits: Callable[[str, Any], object]
    what: str
    hint: str = ""
    keys: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Once:
    """By what a vendor that has no event id counts the copies of a conversion once, for preview.

    `events`: those of which it does so. `paths`: where the value may stand in the item, the first as people call it;
    `says`: what is true where it is there, `how`: what to do when it is not, `otherwise`: what is true of other events.
    """

    events: tuple[str, ...]
    paths: tuple[str, ...]
    says: str
    how: str
    otherwise: str


@dataclass(frozen=True, slots=True)
class Component:
    """What the decorators know of a component. `format` is the version of the rows a tag's requests become."""

    kind: Kind
    type: str
    function: Callable[..., Any]
    settings: builtins.type[Settings] | None = None
    negated: str | None = None
    judge: Callable[[Response], Verdict] | None = None
    consent: tuple[str, ...] = ()
    consent_declared: bool = True
    max_age_hours: int | None = None
    identifiers: tuple[str, ...] = ()
    completeness: tuple[Wanted, ...] = ()
    forms: tuple[Form, ...] = ()
    pixel: Pixel | None = None
    once: Once | None = None
    standard_events: tuple[str, ...] = ()
    time_fields: tuple[str, ...] = ()
    page: str = ""
    format: int = 1
    requests_per_second: float | None = None
    in_flight: int = IN_FLIGHT
    source: Source | None = None

    @property
    def summary(self) -> str:
        """The docstring's first sentence, the headline of the reference page."""
        return (inspect.getdoc(self.function) or "").split("\n\n")[0].replace("\n", " ")


def client(type: str) -> Callable[[F], F]:
    """Marks `(settings, hit) -> Claim | None`. A settings field `paths` names the paths that the engine offers it."""
    return _mark("client", type)


def variable(type: str, *, source: Source | None = None) -> Callable[[F], F]:
    """Marks `(settings, event) ->` a JSON value or `None`. `source`: says in preview where the value comes from."""
    return _mark("variable", type, source=source)


def trigger(type: str) -> Callable[[F], F]:
    """Marks `(settings, event) -> bool`."""
    return _mark("trigger", type)


def transformation(type: str) -> Callable[[F], F]:
    """Marks `(settings, event) ->` a new `Event`."""
    return _mark("transformation", type)


def operator(type: str, *, negated: str | None = None) -> Callable[[F], F]:
    """Marks `(actual, expected) -> bool`. `negated` is the name under which the exact opposite is offered."""
    return _mark("operator", type, negated=negated)


def tag(
    type: str,
    *,
    judge: Callable[[Response], Verdict] | None = None,
    consent: Sequence[str] | None = None,
    max_age_hours: int | None = None,
    identifiers: Sequence[str] = (),
    completeness: Sequence[Wanted] = (),
    forms: Sequence[Form] = (),
    pixel: Pixel | None = None,
    once: Once | None = None,
    standard_events: Sequence[str] = (),
    time_fields: Sequence[str] = (),
    page: str = "",
    format: int = 1,
    requests_per_second: float | None = None,
    in_flight: int = IN_FLIGHT,
) -> Callable[[F], F]:
    """Marks `(settings, event) -> Request`, a list of effects, `Skip` or `None`.

    `judge` reads the vendor's answer, `by_status` when there is none. `consent`: the types the tag needs; without
    the argument every tag of this type has to say `consent:` itself. `max_age_hours`: what the vendor calls too old.
    For preview: `identifiers`, the ways to recognise a visitor that the vendor gets; `completeness`, what it wants of a
    conversion; `pixel`, the line of the page that it belongs to; `once`, how copies count once without an event id.
    For the linter: `standard_events`, the vendor's own
    names for events, so that a near miss is noticed; `forms`, what fixed values have to look like. `time_fields`:
    top-level fields of the item and of the JSON body that hold the event's time: a copy that differs in them alone is a
    duplicate. `page`: Markdown for the reference page, such as a table of names, which stands behind the fields.
    `requests_per_second`, `in_flight`: what the vendor takes from one account, batches counted as one request; no lane
    of this type goes beyond.
    """
    if in_flight < 1 or (requests_per_second is not None and requests_per_second <= 0):
        raise ValueError(f'tag "{type}": requests_per_second and in_flight have to be above zero')
    return _mark(
        "tag",
        type,
        judge=judge,
        consent=tuple(consent or ()),
        consent_declared=consent is not None,
        max_age_hours=max_age_hours,
        identifiers=tuple(identifiers),
        completeness=tuple(completeness),
        forms=tuple(forms),
        pixel=pixel,
        once=once,
        standard_events=tuple(standard_events),
        time_fields=tuple(time_fields),
        page=page,
        format=format,
        requests_per_second=requests_per_second,
        in_flight=in_flight,
    )


def component_of(function: object) -> Component | None:
    """The mark of a component's function, `None` for any other object."""
    found = getattr(function, "__dict__", {}).get("__component__")
    return found if isinstance(found, Component) else None


def dynamic_paths(model: type[BaseModel]) -> Mapping[str, tuple[str, ...]]:
    """The usual places in the event, by field, as `from_event` declared them."""
    defaults = {name: info.default for name, info in model.model_fields.items()}
    return {name: default.paths for name, default in defaults.items() if isinstance(default, FromEvent)}


def required(info: FieldInfo) -> bool:
    """Whether a value has to be there when the tag fires: it has no default, or only a place in the event.

    A field without a default that may be `None` has to be written, and may still come out empty.
    """
    return (info.is_required() or isinstance(info.default, FromEvent)) and not _optional(info.annotation)


def _optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType) and types.NoneType in get_args(annotation)


def _mark(kind: Kind, type: str, **details: Any) -> Callable[[F], F]:
    def mark(function: F) -> F:
        first = next(iter(inspect.signature(function).parameters), "")
        annotation = get_type_hints(function, include_extras=True).get(first)
        if annotation is None or not first:
            raise TypeError(f'{kind} "{type}": the first parameter of {function.__qualname__} needs an annotation')
        is_model = isinstance(annotation, builtins.type) and issubclass(annotation, Settings)
        settings = annotation if is_model else None
        function.__dict__["__component__"] = Component(kind, type, function, settings, **details)
        return function

    return mark
