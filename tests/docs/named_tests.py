"""Pages that name tests."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def assert_there(file: str, name: str) -> None:
    """That `tests/<file>` has a test of this name."""
    path = ROOT / "tests" / file
    assert path.is_file(), f"tests/{file} is not there"
    defined = {
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert name in defined, f"tests/{file} has no {name}"
