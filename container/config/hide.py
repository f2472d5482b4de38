"""What may be a secret in plain text, so that no report ever shows it: stretches of the file, and the words in them.

A secret field says so itself, where the file can be read. What cannot is judged by the names of its keys.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace

from container.config.problem import LINE_BREAK, LONGEST_SENTENCE, Place, Problem, printable
from container.config.source import Scalar

HIDDEN = "***"

_TELLING = re.compile(
    r"token|secret|password|passwd|api[-_ ]?key|private[-_ ]?key|authorization|credential", re.IGNORECASE
)
_KEY = re.compile(
    r"(?<![\w-])(?<!\$\{)((?:[\w-]{1,60}+ )?[\w-]{1,60}+)[\"']?[ \t]{0,20}+:(?:(?=[ \t]|$)|(?<=[\"']:)(?=[\"'\[]))"
)
_REFERENCE = re.compile(r"\$\{(?:secret:)?(?:[A-Za-z_][A-Za-z0-9_]*)?(?::-)?\}|\{\{[^{}]*\}\}")
_NAME = re.compile(r"\$\{(?:secret:)?[A-Za-z_][A-Za-z0-9_]*:-|\$\{secret:")
_HARMLESS = re.compile(r"\b(?:bearer|basic|null|true|false)\b", re.IGNORECASE)
_QUOTED = re.compile(r""""((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'""")
_HAS_KEY = re.compile(r"[ \t]*(?:- +)?[^\s:#][^:#]{0,200}:(?:[ \t]|$)")
_END_IN_FLOW = re.compile(r"[,}\]]")
_BLOCK = re.compile(r":[ \t]+[|>][+-]?[0-9]?[+-]?[ \t]*$")
_COMMENT = re.compile(r"[ \t]#.*$")
_WORD = re.compile(r"""[^\s"'{}\[\](),:*&!|>%@`$\ufffd]+""")
_CUT = re.compile(r"\S*\Z")
_SHORTEST_WORD, _MOST_WORDS = 4, 1000


def hidden_in(text: str, names: Iterable[str] = ()) -> Iterator[Place]:
    """The stretches of values whose keys speak of secrets, or have one of the names, references aside."""
    known = frozenset(names)
    below: int | None = None
    block = False
    for number, line in enumerate(LINE_BREAK.split(text.removeprefix("\ufeff")), 1):
        indent = len(line) - len(line.lstrip())
        if line.strip() and below is not None and indent <= below and not line.lstrip().startswith("- "):
            below = None
        if below is not None and (block or not _HAS_KEY.match(line)):
            yield from _literal(line, indent, len(line), number)
        for found in _KEY.finditer(line):
            if not (_TELLING.search(found[1]) or found[1].split()[-1] in known):
                continue
            yield from _value(line, found.end(), number)
            below, block = indent, _BLOCK.search(line) is not None


def places_of(scalar: Scalar) -> Iterator[Place]:
    """The stretches of a single value, line by line."""
    first, *others = LINE_BREAK.split(scalar.raw)
    yield replace(scalar.place, length=max(1, len(first)))
    for number, line in enumerate(others, scalar.place.line + 1):
        yield Place(number, 1, max(1, len(line)))


def without_secrets(problems: Sequence[Problem], text: str, places: Iterable[Place]) -> tuple[Problem, ...]:
    """The problems, and no word of a hidden stretch in what they say: of its own line not even inside of words."""
    lines = LINE_BREAK.split(text.removeprefix("\ufeff"))
    of_line: dict[int, set[str]] = {}
    for place in places:
        if place.line <= len(lines):
            begin = place.column - 1
            words = _secret_words(lines[place.line - 1][begin : begin + place.length])
            of_line.setdefault(place.line, set()).update(words)
    everywhere = frozenset(word for words in of_line.values() for word in words)
    if not everywhere:
        return tuple(problems)
    return tuple(
        replace(
            each,
            sentence=_scrubbed(each.sentence, of_line.get(each.line, ()), everywhere),
            hint=_scrubbed(each.hint, of_line.get(each.line, ()), everywhere),
        )
        for each in problems
    )


def is_literal(written: str) -> bool:
    """Whether there is more to a text than references and the name of a scheme."""
    return any(sign.isalnum() for sign in _HARMLESS.sub("", _REFERENCE.sub("", written)))


def is_literal_secret(header: str, written: str) -> bool:
    """Whether a header whose name speaks of a secret has one written out. What is short is a version or a switch."""
    tells = header.lower() == "cookie" or _TELLING.search(header) is not None
    stated = _HARMLESS.sub(" ", _REFERENCE.sub(" ", written))
    return tells and any(len(word) >= _SHORTEST_WORD for word in _WORD.findall(stated))


def _secret_words(stretch: str) -> Iterator[str]:
    stretch = printable(_NAME.sub(" ", _REFERENCE.sub(" ", stretch)))
    words = (word.strip(".;?") for word in _WORD.findall(stretch))
    return (word for word in words if len(word) >= _SHORTEST_WORD)


def _scrubbed(said: str, near: Iterable[str], everywhere: Container[str]) -> str:
    if len(said) >= LONGEST_SENTENCE:
        # Half of a word would not be known again.
        said = _CUT.sub(HIDDEN, said, count=1)
    for word in sorted(near, key=len, reverse=True)[:_MOST_WORDS]:
        said = said.replace(word, HIDDEN)
    return _WORD.sub(lambda word: HIDDEN if word[0].strip(".;?") in everywhere else word[0], said)


def _value(line: str, begin: int, number: int) -> Iterator[Place]:
    """The value that stands behind the key in its line."""
    rest = line[begin:]
    begin += len(rest) - len(rest.lstrip())
    rest = line[begin:]
    if rest.startswith("{") and not rest.startswith("{{"):
        return
    end = len(line)
    if rest[:1] in ('"', "'"):
        closed = _QUOTED.match(line, begin)
        end = closed.end() - 1 if closed else end
        begin += 1
    elif rest[:1] == "[":
        end = line.find("]", begin) if "]" in rest else end
    else:
        blank = _REFERENCE.sub(lambda found: "x" * len(found[0]), line)
        comment = _COMMENT.search(blank, begin)
        end = comment.start() if comment else end
        if blank.count("{", 0, begin) > blank.count("}", 0, begin):
            stop = _END_IN_FLOW.search(blank, begin)
            end = min(end, stop.start()) if stop else end
    yield from _literal(line, begin, end, number)


def _literal(line: str, begin: int, end: int, number: int) -> Iterator[Place]:
    shown = line[begin:end].rstrip()
    if is_literal(shown):
        yield Place(number, begin + 1, len(shown))
