"""A page of the documentation as steps: what its reader does, and what the page says that they see then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LABEL = re.compile(r"\*\*([A-Z][^*]*)\*\*")
ANYTHING = "…"
"""In what is shown: whatever stands there. As a line of its own: any number of lines."""

NO_DEED = ("Press its event", "Press the tag")
"""What is pressed only to see what a block shows anyway."""

# What is done outside a terminal stands in the sentences. The first group says to what.
DEEDS = {
    "open": re.compile(r"\bopen `(http[^`]+)`", re.IGNORECASE),
    "open_copied": re.compile(r"\bopen what you (copied)\b", re.IGNORECASE),
    "open_said": re.compile(r"\bopen what stands behind `([^`]+)`", re.IGNORECASE),
    "copy_said": re.compile(r"\bcopy what stands behind `([^`]+)`", re.IGNORECASE),
    "press_too": re.compile(r"\bpress \*\*[^*]+\*\* and \*\*([^*]+)\*\*", re.IGNORECASE),
    "press": re.compile(r"\bpress (?:the button there, )?\*\*([^*]+)\*\*", re.IGNORECASE),
    "choose": re.compile(r"\bchoose \*\*([^*]+)\*\*", re.IGNORECASE),
    "type": re.compile(r"\btype `([^`]+ for [^`]+|[^`]+` for `[^`]+)`", re.IGNORECASE),
    "hear": re.compile(r"\bwhen it says `([^`]+)`", re.IGNORECASE),
    "stop": re.compile(r"\bstop \w+(?: server)? with (Ctrl-C)", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Step:
    """`about`: what a fence says behind its first backticks, or the name of a deed. `line`: where it stands."""

    about: str
    text: str
    line: int


def steps(page: str) -> list[Step]:
    """All of the page, in its order: each fenced block, and each deed of the sentences between."""
    found, at = list[Step](), 0
    for fence in FENCE.finditer(page):
        found += _deeds(page, at, fence.start())
        found.append(Step(fence[1], fence[2], _line(page, fence.start())))
        at = fence.end()
    return [*found, *_deeds(page, at, len(page))]


def commands(block: str) -> Iterator[tuple[str, str]]:
    """The commands of a console, each with what it says."""
    first, *rest = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert not first, "a console begins with a command"
    for each in rest:
        command, _, said = each.partition("\n")
        yield command, said


def is_said(shown: str, found: str) -> bool:
    """Whether the page shows what was found, placeholders aside."""
    lines = [
        r"(?:[^\n]*\n)*?" if line == ANYTHING else r"[^\n]*?".join(map(re.escape, line.split(ANYTHING))) + "\n"
        for line in shown.splitlines()
    ]
    return re.fullmatch("".join(lines), f"{found.rstrip()}\n") is not None


def patched(text: str, change: str) -> str:
    """The text with a change as `diff` shows it. What is taken out or stays has to be there, and once."""
    lines = change.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    assert text.count(before) == 1, before
    return text.replace(before, after)


def words_of(folder: Path) -> str:
    """Everything that the pages of a folder could say."""
    files = [each for each in sorted(folder.rglob("*")) if each.suffix in (".py", ".js", ".html")]
    return "\n".join(each.read_text(encoding="utf-8") for each in files)


def asked_otherwise(page: str) -> list[str]:
    """What the sentences ask for in words that are not understood, so that nobody would do it."""
    prose = FENCE.sub("", page).replace("\n", " ")
    for known in (*DEEDS.values(), *(re.compile(re.escape(each)) for each in NO_DEED)):
        prose = known.sub("", prose)
    return re.findall(r"\b(?:press|choose|type|open|copy|stop)\b (?:[^ ]+ ?){4}", prose, re.IGNORECASE)


def _deeds(page: str, start: int, end: int) -> list[Step]:
    prose = page[start:end].replace("\n", " ")
    found = [(match.start(1), name, match[1]) for name, pattern in DEEDS.items() for match in pattern.finditer(prose)]
    return [Step(name.removesuffix("_too"), what, _line(page, start + at)) for at, name, what in sorted(found)]


def _line(page: str, at: int) -> int:
    return page.count("\n", 0, at) + 1
