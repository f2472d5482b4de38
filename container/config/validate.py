"""Plain values against a settings model, and pydantic's complaints as problems with a place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from container.config.addresses import for_address
from container.config.annotations import fields_of, keys_at
from container.config.draft import Draft, Owner
from container.config.empty import report_empty
from container.config.fill import reference_places
from container.config.hints import for_choice, for_value
from container.config.origins import FORMS, for_form
from container.config.patterns import for_pattern, pattern_told
from container.config.problem import CODES, Place
from container.config.source import Entry, Listing, Node, Scalar, Table
from container.config.unquoted import quoted
from container.config.values import plain_table
from container.config.words import for_key
from container.fields import Settings
from container.secret import Secret, SecretText
from container.template import Template

S = TypeVar("S", bound=Settings)

WRITTEN = {"written": True}
"""Tells validators that the values stand in the file: for one of an event there is no context."""

NOT_YET = "not yet: this is planned, and has no effect today"

_FORMS = {
    "^/.*[^/]$": "begins with / and does not end with one",
    r"^v[0-9]{1,3}\.[0-9]{1,2}$": "takes a version such as v25.0",
    **FORMS,
}
"""Patterns of fields, in words."""

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "pattern_type": "a pattern",
    "missing": "more values than these",
}

_LIMITS = {"less_than_equal": "at most", "greater_than_equal": "at least"}

_WHOLE = re.compile(r"\{\{\s*(?:event\.)?([^{}\s]+)\s*\}\}")
_CHOICE = re.compile(r"'([^']*)'")

Path = tuple[str | int, ...]


def validated(
    draft: Draft,
    model: type[S],
    entries: Mapping[str, Entry],
    *,
    owner: Owner,
    known: Sequence[str] = (),
    later: Sequence[str] = (),
) -> S | None:
    """The settings that the entries describe, `None` when something is wrong with them, which is then reported.

    `known`: further keys of the thing, for suggestions. `later`: keys that are planned.
    """
    annotations = fields_of(model)
    values = plain_table(draft, entries, annotations, owner=owner)
    empty = report_empty(draft, model, entries, values, owner)
    try:
        made = model.model_validate(values, context=WRITTEN)
    except ValidationError as refused:
        found = [_finding(error, entries, owner) for error in refused.errors(include_url=False)]
    else:
        return None if empty else made
    for each in _telling(draft, found):
        if each.code == "unknown-key":
            siblings = keys_at(annotations, each.path[:-1])
            report_unknown_key(draft, each.name, each.place, owner, known=[*siblings, *known], later=later)
        else:
            _report(draft, each, owner)
    return None


def validated_value(draft: Draft, annotation: Any, value: Any, *, entry: Entry, owner: Owner) -> Any:
    """A single value against an annotation; `None` when it does not fit, which is then reported."""
    try:
        return TypeAdapter(annotation).validate_python(value, strict=True)
    except ValidationError as refused:
        name = entry.key.text
        errors = refused.errors(include_url=False)
        found = [_finding(error, {name: entry}, owner, before=(name,)) for error in errors]
    for each in _telling(draft, found):
        _report(draft, each, owner)
    return None


def report_unknown_key(
    draft: Draft,
    name: str,
    place: Place,
    owner: Owner,
    *,
    known: Sequence[str] = (),
    later: Sequence[str] = (),
    hint: str = "",
) -> None:
    """`hint`: what to write instead, when that is known."""
    if not hint:
        instead = "" if name in known else for_key(name, known, draft.secret_fields)
        hint = NOT_YET if name in later else instead or draft.suggest(name, known)
    draft.report("unknown-key", place, f'{owner}: there is no key "{name}" here', hint=hint)


@dataclass(frozen=True, slots=True)
class _Finding:
    """One complaint. `path`: the steps down to what it is about, whose last key is `name`."""

    code: str
    path: Path
    place: Place
    name: str
    detail: str
    node: Node | None
    choices: tuple[str, ...] = ()


def _finding(error: ErrorDetails, entries: Mapping[str, Entry], owner: Owner, before: Path = ()) -> _Finding:
    code = _code(error)
    steps = (*before, *error["loc"])
    about_key = code in ("missing-field", "unknown-key") and error["type"] in ("missing", "extra_forbidden")
    path, place, node = _walk(entries, owner, steps[:-1] if about_key else steps)
    if about_key:
        name = str(steps[-1])
        inside = entries if node is None else node.entries if isinstance(node, Table) else {}
        place = inside[name].key.place if name in inside else place
        return _Finding(code, (*path, name), place, name, "is missing", None)
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    if code == "wrong-type" and error["type"] == "pattern_type" and isinstance(node, (Listing, Table)) and node.flow:
        code = "unquoted-pattern"
    if node is not None and code != "missing-field":
        place = node.place
    if code == "not-dynamic" and isinstance(node, Scalar):
        place = reference_places(node)[0]
    return _Finding(code, path, place, name, _expectation(error, named=bool(steps)), node, _choices(error))


def _code(error: ErrorDetails) -> str:
    kind, value = error["type"], error["input"]
    stated = kind.replace("_", "-")
    if stated in CODES and not (kind == "literal_secret" and value is None):
        return stated
    if kind == "missing":
        return "missing-field" if isinstance(error["loc"][-1], str) else "wrong-type"
    if kind == "extra_forbidden":
        return "unknown-key"
    if isinstance(value, Template):
        return "not-dynamic"
    return "secret-leak" if isinstance(value, (Secret, SecretText)) else "wrong-type"


def _walk(entries: Mapping[str, Entry], owner: Owner, steps: Path) -> tuple[Path, Place, Node | None]:
    """Follows pydantic's location as far as it names keys and positions; its names of union members do not."""
    path: list[str | int] = []
    place: Place = owner.place
    node: Node | None = None
    members = entries
    for step in steps:
        if isinstance(step, str) and step in members:
            place, node = members[step].key.place, members[step].value
        elif isinstance(node, Listing) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            place = node.place
        else:
            continue
        path.append(step)
        members = node.entries if isinstance(node, Table) else {}
    return tuple(path), place, node


