"""One scalar as a value: typed, the environment filled in, references and secrets recognised and placed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from container.config.addresses import for_secret_in
from container.config.annotations import Mode
from container.config.draft import Draft, Owner, Use
from container.config.hide import is_literal, places_of
from container.config.problem import LINE_BREAK, Level, Place
from container.config.source import Scalar, typed
from container.secret import Secret, SecretText, digest
from container.template import Reference, Template, parse

_SIGNS = re.compile(r"\{\{\{\{|\$\$\{|\$\{[^{}]*\}|\{\{[^{}]+\}\}|\{\{|\$\{")
_ENVIRONMENT = re.compile(r"\$\{(secret:)?([A-Za-z_][A-Za-z0-9_]*)(:-[^{}]*)?\}")

Part = str | Reference | Secret


def filled(draft: Draft, scalar: Scalar, mode: Mode, owner: Owner) -> Any:
    """The value of a scalar where `mode` says what may stand.

    `None`, a boolean, a number, text, a `Secret`, text with secrets (`SecretText`) or with references (`Template`).
    """
    if mode == "secret" and is_literal(scalar.text):
        draft.hidden += places_of(scalar)
    if not isinstance(scalar.value, str) or not _SIGNS.search(scalar.value):
        if scalar.text and (mode == "dynamic" or (mode == "confidential" and "{" in scalar.text)):
            draft.texts.append(Use(scalar.text, mode, scalar.place, owner))
        return scalar.value
    text = scalar.value
    places = sign_places(scalar)
    parts: list[Part] = []
    position = 0
    for sign, place in zip(_SIGNS.finditer(text), places, strict=True):
        parts += [text[position : sign.start()], *_part(draft, sign[0], place, mode, owner, scalar)]
        position = sign.end()
    parts.append(text[position:])
    if scalar.plain and len(places) == 1 and _is_environment(text):
        return parts[1] if isinstance(parts[1], Secret) else typed(str(parts[1]))
    value = _joined(parts)
    if isinstance(value, Template):
        _note_uses(draft, value, scalar, mode, owner)
    return value


def sign_places(scalar: Scalar) -> Sequence[Place]:
    """Where each `{{ … }}` and `${ … }` of the text stands; the scalar's own place when escapes hide it."""
    wanted = [sign[0] for sign in _SIGNS.finditer(scalar.text)]
    found = list(_SIGNS.finditer(scalar.raw))
    if [sign[0] for sign in found] != wanted:
        return [scalar.place] * len(wanted)
    places = []
    line, begin, position = scalar.place.line, 1 - scalar.place.column, 0
    for sign in found:
        for ending in LINE_BREAK.finditer(scalar.raw, position, sign.start()):
            line, begin = line + 1, ending.end()
        position = sign.start()
        # A reference may be broken over two lines in quotes; the caret stays on the first of them.
        length = len(LINE_BREAK.split(sign[0], maxsplit=1)[0])
        places.append(Place(line, position - begin + 1, length))
    return places


def reference_places(scalar: Scalar) -> Sequence[Place]:
    """Where each well-formed reference of the text stands."""
    signs = _SIGNS.finditer(scalar.text)
    return [place for sign, place in zip(signs, sign_places(scalar), strict=True) if _is_reference(sign[0])]


def environment_places(scalar: Scalar) -> Sequence[tuple[str, Place]]:
    """What the text asks the environment for, `NAME` or `secret:NAME`, and where each well-formed one stands."""
    signs = zip(_SIGNS.finditer(scalar.text), sign_places(scalar), strict=True)
    found = ((_ENVIRONMENT.fullmatch(sign[0]), place) for sign, place in signs)
    return [(f"{form[1] or ''}{form[2]}", place) for form, place in found if form is not None]


