"""What is installed: pinned, with hashes, and none of it older than the faults that are known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
FLOORS = {
    "starlette": "1.3.1",
    "h11": "0.16.0",
    "jinja2": "3.1.6",
    "pyyaml": "6.0.3",
    "idna": "3.15",
    "orjson": "3.9.15",
}
"""The first versions without a fault that was published about an older one."""

ABSENT = ("python-multipart", "tldextract")
"""Parts of which the faults are avoided by doing without them."""


def locked() -> dict[str, tuple[str, int]]:
    """Each package's version, and how many hashes it has."""
    entries = re.split(r"\n(?=\S)", LOCK.read_text(encoding="utf-8"))
    found = {}
    for entry in entries:
        stated = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", entry)
        if stated:
            found[stated[1].lower()] = (stated[2], entry.count("--hash=sha256:"))
    return found


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def test_everything_that_is_installed_has_a_hash() -> None:
    found = locked()
    assert len(found) > 30
    assert not [name for name, (_, hashes) in found.items() if not hashes]


@pytest.mark.parametrize("name", FLOORS)
def test_nothing_is_older_than_the_faults_that_are_known(name: str) -> None:
    assert version(locked()[name][0]) >= version(FLOORS[name])


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_better_not_there_is_not_there(name: str) -> None:
    assert name not in locked()
