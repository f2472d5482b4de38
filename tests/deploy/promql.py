"""What an expression for Prometheus names: its metrics, and the labels that it asks of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.web.scraped import families

ADDED = frozenset({"job", "instance", "le"})
"""Labels that Prometheus adds to what it reads, and the bound of a histogram."""

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPED = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"\b((?:tag_container|process)_[a-z0-9_]+)\s*(\{[^}]*\})?")
_MATCHER = re.compile(r"([a-z_]+)\s*(=~|!~|!=|=)\s*\"((?:[^\"\\]|\\.)*)\"")
_KNOWN_WORD = re.compile(
    r"(?:sum|max|min|avg|count|rate|increase|irate|histogram_quantile|time|absent|vector|clamp_min|topk|label_replace"
    r"|up|and|or|unless|by|on|offset|job|instance|bool)\b"
)


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric as an expression names it. `matchers`: label, sign and value."""

    metric: str
    matchers: Sequence[tuple[str, str, str]]


def selectors(expression: str) -> list[Selector]:
    return [
        Selector(metric, [(label, sign, value) for label, sign, value in _MATCHER.findall(matchers)])
        for metric, matchers in _SELECTOR.findall(expression)
    ]


def problems(expression: str) -> list[str]:
    """What is wrong with it: metrics, labels and values that there are not, and words that are none of PromQL's."""
    known = {name: family for family in families().values() for name in family.names}
    found = []
    labels: set[str] = set(ADDED)
    for selector in selectors(expression):
        family = known.get(selector.metric)
        if family is None:
            found.append(f"{selector.metric} is no metric")
            continue
        labels |= set(family.labels)
        for label, sign, value in selector.matchers:
            if label in ADDED or value.startswith("$"):
                continue
            if label not in family.labels:
                found.append(f"{selector.metric} has no label {label}")
                continue
            values = value.split("|") if "~" in sign else [value]
            found += [f"{selector.metric} has no {label} {each}" for each in values if not family.may_hold(label, each)]
    for group in _GROUPED.findall(expression):
        found += [f"there is no label {label}" for label in re.findall(r"[a-z_]+", group) if label not in labels]
    return [*found, *_strange_words(expression)]


def _strange_words(expression: str) -> list[str]:
    rest = _GROUPED.sub(" ", _SELECTOR.sub(" ", _TEXT.sub(" ", expression)))
    rest = re.sub(r"\[[^\]]*\]|\boffset\s+\d+[smhd]|\$\w+", " ", rest)
    return [f"{word} is no word of it" for word in re.findall(r"[a-z_]{2,}", rest) if not _KNOWN_WORD.fullmatch(word)]


def labels_of(expression: str) -> Mapping[str, frozenset[str]]:
    """The labels of each metric that it names."""
    known = {name: family for family in families().values() for name in family.names}
    return {each.metric: frozenset(known[each.metric].labels) for each in selectors(expression)}
