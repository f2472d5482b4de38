"""Text with references in it: `"Order {{ event.transaction_id }}"` becomes texts, references and secrets.

Parsed while configuration is read, and never in a value that came with a hit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from container.secret import Secret, SecretText

_TOKEN = re.compile(r"\{\{\{\{|\$\$\{|\$\{secret:([A-Za-z_][A-Za-z0-9_]*)\}|\{\{([^{}]+)\}\}")
_LITERAL = {"{{{{": "{{", "$${": "${"}
_DOUBLED = {sign: doubled for doubled, sign in _LITERAL.items()}
_SIGN = re.compile(r"\{\{|\$\{")


@dataclass(frozen=True, slots=True)
class Reference:
    """What stands between the braces, trimmed: the name of a variable, a short form, or a name with a member."""

    name: str

    def __str__(self) -> str:
        return "{{ " + self.name + " }}"


@dataclass(frozen=True, slots=True)
class Template:
    """Text with at least one reference in it, and perhaps secrets."""

    parts: tuple[str | Reference | Secret, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(part for part in self.parts if isinstance(part, Reference))

    @property
    def whole(self) -> Reference | None:
        """The reference, if the text is exactly one: it then keeps the type of its value."""
        first = self.parts[0]
        return first if len(self.parts) == 1 and isinstance(first, Reference) else None

    def __str__(self) -> str:
        """The text as an analyst writes it, so that parsing it gives the same template."""
        return "".join(_escaped(part) if isinstance(part, str) else str(part) for part in self.parts)


def parse(source: str, secret: Callable[[str], Secret] = Secret) -> str | Secret | SecretText | Template:
    """Text as configuration means it: plain, a secret, text with secrets in it, or text with references in it.

    `{{{{` and `$${` stand for the signs themselves. `secret` makes the `Secret` for a name.
    """
    if "{{" not in source and "${" not in source:
        return source
    parts: list[str | Reference | Secret] = []
    position = 0
    for token in _TOKEN.finditer(source):
        parts.append(source[position : token.start()])
        position = token.end()
        if token[1]:
            parts.append(secret(token[1]))
        elif token[2]:
            parts.append(Reference(token[2].strip()))
        else:
            parts.append(_LITERAL[token[0]])
    parts.append(source[position:])
    merged = tuple(_merged(parts))
    if any(isinstance(part, Reference) for part in merged):
        return Template(merged)
    fixed = tuple(part for part in merged if not isinstance(part, Reference))
    return fixed[0] if len(fixed) == 1 else SecretText(fixed)


def _merged(parts: Iterable[str | Reference | Secret]) -> Iterator[str | Reference | Secret]:
    """Neighbouring texts joined, empty ones left out."""
    for is_text, group in groupby(parts, lambda part: isinstance(part, str)):
        if not is_text:
            yield from group
        elif joined := "".join(map(str, group)):
            yield joined


def _escaped(text: str) -> str:
    return _SIGN.sub(lambda sign: _DOUBLED[sign[0]], text)
