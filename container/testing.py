"""For tests and plug-in authors: run a component on a case, and check that it keeps the contract.

A case is a YAML file with `about`, `given` and `expect`:

- tags: given `settings`, `event` (`name`, `data`, `consent`), perhaps `hit`; expect `requests`, `cookies`, `notes` (how
  many), `skipped` (its reason), `lacking` (the settings without a value); and, as the tests of a container do, `status`
  or parts of the only request: `method`, `url`, `headers`, `json`, `body`
- variables: the same given; expect `value`
- triggers: the same given; expect `holds`
- transformations: the same given; expect `data`, perhaps `name`
- clients: given `settings`, `hit`; expect `claimed`, `events` (`name`, `data`, `consent`), `reply`, `cookies`
- operators: given `actual`, `expected`; expect `holds`

In `settings`, references may use the short forms and built-in variables. Mappings are compared as subsets where the key
ends in `+` or is a word of a container's tests, else exactly. Whole stories are containers with tests of their own:
`run_tests`. What a case expects is rewritten to what is found by `update_case`.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

from container.case import cookie_json, event_from_json, event_json, hit_from_json, plain_json, request_json
from container.component import Component
from container.config.load import load_file
from container.config.registry import Registry, discover
from container.config.rewrite import Path as Way
from container.config.source import plain, read
from container.effects import Note, Request, SetCookie, Skip
from container.engine.agree import NOTHING, Difference, differences
from container.engine.built_in import BUILT_IN, short_form
from container.engine.coerce import Lacking
from container.engine.expect import REQUEST_PARTS, cookies_as_expected, tag_as_expected
from container.engine.resolve import settings_builder
from container.engine.run import effects_of, skip_of
from container.engine.scope import ConsentDefaults, Getter, Scope
from container.engine.story import Told, secret_text, tell
from container.engine.update import Updated, mended
from container.event import Event
from container.fields import Settings
from container.shape import missing
from container.template import Reference, parse

FORBIDDEN_IMPORTS = frozenset(
    {"asyncio", "datetime", "http", "httpx", "os", "random", "requests", "secrets", "socket", "subprocess", "time"}
)
"""Doors to clocks, chance and the outside world: components do not use them."""

FEWEST_CASES: Mapping[str, int] = {"tag": 3, "variable": 1, "client": 3, "trigger": 1, "transformation": 1}
"""A tag has cases for everything given, the minimum, and a value of the wrong kind."""


@dataclass(frozen=True, slots=True)
class Case:
    """One example: what is given, what is expected."""

    path: Path
    about: str
    given: Mapping[str, Any]
    expect: Mapping[str, Any]


def load_case(path: Path) -> Case:
    """The case in a YAML file. Raises `ValueError` when the file is no case."""
    return _case(path, path.read_text(encoding="utf-8"))


def _case(path: Path, text: str) -> Case:
    source = read(text)
    content = None if source.root is None else plain(source.root)
    if source.problems or not isinstance(content, dict) or not {"about", "given", "expect"} <= content.keys():
        raise ValueError(f"{path} is no case: about, given and expect, in valid YAML")
    return Case(path, content["about"], content["given"], content["expect"])


def cases_in(folder: Path) -> list[Case]:
    """The cases in a folder, by file name."""
    return [load_case(path) for path in sorted(folder.glob("*.yaml"))]


def run_case(component: Component, case: Case) -> list[str]:
    """Runs the component; a sentence for each difference from what the case expects."""
    return [str(each) for _, each in _compared(_found(component, case), case)]


def update_case(component: Component, path: Path) -> Updated:
    """Rewrites what a case file expects to what is found; all else in it keeps every byte.

    Raises `ValueError` when the file is no case.
    """
    # As bytes: reading text would turn the ends of its lines into others.
    before = path.read_bytes().decode("utf-8")
    _case(path, before)

    def found(text: str) -> Mapping[Way, Any] | None:
        try:
            case = _case(path, text)
        except ValueError:
            return None
        return _to_be_written(_found(component, case), case)

    new = mended(before, found, references=False)
    if new.text != before:
        path.write_bytes(new.text.encode("utf-8"))
    return new


def run_tests(path: Path, registry: Registry | None = None) -> list[Told]:
    """Runs the tests of a container file, as `tag-container test` does. Raises `ValueError` when it has errors."""
    loaded = load_file(
        path, registry=registry or discover(), environment={}, secrets=secret_text, strict_environment=False
    )
    if loaded.model is None:
        raise ValueError(loaded.report())
    return list(tell(loaded.model))


def broken_promises(component: Component, cases: Sequence[Case]) -> Iterator[str]:
    """What keeps the component from being complete, a sentence each. Empty for a good one."""
    if not component.summary.endswith("."):
        yield "its function has a docstring sentence"
    if component.kind != "operator" and component.settings is None:
        yield "its first parameter is annotated with a Settings model"
    if component.settings is not None:
        yield from _undescribed(component.settings, "")
        TypeAdapter(component.settings).json_schema()
    doors = FORBIDDEN_IMPORTS & _imported(component.function)
    if doors:
        yield f"it imports {', '.join(sorted(doors))}: time, chance and identity come with the event"
    if len(cases) < FEWEST_CASES.get(component.kind, 0):
        yield f"it has {FEWEST_CASES[component.kind]} cases or more, not {len(cases)}"
    for case in cases:
        before = copy.deepcopy(dict(case.given))
        first, second = run_case(component, case), run_case(component, case)
        if first != second or before != case.given:
            yield f"the case {case.path.name} gives the same again, and changes nothing it was given"


def resolved(model: type[Settings], settings: Mapping[str, Any], event: Event) -> Settings | Lacking:
    """Settings as the engine would hand them over for this event, from plain values with `{{ references }}`."""
    return resolver(model, settings)(event)


def resolver(model: type[Settings], settings: Mapping[str, Any]) -> Callable[[Event], Settings | Lacking]:
    """The same for one event after the other."""
    build = settings_builder(model.model_validate(_parsed(settings)), _lookup)
    return lambda event: build(_scope(event))


def _found(component: Component, case: Case) -> Mapping[str, Any]:
    """Everything that a case of this kind may expect."""
    found = _RUNNERS[component.kind](component, case.given)
    if component.kind != "tag":
        return found
    return {**found, **tag_as_expected(found["status"], found["requests"], case.expect)}


def _compared(found: Mapping[str, Any], case: Case) -> Iterator[tuple[str, Difference]]:
    """What differs, each with the key of `expect` under which it stands in the file."""
    for key, expected in case.expect.items():
        name = key.removesuffix("+")
        value = found.get(name, NOTHING if name in REQUEST_PARTS else None)
        yield from ((key, each) for each in differences(value, expected, subset=_is_part(key), path=(name,)))


def _is_part(key: str) -> bool:
    """Whether only what is expected under the key counts."""
    return key.endswith("+") or key in REQUEST_PARTS


def _to_be_written(found: Mapping[str, Any], case: Case) -> Mapping[Way, Any]:
    """What was found wherever something else was expected.

    Where only a part is expected, `null` says that there is nothing. Else a mapping that a key came into or went out
    of is written as a whole.
    """
    values: dict[Way, Any] = {}
    for key, each in _compared(found, case):
        whole = not _is_part(key) and (each.found is NOTHING or each.expected is NOTHING)
        path = each.path[:-1] if whole else each.path
        value = _within(found, path) if whole else each.found
        values[("expect", key, *path[1:])] = None if value is NOTHING else value
    return {path: value for path, value in values.items() if not any(path[:end] in values for end in range(len(path)))}


def _within(value: Any, path: Way) -> Any:
    return reduce(lambda inner, step: inner[step], path, value)


def _run_tag(component: Component, given: Mapping[str, Any]) -> dict[str, Any]:
    event = _event(given)
    settings = resolved(_model(component), given.get("settings") or {}, event)
    if isinstance(settings, Lacking):
        return {"status": "incomplete", "lacking": list(settings.fields), "requests": []}
    effects = effects_of(component.function(settings, event))
    skips = [effect.reason for effect in effects if isinstance(effect, Skip)]
    skip = skip_of(effects)
    return {
        "status": "fired" if skip is None else "incomplete" if skip.incomplete else "skipped",
        "requests": [request_json(effect) for effect in effects if isinstance(effect, Request)],
        "cookies": _cookies_json([effect for effect in effects if isinstance(effect, SetCookie)]),
        "notes": sum(isinstance(effect, Note) for effect in effects),
        "skipped": skips[0] if skips else None,
        "lacking": [],
    }


def _run_variable(component: Component, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": _called(component, given)}


def _run_trigger(component: Component, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"holds": _called(component, given)}


def _run_transformation(component: Component, given: Mapping[str, Any]) -> dict[str, Any]:
    event = _event(given)
    settings = resolved(_model(component), given.get("settings") or {}, event)
    seen = event if isinstance(settings, Lacking) else component.function(settings, event)
    return {"name": seen.name, "data": plain_json(seen.data)}


def _run_operator(component: Component, given: Mapping[str, Any]) -> dict[str, Any]:
    hints = list(inspect.signature(component.function, eval_str=True).parameters.values())
    expected = TypeAdapter(hints[1].annotation).validate_python(given["expected"])
    return {"holds": component.function(given["actual"], expected)}


def _run_client(component: Component, given: Mapping[str, Any]) -> dict[str, Any]:
    settings = _model(component).model_validate(given.get("settings") or {})
    claim = component.function(settings, hit_from_json(given.get("hit") or {}))
    if claim is None:
        return {"claimed": False, "events": []}
    reply = {"status": claim.reply.status, "headers": dict(claim.reply.headers), "body": _body(claim.reply.body)}
    return {
        "claimed": True,
        "events": [event_json(event, event.consent) for event in claim.events],
        "reply": reply,
        "cookies": _cookies_json(claim.reply.cookies),
    }


def _body(content: bytes) -> str:
    """A reply's body as text; what is no UTF-8, such as an image, as hexadecimals."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.hex()


