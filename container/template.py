"""Text with references in it: `"Order {{ event.transaction_id }}"` becomes texts, references and secrets.

Parsed while configuration is read, and never in a value that came with a hit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from container.secret import Secret, SecretText

_TOKEN = re.compile(r"\{\{\{\{|\$\$\{|\$\{secret:([A-Za-z_][A-Za-z0-9_]*)\}|\{\{\s*([^{}]+?)\s*\}\}")
_LITERAL = {"{{{{": "{{", "$${": "${"}


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
        return "".join(map(str, self.parts))


def parse(source: str, secret: Callable[[str], Secret] = Secret) -> str | Secret | SecretText | Template:
    """Text as configuration means it: plain, a secret, text with secrets in it, or text with references in it.

    `{{{{` and `$${` stand for the signs themselves. `secret` makes the `Secret` for a name.
    """
    if "{{" not in source and "${" not in source:
        return source
    parts: list[str | Reference | Secret] = []
    position = 0
    for token in _TOKEN.finditer(source):
        _append_text(parts, source[position : token.start()])
        position = token.end()
        if token[1]:
            parts.append(secret(token[1]))
        elif token[2]:
            parts.append(Reference(token[2]))
        else:
            _append_text(parts, _LITERAL[token[0]])
    _append_text(parts, source[position:])
    if any(isinstance(part, Reference) for part in parts):
        return Template(tuple(parts))
    fixed = [part for part in parts if not isinstance(part, Reference)]
    if len(fixed) == 1:
        return fixed[0]
    return SecretText(tuple(fixed))


def _append_text(parts: list[str | Reference | Secret], addition: str) -> None:
    if parts and isinstance(parts[-1], str):
        parts[-1] += addition
    elif addition:
        parts.append(addition)
