"""What a record says of a visitor, so that it shows nowhere in it: also not in a sentence that quotes it, or as a name.

Nobody can list all that identifies a visitor, nor tell a name of a person from a name of a field. But whatever stands
under a name of which the value is masked is known, and is then masked wherever else it stands.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence

from container.delivery.masking import masked, masked_text
from container.delivery.texts import values

SHORTEST_INSIDE = 6
"""Characters of a value that is looked for inside of text; a shorter one counts where it is all there is."""

SHORTEST_PIECE = 3
"""Characters of a value that counts as a part of an id only between signs."""

LONGEST_NAME = 64
LONGEST_WORD = 24
"""Letters and digits of a name in one piece; longer ones may be anything, encoded."""

LONGEST_SEARCHED = 2_000
"""Characters of a text that is searched. Ours are shorter; of a longer one, such as a header, all is masked or none."""

_START = 4
"""Values are found by their first characters."""

_SNAKE = re.compile(r"[a-z_]{1,40}", re.ASCII)
_PLAIN_WORD = re.compile(r"[a-z]+[.,:;!?]?", re.ASCII)
_CODE = re.compile(r"[A-Z]{3}", re.ASCII)
"""Of a currency."""

_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.\[\]-]*|[0-9]{1,4}", re.ASCII)
_MANY_DIGITS = re.compile(r"[0-9]{5}|[0-9]+\.[0-9]+\.", re.ASCII)
_PIECE = re.compile(r"[A-Za-z0-9]+", re.ASCII)
_QUOTED = re.compile(r'"([^"]*)"')
_SAID = re.compile(r"[a-z_][a-z0-9_.]{0,40}", re.ASCII)
_OF_ADDRESSES = ("@", "%40", "://")
_WORD = re.compile(r"\S+", re.ASCII)
_PERSONAL = re.compile(
    r"\+?[0-9][0-9 ()./-]{5,}[0-9]"
    r"|(?<![A-Za-z0-9])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{4,}"
    r"|(?<![A-Za-z0-9])(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}",
    re.ASCII,
)
"""Beside words with a sign of an address: long numbers, addresses of machines, and long ids, wherever they stand."""

_SECRET = re.compile(r"\$\{secret:[A-Za-z0-9_.-]{1,100}\}", re.ASCII)


class Hidden:
    """What may not be seen of one record.

    `known`: texts of the configuration, which are shown as they are. `expected`: what conditions compare with, which
    sentences quote: shown there, unless a visitor sent the same. `literals`: what the analyst wrote besides, which
    sentences show whoever sent the same, unless it reads as somebody's address, number or id.
    """

    def __init__(
        self, known: Collection[str] = (), expected: Collection[str] = (), literals: Collection[str] = ()
    ) -> None:
        self.known = frozenset(known)
        self._expected = frozenset(expected)
        self._literals = frozenset(literals)
        self._small_literals = {each.casefold() for each in self._literals}
        self._heard: set[str] = set()
        self._values: set[str] = set()
        self._shown: set[str] = set()
        self._told: dict[str, str] = {}
        self._parts: set[str] = set()
        self._proper: set[str] = set()
        self._inside: set[str] = set()
        self._starts: frozenset[str] = frozenset()
        self._sorted: list[str] = []
        self._shorter: list[int] = []
        self._settled = False
        self._names: dict[str, str] = {}

    def settle(self) -> None:
        """Everything has been hidden and shown. Before it, texts and names are given back as they are."""
        self._settled = True
        self._starts = frozenset(each[:_START] for each in self._inside)
        self._sorted = sorted(self._inside)
        self._shorter = _beginnings(self._sorted)

    def hide(self, name: str, text: str) -> None:
        """The text, and what stands within it, is a visitor's."""
        if self._settled or text in self._heard:
            return
        self._heard.add(text)
        for _, value in values(name, text):
            plain = value.strip()
            small = plain.casefold()
            if len(small) < 2 or small in self._values:
                continue
            self._values.add(small)
            words = small.split()
            self._parts.update(words if len(words) > 1 else ())
            # Words that every sentence has are nobody's.
            self._proper.update(word.casefold() for word in plain.split() if not _PLAIN_WORD.fullmatch(word))
            # A word in small letters may be a word of a sentence. Where it is quoted it is not shown all the same.
            is_word = _SNAKE.fullmatch(plain) or (small in self._small_literals and not _is_somebodys(plain))
            if len(small) >= SHORTEST_INSIDE and not is_word:
                self._inside.add(small)

    def show(self, text: str) -> None:
        """The text is shown under a name that is nobody's, so it tells nothing elsewhere, if it is a plain word."""
        if _SNAKE.fullmatch(text) or _CODE.fullmatch(text):
            self._shown.add(text.casefold())

    def texts(self) -> frozenset[str]:
        """What is hidden, and the words of it that are more than small letters, all in small letters."""
        return frozenset(self._values | self._proper)

    def holds(self, text: str) -> bool:
        """Whether something hidden stands within it; what is short has to stand there by itself."""
        small = text.casefold()
        pieces = {*_PIECE.findall(small), small}
        return any(each in pieces or (len(each) > SHORTEST_PIECE and each in small) for each in self.texts())

    def is_literal(self, text: str) -> bool:
        """Whether the analyst wrote just this, and it is nobody's address, number or id."""
        return text in self._literals and not _is_somebodys(text)

    def tell(self, texts: Mapping[str, str]) -> None:
        """How these values are shown, which sentences show in the same way."""
        self._told.update(texts)

    def is_value(self, text: str) -> bool:
        """Whether the text as a whole is a visitor's."""
        small = text.strip().casefold()
        return small in self._values and small not in self._shown and text not in self.known

    def goods(self, text: str) -> str:
        """A name or a number of goods. One word that stands in a visitor's words, as in a whole name, is theirs too."""
        is_part = self._settled and text.strip().casefold() in self._parts and text not in self.known
        return masked(text) if is_part else self.without(text)

    def without(self, text: str) -> str:
        """The text with what is a visitor's masked."""
        if not self._settled or text in self.known:
            return text
        return masked(text) if self.is_value(text) else self._without_inner(text)

    def name(self, name: str) -> str:
        """A name of a field, a header or a cookie. It is shown unless it may be a value."""
        if not self._settled or name in self.known:
            return name
        if name not in self._names:
            self._names[name] = name if self._is_name(name) else masked(name)
        return self._names[name]

    def sentence(self, text: str) -> str:
        """A sentence of ours. What it quotes is shown if it is of the configuration, or a word that nobody sent."""
        if not self._settled or text in self.known:
            return text
        parts: list[str] = []
        position = 0
        for found in _QUOTED.finditer(text):
            parts += (self._outside_secrets(text[position : found.start()]), f'"{self.quoted(found[1])}"')
            position = found.end()
        return "".join((*parts, self._outside_secrets(text[position:])))

    def quoted(self, text: str) -> str:
        """What a sentence quotes, without its quotes."""
        if not text or text in self.known or _SECRET.fullmatch(text):
            return text
        if self.is_literal(text):
            return text
        if text in self._expected:
            return self.without(text)
        if text in self._told:
            return self._told[text]
        is_word = _SAID.fullmatch(text) and not _MANY_DIGITS.search(text) and not self.is_value(text)
        return text if is_word else masked_text(text)

    def _is_name(self, name: str) -> bool:
        longest = max(map(len, _PIECE.findall(name)), default=0)
        plain = len(name) <= LONGEST_NAME and longest <= LONGEST_WORD and _NAME.fullmatch(name) is not None
        return plain and not _MANY_DIGITS.search(name) and self.without(name) == name

    def _outside_secrets(self, text: str) -> str:
        parts: list[str] = []
        position = 0
        for found in _SECRET.finditer(text):
            parts += (self._impersonal(text[position : found.start()]), found[0])
            position = found.end()
        return "".join((*parts, self._impersonal(text[position:])))

    def _impersonal(self, text: str) -> str:
        if len(text) > LONGEST_SEARCHED:
            return masked(text)
        # Values first: what is masked of one in parts would not be found any more.
        inner = _WORD.sub(lambda found: _without_address(found[0]), self._without_inner(text))
        return _PERSONAL.sub(lambda found: self._told.get(found[0]) or masked(found[0]), inner)

    def _without_inner(self, text: str) -> str:
        small = text.casefold()
        starts = self._starts
        if len(small) > LONGEST_SEARCHED:
            is_clean = not any(small[place : place + _START] in starts for place in range(len(small)))
            return text if is_clean else masked(text)
        # The shorter of two ways to find out that nothing is in it, as is usual.
        if len(starts) < len(small) and not any(start in small for start in starts):
            return text
        if len(small) != len(text):
            # Few texts are longer in small letters: all of it or nothing.
            return masked(text) if any(self._at(small, place) for place in range(len(small))) else text
        parts: list[str] = []
        position = done = 0
        while position <= len(small) - SHORTEST_INSIDE:
            found = self._at(small, position) if small[position : position + _START] in starts else 0
            if found:
                parts += (text[done:position], masked(text[position : position + found]))
                position = done = position + found
            else:
                position += 1
        return "".join((*parts, text[done:])) if parts else text

    def _at(self, small: str, position: int) -> int:
        """How long the longest value is that stands at this place."""
        # In alphabetical order it is the last one that is not behind the rest, or a beginning of that one.
        place = bisect_right(self._sorted, small[position:]) - 1
        while place >= 0 and not small.startswith(self._sorted[place], position):
            place = self._shorter[place]
        return len(self._sorted[place]) if place >= 0 else 0


def _is_somebodys(text: str) -> bool:
    return any(sign in text for sign in _OF_ADDRESSES) or _PERSONAL.search(text) is not None


def _without_address(word: str) -> str:
    return masked(word) if any(sign in word for sign in _OF_ADDRESSES) else word


def _beginnings(ordered: Sequence[str]) -> list[int]:
    """For each text the place of the longest other one that it begins with, -1 where there is none."""
    found: list[int] = []
    for place, text in enumerate(ordered):
        before = place - 1
        while before >= 0 and not text.startswith(ordered[before]):
            before = found[before]
        found.append(before)
    return found
