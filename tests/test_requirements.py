"""What is installed is what was locked, and nothing in it is older than the last known fault."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib import metadata

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.version import Version

from tests.test_architecture import ROOT

FLOORS: Mapping[str, str] = {
    "aiohttp": "3.14.1",  # headers without an end and with NUL in answers (3.13.4), pipelines without an end
    "certifi": "2024.7.4",  # distrusted roots
    "cryptography": "46",
    "h11": "0.16.0",  # lenient endings of chunks
    "httpx": "0.28.1",
    "idna": "3.15",  # quadratic time
    "jinja2": "3.1.6",  # ways out of the sandbox
    "orjson": "3.9.15",  # recursion without an end
    "psycopg": "3.2",
    "pyyaml": "6.0.3",
    "setuptools": "78.1.1",  # a path out of the folder
    "starlette": "1.3.1",  # a Host that changes the address
    "uvicorn": "0.40",
}
"""The oldest versions without a known fault that matters here."""

ABSENT = (
    "python-multipart",
    "multipart",
    "requests",
    "urllib3",
    "redis",
    "tldextract",
    "aiodns",
    "brotli",
    "brotlicffi",
    "zstandard",
)
"""Nothing here needs them. The last ones would unpack what vendors send."""

LOCK = (ROOT / "requirements.lock").read_text()
WITH_SPANS = (ROOT / "requirements.otel.lock").read_text()
"""What the extra `otel` needs, and everything that it stands on. No image and no server without it has any of that."""

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENTRY = re.compile(
    r"^(\S+?)(?:\[[^\]]*\])?==(\S+)(?: ; ([^\\]+))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)", re.MULTILINE
)
LOCKED = {found[1].lower(): found[2] for found in ENTRY.finditer(LOCK)}
FOR_OTHERS = {
    found[1].lower() for found in ENTRY.finditer(LOCK) if found[3] and not Marker(found[3].strip()).evaluate()
}
"""Entries that are for other machines than this one."""


def stated(name: str) -> list[Requirement]:
    """What the project says it needs, by the name of a list."""
    extras = PROJECT["optional-dependencies"]
    lists = {"": PROJECT["dependencies"], **extras}
    return [Requirement(each) for each in lists[name]]


def test_every_line_of_the_lock_is_an_entry_with_a_hash() -> None:
    left = ENTRY.sub("", LOCK)
    assert not [line for line in left.splitlines() if line.strip() and not line.startswith("#")]
    assert len(LOCKED) > 50


@pytest.mark.parametrize("package", FLOORS)
def test_no_locked_version_is_older_than_its_last_known_fault(package: str) -> None:
    assert Version(LOCKED[package]) >= Version(FLOORS[package])


@pytest.mark.parametrize("package", ABSENT)
def test_what_nothing_needs_is_not_there(package: str) -> None:
    assert package not in LOCKED


@pytest.mark.parametrize("package", sorted(LOCKED.keys() - FOR_OTHERS))
def test_what_is_installed_is_what_was_locked(package: str) -> None:
    assert Version(metadata.version(package)) == Version(LOCKED[package])


@pytest.mark.parametrize("name", ["", "postgres", "dev"])
def test_the_lock_holds_what_the_project_says_it_needs(name: str) -> None:
    for requirement in stated(name):
        assert requirement.specifier.contains(LOCKED[requirement.name.lower()]), str(requirement)


def test_what_spans_need_is_locked_beside_and_agrees_with_the_rest() -> None:
    beside = {found[1].lower(): found[2] for found in ENTRY.finditer(WITH_SPANS)}
    assert not [line for line in ENTRY.sub("", WITH_SPANS).splitlines() if line.strip() and not line.startswith("#")]
    assert {name: beside[name] for name in beside.keys() & LOCKED.keys()}.items() <= LOCKED.items()
    for requirement in stated("otel"):
        assert requirement.specifier.contains(beside[requirement.name.lower()]), str(requirement)
    for package, version in beside.items():
        assert Version(metadata.version(package)) == Version(version), package
    assert not {"requests", "urllib3", "protobuf"} & LOCKED.keys()


def test_whoever_installs_without_the_lock_gets_no_known_fault_either() -> None:
    direct = {each.name.lower(): each for list_name in ("", "postgres") for each in stated(list_name)}
    for package in FLOORS.keys() & direct.keys():
        floors = [each.version for each in direct[package].specifier if each.operator == ">="]
        assert floors, f"{package} has no floor"
        assert Version(floors[0]) >= Version(FLOORS[package]), package
    assert {"starlette", "jinja2", "pyyaml", "idna", "orjson", "h11", "aiohttp"} <= direct.keys()