def _choices(error: ErrorDetails) -> tuple[str, ...]:
    return tuple(_CHOICE.findall(error["ctx"]["expected"])) if error["type"] == "literal_error" else ()


def _expectation(error: ErrorDetails, *, named: bool) -> str:
    kind = error["type"]
    if kind in _EXPECTED:
        return f"takes {_EXPECTED[kind]}"
    if kind in _LIMITS:
        limit = next(iter(error["ctx"].values()))
        return f"takes {_LIMITS[kind]} {limit:g}"
    if kind == "string_pattern_mismatch":
        return _FORMS.get(error["ctx"]["pattern"], f"has to be of the form {error['ctx']['pattern']}")
    if kind == "literal_error":
        return f"takes {error['ctx']['expected']}"
    message = error["msg"].removeprefix("Value error, ")
    if kind == "not_dynamic":
        return f"here: {message}"
    if kind == "bad_regex":
        return pattern_told(str(error["input"]), message)
    if kind == "too_long":
        return f"takes {error['ctx']['max_length']} values, and not {error['ctx']['actual_length']}"
    stated = f"{message[:1].lower()}{message[1:]}"
    return f"is not right: {stated}" if named else stated


def _telling(draft: Draft, found: Sequence[_Finding]) -> list[_Finding]:
    """What is worth saying: once per value, without the noise that the other members of a union make."""
    fresh = [each for each in found if each.node is None or each.node.place not in draft.spoiled]
    outdone = {each.path[:depth] for each in fresh for depth in range(len(each.path))}
    outdone |= {each.path for each in fresh if each.code != "wrong-type"}
    kept: dict[tuple[Path, str], _Finding] = {}
    for each in fresh:
        if each.code == "wrong-type" and each.path in outdone:
            continue
        known = kept.get((each.path, each.code))
        if known is None:
            kept[each.path, each.code] = each
        elif each.detail not in known.detail:
            detail = f"{known.detail} or {each.detail.removeprefix('takes ')}"
            kept[each.path, each.code] = replace(known, detail=detail, choices=(*known.choices, *each.choices))
    return list(kept.values())


def _report(draft: Draft, each: _Finding, owner: Owner) -> None:
    sentences = {
        "missing-field": f'the field "{each.name}" {each.detail}',
        "not-dynamic": f'the field "{each.name}" does not accept references to variables'
        + (f" {each.detail}" if each.detail.startswith("here: ") else ""),
        "literal-secret": f'"{each.name}" is a secret and takes one reference',
        "secret-leak": f'a secret in "{each.name}" could be seen',
        "bad-regex": f'the pattern in "{each.name}" {each.detail}',
        "unquoted-pattern": "YAML reads this pattern as something else without quotes",
    }
    sentence = sentences.get(each.code, f'"{each.name}" {each.detail}') if each.name else each.detail
    draft.report(each.code, each.place, f"{owner}: {sentence}", hint=_hint(each, owner.kind))


def _hint(each: _Finding, kind: str) -> str:
    node = each.node
    if each.code == "literal-secret":
        return "write ${secret:NAME}, and keep the value outside the file"
    if each.code == "unquoted-pattern" and isinstance(node, (Listing, Table)):
        return f"write {quoted(node.raw)}"
    if each.code == "bad-regex" and isinstance(node, Scalar):
        return for_pattern(node.text, each.detail, each.name)
    if each.code == "not-dynamic" and each.name == "url" and each.detail.startswith("here: "):
        return "write the beginning itself, such as https://hooks.shop.example/orders; references may follow"
    if each.code == "not-dynamic" and each.name in ("key", "parameters") and isinstance(node, Scalar):
        whole = _WHOLE.fullmatch(node.text)
        return f"write {whole[1]}, without braces" if whole else ""
    if each.code != "wrong-type":
        return ""
    if each.choices and isinstance(node, Scalar):
        return for_choice(node.text, each.choices)
    if each.name == "url" and kind == "tag" and isinstance(node, Scalar):
        return for_address(node.text)
    told = for_form(each.detail, node.text) if isinstance(node, Scalar) else ""
    return told or for_value(node, each.detail, each.name, kind)
