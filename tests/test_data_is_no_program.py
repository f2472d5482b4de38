"""Nothing that was read is run, formatted with, looked up by name or taken for a pattern or a page."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.test_architecture import MODULES, ROOT

RUNS = frozenset({"eval", "exec", "compile", "__import__", "execfile", "breakpoint", "input"})
RUN_BY = frozenset(
    {"pickle", "cPickle", "marshal", "shelve", "dill", "subprocess", "code", "codeop", "ctypes", "runpy"}
)
CALLED_BY_NAME = frozenset({"attrgetter", "methodcaller", "__getattribute__", "literal_eval", "from_string"})
GETTERS = frozenset({"attrgetter", "methodcaller"})
"""Of these the ones that look up a name which stands in the code."""

FORMATS: Mapping[str, str] = {
    "container.cli.queue_choice": "a question of ours, about one row or several",
    "container.cli.framing": "a refusal, of numbers and our own sentence",
    "container.delivery.postgres_again": "SQL, of tables and columns that the code names",
    "container.delivery.postgres_claims": "SQL, of conditions that the code names",
    "container.delivery.postgres_restored": "SQL, of conditions that the code names",
    "container.delivery.postgres_rows": "SQL, of columns that the code names",
    "container.delivery.postgres_tables": "SQL, of tables and numbers that the code names",
    "container.delivery.rerun": "the name of a key, in a sentence of ours",
    "container.engine.traced_variables": "a short form of ours, with the rest of the reference that stands in the file",
    "container.preview.stored": "JSON of ours, with JSON",
    "container.web.previewing": "a page of ours, with sentences of ours",
    "container.web.reply": "the length of a body",
}
"""Modules that put values into text by `format` or `%`, and what they put."""

BY_NAME: Mapping[str, str] = {
    "container.cli.demo": "fields of a settings model",
    "container.config.lint": "fields of an account that the code lists",
    "container.config.literals": "fields of a settings model",
    "container.config.problem": "fields of a problem",
    "container.config.registry": "what a module of components holds",
    "container.engine.assemble": "fields of a settings model",
    "container.engine.coerce": "fields of a settings model, by the validator's own names",
    "container.engine.preview_only": "fields of a settings model",
    "container.engine.resolve": "fields of a settings model",
    "container.engine.traced_settings": "fields of a settings model",
    "container.engine.traced_values": "fields of a settings model",
    "container.engine.traced_variables": "fields of a settings model",
    "container.preview.configured": "fields of a settings model",
    "container.preview.drafts": "fields of a problem",
    "container.preview.stored": "fields of a dataclass",
    "container.sandbox.answers": "fields of a dataclass",
    "tags.tiktok_events_api.properties": "fields that the code lists",
    "tags.tiktok_events_api.surroundings": "fields that the code lists",
    "tags.tiktok_events_api.user": "fields that the code lists",
    "variables.url": "one of the choices of its setting",
}
"""Modules that look up an attribute by a name that is no literal, and where the name is from."""

IMPORTS: Mapping[str, str] = {
    "container.cli.stores": "a module of ours, whose packages may not be installed",
    "container.cli.tracing": "a module of ours, whose packages may not be installed",
    "container.config.registry": "folders of components, and entry points",
}
REPLACES: Mapping[str, str] = {"container.config.hide": "a constant"}
"""Modules whose replacement for a pattern is no literal: in it a backslash means something."""

TREES = [(module, ast.parse(path.read_text())) for module, path in MODULES]


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    """Every call with its module and the last part of what is called."""
    for module, tree in TREES:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                yield module, node, name


def written_out(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant)


def test_nothing_is_run() -> None:
    found = [
        (module, call.lineno) for module, call, name in calls() if isinstance(call.func, ast.Name) and name in RUNS
    ]
    assert not found


def test_nothing_is_imported_that_runs_what_it_reads() -> None:
    found = [
        (module, alias.name)
        for module, tree in TREES
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if {alias.name.split(".")[0], (getattr(node, "module", None) or "").split(".")[0]} & RUN_BY
    ]
    assert not found
    assert {module for module, _, name in calls() if name == "import_module"} == IMPORTS.keys()


def test_nothing_is_called_by_a_name_that_was_read() -> None:
    read = [
        (module, call.lineno)
        for module, call, name in calls()
        if name in CALLED_BY_NAME and not (name in GETTERS and all(map(written_out, call.args)))
    ]
    assert not read


def test_an_attribute_is_looked_up_by_a_name_of_ours() -> None:
    found = {
        module
        for module, call, name in calls()
        if name in ("getattr", "setattr", "delattr", "hasattr") and not written_out(call.args[1])
    } | {module for module, _, name in calls() if name in ("vars", "globals", "locals")}
    assert found == BY_NAME.keys()


def test_text_is_made_with_f_strings_alone() -> None:
    by_method = {
        module
        for module, call, name in calls()
        if name in ("format", "format_map", "vformat") and isinstance(call.func, ast.Attribute)
    }
    by_sign = {
        module
        for module, tree in TREES
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and _is_text(node.left)
    }
    assert by_method | by_sign == FORMATS.keys()


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (written_out(node) and isinstance(getattr(node, "value", 0), str | bytes))


def test_a_log_line_begins_with_words_of_ours() -> None:
    """A value in the place of the format would be read as one."""
    levels = ("debug", "info", "warning", "error", "critical", "exception")
    for module, call, name in calls():
        if name in levels and isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == "log":
            first = call.args[0]
            assert written_out(first) or isinstance(first, ast.Name), f"{module}:{call.lineno}"


def test_pages_escape_what_they_show_and_know_every_name() -> None:
    environments = [(module, call) for module, call, name in calls() if name == "Environment"]
    assert environments
    for module, call in environments:
        stated = {each.arg: ast.unparse(each.value) for each in call.keywords}
        assert stated.get("autoescape") == "True", module
        assert stated.get("undefined") == "StrictUndefined", module
        assert stated.get("loader", "").startswith("FileSystemLoader(_HERE"), module
    assert not [module for module, _, name in calls() if name in ("Markup", "Jinja2Templates", "DictLoader")]


def test_no_template_leaves_anything_unescaped() -> None:
    templates = [path for path in (ROOT / "container").rglob("templates/*") if path.is_file()]
    assert templates
    for path in templates:
        text = path.read_text()
        for sign in ("|safe", "| safe", "autoescape", "xmlattr"):
            assert sign not in text, f"{path.name}: {sign}"


def test_a_pattern_is_written_out_where_it_is_compiled() -> None:
    """The standard `re` can take for ever, so it sees patterns of ours alone, made of literals of ours."""
    for module, tree in TREES:
        known = {name.id for node in tree.body for name in _named(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert node.module not in ("re", "fnmatch", "glob", "string"), f"{module}: {node.module}"
            if isinstance(node, ast.Call) and _is_re(node.func):
                _check_pattern(module, node.args[0], known)


def _is_re(called: ast.expr) -> bool:
    return isinstance(called, ast.Attribute) and getattr(called.value, "id", "") == "re"


def _named(node: ast.stmt) -> Iterator[ast.Name]:
    """The names that a statement of the module itself gives to text written out."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = getattr(node, "value", None)
    if value is not None and all(map(_is_text, value.elts if isinstance(value, ast.Tuple) else [value])):
        yield from (target for target in targets if isinstance(target, ast.Name))


