"""The house stands on its floors: a module imports from its own floor or a lower one, and so do third-party names."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("container", "clients", "variables", "triggers", "tags")
LONGEST_FILE = 400

FLOORS: Mapping[str, int] = {
    "container.case": 0,
    "container.place": 0,
    "container.event": 0,
    "container.effects": 0,
    "container.template": 0,
    "container.header": 0,
    "container.secret": 0,
    "container.set_cookie": 0,
    "container.shape": 0,
    "container.address": 1,
    "container.fields": 1,
    "container.component": 1,
    "container.conversion": 1,
    "container.normalise": 1,
    "container.outgoing": 1,
    "container.url": 1,
    "container.ga4": 1,
    "container.api": 1,
    "container.transformations": 2,
    "clients": 2,
    "variables": 2,
    "triggers": 2,
    "tags": 2,
    "container.config": 3,
    "container.engine": 4,
    "container.handbook": 4,
    "container.testing": 4,
    "container.delivery": 5,
    "container.preview": 5,
    "container.importers": 5,
    "container.preview.answers": 6,
    "container.preview.api": 6,
    "container.preview.changes": 6,
    "container.preview.pages": 6,
    "container.preview.remote": 6,
    "container.preview.stream": 6,
    "container.sandbox": 6,
    "container.web": 6,
    "container.cli": 7,
    "container.__main__": 7,
}
"""A module that is not listed here fails: whoever adds one says where it belongs."""

_ALWAYS = frozenset({"__future__"})
OUTSIDE: Mapping[int, frozenset[str]] = {
    0: frozenset({"orjson"}),
    1: frozenset({"pydantic", "pydantic_core", "orjson", "yarl", "re2", "phonenumbers", "publicsuffixlist"}),
    2: frozenset({"pydantic"}),
    3: frozenset({"pydantic", "pydantic_core", "yaml", "orjson"}),
    4: frozenset({"pydantic", "pytest", "orjson"}),
    5: frozenset(
        {"httpx", "httpx_aiohttp", "aiohttp", "psycopg", "psycopg_pool", "cryptography", "prometheus_client", "orjson"}
    ),
    6: frozenset({"starlette", "jinja2", "prometheus_client", "orjson"}),
    7: frozenset({"typer", "rich", "uvicorn", "httptools", "uvloop", "watchfiles", "orjson", "opentelemetry"}),
}

OPEN_DATABASES = {"sqlite3": ("container.delivery.",), "psycopg": ("container.delivery.postgres",)}
CALLS_VENDORS = ("container.delivery.transport",)


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def floor_of(module: str) -> int:
    if module == "container":
        return 0
    found = next((FLOORS[known] for known in _prefixes(module) if known in FLOORS), None)
    assert found is not None, f"{module} stands on no floor: add it to FLOORS, and to the table in the style guide"
    return found


def _prefixes(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:length]) for length in range(len(parts), 0, -1))


def imports(path: Path, module: str) -> Iterator[tuple[str, ast.stmt]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            yield node.module or "", node


def _imports_of(floor_test: str) -> list[tuple[str, str]]:
    found = []
    for module, path in modules():
        found += [(module, name) for name, _ in imports(path, module) if floor_test == name.split(".")[0]]
    return found


MODULES = list(modules())


@pytest.mark.parametrize(("module", "path"), MODULES, ids=[module for module, _ in MODULES])
def test_a_module_imports_from_its_own_floor_or_a_lower_one(module: str, path: Path) -> None:
    floor = floor_of(module)
    for name, node in imports(path, module):
        top = name.split(".")[0]
        if top in PACKAGES:
            assert floor_of(name) <= floor, f"{module}:{node.lineno} stands on floor {floor} and imports {name}"
        else:
            allowed = top in sys.stdlib_module_names or top in OUTSIDE[floor] or top in _ALWAYS
            assert allowed, f"{module}:{node.lineno} may not import {name} on floor {floor}"


@pytest.mark.parametrize(("module", "path"), MODULES, ids=[module for module, _ in MODULES])
def test_no_import_hides_inside_a_function(module: str, path: Path) -> None:
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    hidden = [n for function in functions for n in ast.walk(function) if isinstance(n, (ast.Import, ast.ImportFrom))]
    assert not hidden, f"{module}:{hidden[0].lineno}"


@pytest.mark.parametrize(("module", "path"), MODULES, ids=[module for module, _ in MODULES])
def test_a_file_stays_within_its_budget(module: str, path: Path) -> None:
    lines = len(path.read_text().splitlines())
    limit = 200 if module.startswith("container.engine") else LONGEST_FILE
    assert lines <= limit, f"{module} has {lines} lines"


def test_a_component_imports_from_us_the_façade_alone() -> None:
    for module, path in MODULES:
        top = module.split(".")[0]
        if top == "container":
            continue
        for name, node in imports(path, module):
            if name.split(".")[0] in PACKAGES:
                own_folder = ".".join(module.split(".")[:2])
                assert name == "container.api" or name.startswith(own_folder), f"{module}:{node.lineno} imports {name}"


def test_there_is_no_circle_of_imports() -> None:
    graph = {module: {_known(name) for name, _ in imports(path, module)} - {""} for module, path in MODULES}
    state: dict[str, int] = {}

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert state.get(module) != 1, " -> ".join((*trail, module))
        if module not in state:
            state[module] = 1
            for other in graph.get(module, set()):
                visit(other, (*trail, module))
            state[module] = 2

    for module in graph:
        visit(module, ())


def _known(name: str) -> str:
    names = {module for module, _ in MODULES}
    return next((prefix for prefix in _prefixes(name) if prefix in names and prefix not in PACKAGES), "")


def test_only_the_stores_open_databases() -> None:
    for library, homes in OPEN_DATABASES.items():
        strangers = [module for module, _ in _imports_of(library) if not module.startswith(homes)]
        assert not strangers


def test_only_the_transport_calls_vendors() -> None:
    callers = {module for library in ("httpx", "aiohttp", "httpx_aiohttp") for module, _ in _imports_of(library)}
    assert callers
    assert all(module.startswith(CALLS_VENDORS) for module in callers), callers


def test_the_standard_re_sees_only_patterns_that_stand_in_the_code() -> None:
    for module, path in MODULES:
        tree = ast.parse(path.read_text())
        functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        for call in [node for function in functions for node in ast.walk(function) if isinstance(node, ast.Call)]:
            called = call.func
            is_re = isinstance(called, ast.Attribute) and getattr(called.value, "id", "") == "re"
            written_out = isinstance(call.args[0], ast.Constant) if call.args else False
            assert not is_re or written_out, f"{module}:{call.lineno} gives re a pattern from outside"


def test_certificates_are_always_checked() -> None:
    assert not [module for module, path in MODULES if "verify=False" in path.read_text()]


def test_nothing_that_was_read_is_evaluated() -> None:
    for module, path in MODULES:
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
        assert not names & {"eval", "exec", "__import__", "compile"}, module


BROAD_EXCEPTS = {
    "container.engine.run": "around one tag",
    "container.delivery.handling": "around one judge",
    "container.delivery.writer": "the store's thread hands every failure to whoever asked",
    "container.delivery.postgres_accepting": "whoever asked gets the failure of the commit",
    "container.delivery.spool": "hits are kept, whatever is wrong with what forwards them",
    "container.delivery.leftovers": "what is wrong with one spool holds up no other",
    "container.web.ingest": "a hit gets an answer",
    "container.preview.recorder": "a fault of preview is no hit's",
    "container.preview.making": "a fault of preview is no hit's",
    "container.preview.evaluating": "what is raised in the thread is raised where somebody waits for it",
    "container.preview.shared": "there is a next look, and until one is well nothing is sent",
    "container.preview.own_tests": "what a client raises fails the test of its hit",
    "container.preview.sending": "around one judge",
    "container.preview.workbench": "what a client raises is told to who compares",
    "container.cli.reports": "a process that works does not count as gone, whatever is wrong with its report",
    "container.cli.faults": "a request gets an answer",
    "container.engine.attempt": "what only preview computes decides nothing, and says what was raised",
    "container.engine.claim": "a consent default that cannot be computed loses no hit",
}


def test_a_broad_except_has_a_reason() -> None:
    broad = {module for module, path in MODULES if "except Exception" in path.read_text()}
    assert broad == BROAD_EXCEPTS.keys()