def _part(draft: Draft, sign: str, place: Place, mode: Mode, owner: Owner, scalar: Scalar) -> Sequence[Part]:
    if sign in ("{{{{", "$${"):
        return [str(parse(sign))]
    if _is_reference(sign):
        return [Reference(sign[2:-2].strip())]
    form = _ENVIRONMENT.fullmatch(sign)
    if form is None:
        _report_malformed(draft, sign, place, owner)
        draft.spoiled.add(scalar.place)
        return [sign]
    secret, name, default = form[1], form[2], form[3]
    if secret and mode == "shown":
        return [sign]
    if not secret and mode != "secret":
        return [_from_environment(draft, name, default, sign, place, owner)]
    if default:
        draft.report(
            "literal-secret", place, f"{owner}: a secret has no default", hint=f"write ${{secret:{name}}} alone"
        )
        draft.spoiled.add(scalar.place)
        draft.hidden += places_of(scalar)
    elif mode not in ("secret", "confidential"):
        hint = for_secret_in(scalar.text.partition(sign)[0], sign)
        _report_leak(draft, sign, place, owner, hint)
        draft.spoiled.add(scalar.place)
    return [_secret(draft, name, place, owner)]


def _from_environment(draft: Draft, name: str, default: str | None, sign: str, place: Place, owner: Owner) -> str:
    value = draft.environment.get(name)
    if default is not None:
        return value or default[2:]
    if value is None:
        hint = f"set it where the process starts, or write a default: ${{{name}:-default}}"
        _report_missing(draft, f'the environment variable "{name}" is not set', place, owner, hint)
        return sign
    return value


def _secret(draft: Draft, name: str, place: Place, owner: Owner) -> Secret:
    value = draft.secrets(name)
    if not value:
        is_empty = value is not None
        sentence = f'the secret "{name}" is {"empty" if is_empty else "not set"}'
        where = f'the environment variable "{name}", or a file of that name in the folder of --secrets-dir'
        _report_missing(draft, sentence, place, owner, f"{'fill' if is_empty else 'set'} {where}")
        # Where that is no error, its value is its own text: a hit of `simulate` can state it.
        value = str(Secret(name))
    return Secret(name, digest(value))


def _joined(parts: Sequence[Part]) -> str | Secret | SecretText | Template:
    merged: list[Part] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    if any(isinstance(part, Reference) for part in merged):
        return Template(tuple(merged))
    fixed = [part for part in merged if not isinstance(part, Reference)]
    if len(fixed) > 1:
        return SecretText(tuple(fixed))
    return fixed[0] if fixed else ""


def _note_uses(draft: Draft, template: Template, scalar: Scalar, mode: Mode, owner: Owner) -> None:
    places = reference_places(scalar)
    if mode != "shown":
        for reference, place in zip(template.references, places, strict=True):
            draft.uses.append(Use(reference.name, mode, place, owner))
    if mode in ("fixed", "shown"):
        whole = "write the value that is expected, or {{{{ for the two braces themselves"
        hint = whole if mode == "shown" else ""
        sentence = f"{owner}: this value does not accept references to variables"
        draft.report("not-dynamic", places[0], sentence, hint=hint)
        draft.spoiled.add(scalar.place)


def _is_reference(sign: str) -> bool:
    return sign.startswith("{{") and sign.endswith("}}")


def _is_environment(text: str) -> bool:
    return bool(_ENVIRONMENT.fullmatch(text))


def _report_missing(draft: Draft, sentence: str, place: Place, owner: Owner, hint: str) -> None:
    level: Level = "error" if draft.strict else "warning"
    draft.report("missing-environment", place, f"{owner}: {sentence}", hint=hint, level=level)


def _report_leak(draft: Draft, sign: str, place: Place, owner: Owner, hint: str) -> None:
    hint = hint or "secrets may stand in secret fields, and in the headers, query and body of a request"
    draft.report("secret-leak", place, f"{owner}: the secret {sign} could be seen here", hint=hint)


def _report_malformed(draft: Draft, sign: str, place: Place, owner: Owner) -> None:
    if sign == "{{":
        hint = "write {{ Name }}, or {{{{ for the two braces themselves"
        draft.report("unknown-variable", place, f"{owner}: this begins like a reference and does not end", hint=hint)
        return
    hint = "write ${NAME}, ${NAME:-default} or ${secret:NAME}, or $${ for the signs themselves"
    sentence = f"{owner}: this begins like a reference to the environment and is none"
    draft.report("missing-environment", place, sentence, hint=hint, level="error")