def _check_pattern(module: str, pattern: ast.expr, known: set[str]) -> None:
    where = f"{module}:{pattern.lineno}"
    if isinstance(pattern, ast.JoinedStr):
        parts = [part.value for part in pattern.values if isinstance(part, ast.FormattedValue)]
        assert all(isinstance(part, ast.Name) and part.id in known for part in parts), where
    elif isinstance(pattern, ast.BinOp):
        _check_pattern(module, pattern.left, known)
        _check_pattern(module, pattern.right, known)
    elif isinstance(pattern, ast.Call):
        assert getattr(pattern.func, "attr", "") == "join", where
        _check_pattern(module, pattern.args[0], known)
    elif isinstance(pattern, ast.Name):
        assert pattern.id in known, where
    else:
        assert written_out(pattern), where


def test_a_replacement_is_written_out_or_made_by_a_function() -> None:
    found = {
        module
        for module, call, name in calls()
        if name in ("sub", "subn") and not isinstance(_replacement(call), ast.Constant | ast.Lambda)
    }
    assert found == REPLACES.keys()


def _replacement(call: ast.Call) -> ast.expr:
    return call.args[1 if _is_re(call.func) else 0]


@pytest.mark.parametrize("folder", ["container", "clients", "variables", "triggers", "tags", "tests", "docs"])
def test_certificates_are_checked_everywhere(folder: str) -> None:
    signs = (
        *("verify=" + "False", "CERT_" + "NONE", "check_hostname = " + "False", "_create_unverified" + "_context"),
        *("ssl=" + "False", "verify_ssl=" + "False"),
    )
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in (".py", ".md", ".yaml", ".toml") and path != Path(__file__):
            text = path.read_text(errors="replace")
            # The test of the architecture asks the same, and so names it.
            assert path.name == "test_architecture.py" or not any(sign in text for sign in signs), path
