"""Every call of a logger in our code, read from its text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.cli.processes import ROOT

LEVELS = ("debug", "info", "warning", "error", "exception", "critical", "log")


@dataclass(frozen=True, slots=True)
class Logged:
    """A call: the name of the method, the text of the line, and what fills each of its slots."""

    place: str
    level: str
    text: str
    filling: Sequence[ast.expr]

    @property
    def slots(self) -> Sequence[str]:
        return re.findall(r"%[^a-z%]*([a-z])", self.text)

    @property
    def name(self) -> str:
        return self.text.split()[0]

    def __repr__(self) -> str:
        return f"{self.place} {self.name}"


def logged() -> Iterator[Logged]:
    """All of them, file by file. A text that is no constant was given a name just before."""
    for path in sorted((ROOT / "container").rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            stated = ""
            for node in sorted((n for n in ast.walk(function) if hasattr(n, "lineno")), key=lambda n: n.lineno):
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                    stated = str(node.value.value)
                if isinstance(node, ast.Call) and (level := _level(node.func)):
                    given = node.args[1:] if level == "log" else node.args
                    text = str(given[0].value) if isinstance(given[0], ast.Constant) else stated
                    yield Logged(f"{path.relative_to(ROOT)}:{node.lineno}", level, text, given[1:])


def _level(called: ast.expr) -> str:
    """The method of a logger that is called, empty for any other call."""
    is_log = isinstance(called, ast.Attribute) and called.attr in LEVELS and isinstance(called.value, ast.Name)
    if not is_log or called.value.id not in ("log", "logger"):  # type: ignore[attr-defined]  # as `is_log` says
        return ""
    return str(called.attr)  # type: ignore[attr-defined]
