"""Every component keeps the contract, and every case file holds. A new component is found by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from container.component import Component
from container.config.registry import discover
from container.delivery.worker import MOST_IN_FLIGHT
from container.testing import Case, broken_promises, cases_in, load_case, run_case, update_case

TESTS = Path(__file__).parent
COMPONENTS = [component for component in discover().components.values() if component.kind != "operator"]
NAMES = [f"{component.kind}-{component.type}" for component in COMPONENTS]

MANY = 30
_HASH = re.compile(r"\b[0-9a-fA-F]{64}\b")

SHOWN: Mapping[str, Callable[[Case], bool]] = {
    "everything given": lambda case: case.path.stem == "everything_given",
    "the minimum": lambda case: case.path.stem == "minimum",
    "values of the wrong kind": lambda case: case.path.stem == "wrong_kinds",
    "hashes made elsewhere": lambda case: bool(_HASH.search(str(_data(case).get("user_data")))),
    "a refund": lambda case: case.given.get("event", {}).get("name") == "refund",
    "a value of zero": lambda case: _data(case).get("value") == 0,
    "many items": lambda case: len(_data(case).get("items") or ()) >= MANY,
    "text of other scripts": lambda case: any(letter.isalpha() for letter in str(case.given) if not letter.isascii()),
}
"""What the cases of a tag for conversions have to show, beside what every tag's do."""

CONVERSION_TAGS = [each for each in COMPONENTS if each.kind == "tag" and each.standard_events]


def _data(case: Case) -> Mapping[str, Any]:
    found: Mapping[str, Any] = case.given.get("event", {}).get("data") or {}
    return found


def cases_of(component: Component) -> list[Case]:
    return cases_in(TESTS / f"{component.kind}s" / component.type)


CASES = [(component, case) for component in COMPONENTS for case in cases_of(component)]


@pytest.mark.parametrize("component", COMPONENTS, ids=NAMES)
def test_a_component_keeps_the_contract(component: Component) -> None:
    assert not list(broken_promises(component, cases_of(component)))


@pytest.mark.parametrize("component", [each for each in COMPONENTS if each.kind == "tag"], ids=lambda each: each.type)
def test_a_tag_takes_no_more_than_its_part_of_all_requests(component: Component) -> None:
    assert 1 <= component.in_flight <= MOST_IN_FLIGHT // 4
    assert component.requests_per_second is None or component.requests_per_second > 0


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("component", CONVERSION_TAGS, ids=lambda each: each.type)
def test_the_cases_of_a_tag_for_conversions_show_what_goes_wrong_elsewhere(component: Component, shown: str) -> None:
    assert any(SHOWN[shown](case) for case in cases_of(component)), f"no case of {component.type} shows {shown}"


@pytest.mark.parametrize(("component", "case"), CASES, ids=[f"{c.type}-{case.path.stem}" for c, case in CASES])
def test_a_case_holds(component: Component, case: Case, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-cases"):
        refused = update_case(component, case.path).refused
        assert not refused, case.about
        case = load_case(case.path)
    assert not run_case(component, case), case.about


def test_every_folder_of_cases_belongs_to_a_component() -> None:
    known = {(f"{component.kind}s", component.type) for component in COMPONENTS}
    for kind in ("clients", "variables", "triggers", "transformations", "tags"):
        folders = {path.parent.name for path in (TESTS / kind).glob("*/*.yaml")}
        assert {(kind, name) for name in folders} <= known
