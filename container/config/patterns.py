"""Patterns that RE2 does not take: what is wrong with them, and what to write instead."""

from __future__ import annotations

import re

from container.config.unquoted import quoted
from container.fields import TOO_MANY_STEPS

_LOOKS = {
    "(?!": "looks ahead for what must not follow, which the patterns of GTM cannot",
    "(?=": "looks ahead, which the patterns of GTM cannot",
    "(?<!": "looks behind for what must not precede, which the patterns of GTM cannot",
    "(?<=": "looks behind, which the patterns of GTM cannot",
}
"""What RE2 does not take, in an analyst's words."""

_NOT_THERE = {
    "pattern": "put a row above it that catches what must not be there",
    "events_matching": "write what must not be there under `when`, as a condition on {{ Event Name }}",
}
_THERE_TOO = {
    "pattern": "write what follows or precedes into the pattern itself, or put a row above it that catches the rest",
    "events_matching": "write what has to follow or precede under `when`, as a condition on {{ Event Name }}",
}
"""Where there is no second condition. Everywhere else there is."""

_ESCAPES = {"Z": "$", "h": r"[ \t]", "R": r"\r?\n"}
"""Escapes of other dialects, in RE2."""

_BACK_REFERENCE = re.compile(r"\\[1-9]|\(\?P=|\\k[<{']")
_SIZE = re.compile(r"invalid repetition size: \{([0-9]+)(?:,([0-9]+))?")
_REPEATED = re.compile(r"bad repetition operator: (\S+)")
_ESCAPE = re.compile(r"invalid escape sequence: \\(\w)")
_COMMENT = re.compile(r"\(\?#[^)]*\)")
_GLOB = re.compile(r"\*[\w./*-]*")
_NO_GROUP = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?!P?<\w)")
_OPENING = re.compile(r"\((?:\?P?<(\w+)>)?")


def pattern_told(source: str, message: str) -> str:
    """What is wrong with a pattern, in words. `message`: what RE2 says."""
    told = next((words for sign, words in _LOOKS.items() if sign in source), "")
    if not told and (escape := _ESCAPE.match(message)) and (escape[1].isdigit() or escape[1] == "k"):
        told = "repeats what a group matched, which the patterns of GTM cannot"
    if told:
        return told
    if (size := _SIZE.match(message)) is not None:
        return f"is not right: {'the smaller number comes first in braces' if _is_swapped(size) else TOO_MANY_STEPS}"
    return f"is not right: {message}"


def for_pattern(source: str, detail: str, field: str) -> str:
    """What to write instead. `detail`: what is wrong with it; `field`: where it stands."""
    if "(?!" in source or "(?<!" in source:
        usual = "write what must not be there under `does_not_match_regex`, in the same condition"
        return _NOT_THERE.get(field, usual)
    if "(?=" in source or "(?<=" in source:
        return _THERE_TOO.get(field, "write what has to follow or precede as a second condition")
    if _BACK_REFERENCE.search(source):
        return "write the repeated text itself" + ("" if field in _NOT_THERE else ", or take a second condition")
    return _mended(source, detail.removeprefix("is not right: "))


def named_groups(source: str) -> dict[str, int]:
    """The groups of a pattern that have names, and which they are."""
    opened = _OPENING.finditer(_NO_GROUP.sub("", source))
    return {found[1]: number for number, found in enumerate(opened, 1) if found[1]}


def _mended(source: str, message: str) -> str:
    """The pattern as it is meant, where that can be told."""
    if "(?>" in source:
        return f"write {quoted(source.replace('(?>', '(?:'))}: there is no going back in these patterns"
    if "(?#" in source:
        return f"write {quoted(_COMMENT.sub('', source))}, and the comment under `notes`"
    if message.startswith("no argument for repetition operator"):
        return _without_argument(source)
    if repeated := _REPEATED.match(message):
        twice = repeated[1]
        if "{" in twice:
            return "put ( ) around what is repeated twice"
        return f"write {quoted(source.replace(twice, twice[:-1]))}"
    if (escape := _ESCAPE.match(message)) and escape[1] in _ESCAPES:
        return f"write {quoted(source.replace(chr(92) + escape[1], _ESCAPES[escape[1]]))}"
    return ""


def _without_argument(source: str) -> str:
    """A star for any text, as in the names of files, or a sign that is meant itself."""
    if _GLOB.fullmatch(source) and "**" not in source:
        return f"write {quoted(source.replace('.', chr(92) + '.').replace('*', '.*'))}"
    return "write .* for any text, or a backslash before a sign that is meant itself"


def _is_swapped(size: re.Match[str]) -> bool:
    return size[2] is not None and int(size[2]) < int(size[1])
