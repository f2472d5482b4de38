"""Which components there are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from container.api import Event, Settings, operator, tag
from container.component import component_of
from container.config.registry import Registry, RegistryError, components_in, discover


@tag("one", consent=())
def one(settings: Settings, event: Event) -> None:
    """One."""


@tag("one", consent=())
def another(settings: Settings, event: Event) -> None:
    """Another."""


@operator("is", negated="is_not")
def is_it(actual: str, expected: str) -> bool:
    """The same."""
    return actual == expected


@operator("is_not")
def is_not_it(actual: str, expected: str) -> bool:
    """Not the same."""
    return actual != expected


def test_components_are_found_by_kind_and_type() -> None:
    registry = Registry.of([one])
    assert registry.find("tag", "one") is component_of(one)
    assert registry.find("client", "one") is None
    assert registry.types("tag") == ("one",)
    assert registry.of_kind("client") == ()


def test_operators_are_found_by_both_names() -> None:
    registry = Registry.of([is_it])
    assert registry.operator("is") == (component_of(is_it), False)
    assert registry.operator("is_not") == (component_of(is_it), True)
    assert registry.operator("was") is None


def test_the_same_function_twice_is_one_component() -> None:
    assert Registry.of([one, one]).types("tag") == ("one",)


def test_two_components_of_one_type_are_refused_by_name() -> None:
    with pytest.raises(RegistryError, match="another"):
        Registry.of([one, another])


def test_an_operator_may_not_take_the_negation_of_another() -> None:
    with pytest.raises(RegistryError, match="is_not"):
        Registry.of([is_it, is_not_it])


def test_an_unmarked_function_is_refused() -> None:
    with pytest.raises(RegistryError, match="not marked"):
        Registry.of([len])


def test_a_module_gives_the_components_defined_in_it() -> None:
    found = components_in(sys.modules[__name__])
    assert set(found) == {one, another, is_it, is_not_it}


def test_what_is_installed_is_discovered() -> None:
    registry = discover()
    assert registry.find("client", "ga4") is not None
    assert registry.find("tag", "tiktok_events_api") is not None
    assert registry.operator("does_not_match_regex") is not None


PLUG_IN = '''
from container.api import Event, Settings, tag

@tag("from_outside", consent=())
def from_outside(settings: Settings, event: Event) -> None:
    """Comes from outside."""
'''


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """An installed distribution with the entry point that the test names."""
    (tmp_path / "outside_plug_in.py").write_text(PLUG_IN, encoding="utf-8")
    information = tmp_path / "outside_plug_in-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-plug-in\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[container.components]\noutside = {request.param}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield request.param
    sys.modules.pop("outside_plug_in", None)


@pytest.mark.parametrize("plug_in", ["outside_plug_in", "outside_plug_in:from_outside"], indirect=True)
def test_an_entry_point_adds_a_module_or_a_function(plug_in: str) -> None:
    assert discover().find("tag", "from_outside") is not None


@pytest.mark.parametrize("plug_in", ["outside_plug_in:missing", "no_such_module"], indirect=True)
def test_a_plug_in_that_cannot_be_loaded_is_named(plug_in: str) -> None:
    with pytest.raises(RegistryError, match="outside"):
        discover()


@pytest.mark.parametrize("plug_in", ["json", "json:dumps"], indirect=True)
def test_a_plug_in_without_components_is_named(plug_in: str) -> None:
    with pytest.raises(RegistryError, match="holds no component"):
        discover()
