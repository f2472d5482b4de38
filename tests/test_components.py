"""Every component keeps the contract, and every case file holds. A new component is found by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from container.component import Component
from container.config.registry import discover
from container.delivery.worker import MOST_IN_FLIGHT
from container.testing import Case, broken_promises, cases_in, load_case, run_case, update_case

TESTS = Path(__file__).parent
COMPONENTS = [component for component in discover().components.values() if component.kind != "operator"]
NAMES = [f"{component.kind}-{component.type}" for component in COMPONENTS]


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
