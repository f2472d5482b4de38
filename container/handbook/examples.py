"""Examples for a page, taken from the case files of its component as they were written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from container.config.flow import flow
from container.testing import load_case

MOST = 10
ENOUGH = 6
"""A page with so many examples has enough; those that are named so are shown beyond it."""

_SECTION = re.compile(r"^(given|expect):(.*(?:\n(?:[ #].*)?)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """`about`: a sentence. `given` and `expect`: YAML as it stands in the case file, without the indentation."""

    about: str
    given: str
    expect: str


def examples_of(folder: Path) -> list[Example]:
    """What the folder's cases show: first those named `example…`, the minimum and everything, then others."""
    paths = sorted(folder.glob("*.yaml"))
    chosen = [path for path in paths if path.stem.startswith("example")]
    chosen += [path for name in ("minimum", "everything_given") for path in paths if path.stem == name]
    others = [path for path in paths if path not in chosen]
    chosen += others[: max(ENOUGH - len(chosen), 0)]
    return [_example(path) for path in chosen[:MOST]]


def as_markdown(examples: Sequence[Example]) -> str:
    """A sentence, what is given and what comes of it, for each example."""
    return "\n\n".join(
        f"**{each.about}**\n\n```yaml\n{each.given}\n```\n\ngives\n\n```yaml\n{each.expect}\n```" for each in examples
    )


def _example(path: Path) -> Example:
    case = load_case(path)
    written = dict(_SECTION.findall(path.read_text(encoding="utf-8")))
    return Example(case.about, _body(written["given"], case.given), _body(written["expect"], case.expect))


def _body(written: str, content: Mapping[str, Any]) -> str:
    """What stands indented under a key, as it was written; what stands beside the key, a line for each member."""
    beside, _, below = written.partition("\n")
    if not beside.strip():
        return dedent(below).strip("\n")
    return "\n".join(f"{key}: {flow(value)}" for key, value in content.items())