def _cookies_json(cookies: Sequence[SetCookie]) -> dict[str, Any]:
    return cookies_as_expected(map(cookie_json, cookies))


_RUNNERS: Mapping[str, Callable[[Component, Mapping[str, Any]], dict[str, Any]]] = {
    "tag": _run_tag,
    "variable": _run_variable,
    "trigger": _run_trigger,
    "transformation": _run_transformation,
    "operator": _run_operator,
    "client": _run_client,
}


def _called(component: Component, given: Mapping[str, Any]) -> Any:
    event = _event(given)
    settings = resolved(_model(component), given.get("settings") or {}, event)
    return None if isinstance(settings, Lacking) else plain_json(component.function(settings, event))


def _model(component: Component) -> type[Settings]:
    return component.settings or Settings


def _event(given: Mapping[str, Any]) -> Event:
    return event_from_json(given.get("event") or {}, hit_from_json(given.get("hit") or {}))


def _scope(event: Event) -> Scope:
    return Scope(event, 0, ConsentDefaults({}, lambda _scope: "granted"))


def _lookup(reference: Reference) -> Getter:
    found = BUILT_IN.get(reference.name) or short_form(reference.name)
    if found is None:
        raise ValueError(f"{reference} is neither a short form nor built in: a case has no other variables")
    return found


def _parsed(value: Any) -> Any:
    if isinstance(value, str):
        return parse(value)
    if isinstance(value, Mapping):
        return {key: _parsed(member) for key, member in value.items()}
    return [_parsed(member) for member in value] if isinstance(value, list) else value


def _undescribed(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, info in model.model_fields.items():
        inner = _settings_in(info.annotation)
        if inner is not None:
            yield from _undescribed(inner, f"{prefix}{name}.")
        elif missing(info.description):
            yield f'its field "{prefix}{name}" has a description'


def _settings_in(annotation: Any) -> type[Settings] | None:
    """The settings model that an annotation is or holds, as in `tuple[Row, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    return next((found for found in map(_settings_in, get_args(annotation)) if found), None)


def _imported(function: Callable[..., Any]) -> set[str]:
    tree = ast.parse(inspect.getsource(inspect.getmodule(function) or function))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names
