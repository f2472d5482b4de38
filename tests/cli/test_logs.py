"""A line of the log is one line, whatever is in it, and shows no secret."""

from __future__ import annotations

import ast
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from container.cli.logs import LineFormatter
from container.delivery.told import LONGEST_VALUE, quoted
from container.secret import Known
from tests.cli.logged import Logged, logged
from tests.cli.processes import PATIENCE_SECONDS, ROOT, surroundings

ANY_TEXT = some.text(some.characters(exclude_categories=()))
NASTY = [
    "a\nb",
    "\r\n2026-01-01T10:00:00.000Z ERROR hit.failed",
    "\x1b[2J\x1b[31mred",
    "\u2028\u2029\x85\x0b\x0c",
    'a" reason="b',
    "\\",
    '\\"',
    "\x00\x07\x7f\x9b",
    "\u202egnp.exe",
    "\ud800",
    "\U000e0041",
    "x" * 100_000,
    "\U0001f600" * 5000,
    '"' * 5000,
]
HARMLESS = {
    "address or 'vendor'",  # an address that the loader has checked
    "address",
    "sandbox.rstrip('/')",
    "admin_at",
    "public_at",
    "answer.status",
    "outcome.reply.status",
    "refused.status",
    "container.version",  # a digest, as the next three
    "built.container.version",
    "version",
    "store",  # words of ours, as the next two
    "delivers",
    "spool",
    "kept",
    "hit.id.hex()",
    "session.id",  # of a preview, which we made
    "BY",  # a word of ours, as the next
    "mode",
    "_place(problem)",  # a file of ours and a line
    "kind",  # a verdict, a mode, or the name of a class
    "letter.reason",  # of the fixed lists of reasons and modes
    "reason",
    "refused.reason",
    "dropped.reason",
    "because",
    "str(paused).lower()",
    "place",  # waiting or dead
    "by",  # how an operator came in: a word of ours
    "job.kind",
    "state.mode",
    "before.end",
    "before.mode",
    "was",
    "peer",  # the address of a proxy of the operator
    "why",
    "event",  # the first word of a line of ours
    "number",  # of a request, which we made
    "name",  # of a secret: letters, digits and underscores
    "type(problem).__name__",
    "where",  # a file of ours and a line
    "lane",  # quoted above, as the next three
    "tag",
    "shown",
}
"""What stands in a line without quotes: nothing of it comes from outside."""


def line(message: str, *arguments: object, name: str = "container.x", problem: BaseException | None = None) -> str:
    raised = (type(problem), problem, problem.__traceback__) if problem else None
    return LineFormatter().format(logging.LogRecord(name, logging.INFO, "p.py", 1, message, arguments, raised))


def test_a_line_starts_with_time_and_level() -> None:
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO config\.reloaded version=1", line("config.reloaded version=%s", 1)
    )


def test_an_exception_is_named_without_what_it_says() -> None:
    with pytest.raises(ValueError, match="invalid literal") as raised:
        int("ada@example.com")
    found = line("hit.failed", problem=raised.value)
    assert re.search(r" INFO hit\.failed error=ValueError at=test_logs\.py:\d+$", found)


LOGGED = list(logged())


def test_the_lines_of_the_log_are_found() -> None:
    assert len(LOGGED) > 30
    assert all(len(each.slots) == len(each.filling) for each in LOGGED)


@pytest.mark.parametrize("each", LOGGED, ids=repr)
def test_what_may_come_from_outside_is_quoted(each: Logged) -> None:
    for slot, filling in zip(each.slots, each.filling, strict=True):
        written = ast.unparse(filling)
        assert slot != "s" or written.startswith("quoted(") or written in HARMLESS, f"{each.place}: {written}"
    assert '"%' not in each.text, "quoted() makes the quotes"
    assert "%r" not in each.text


@pytest.mark.parametrize("each", LOGGED, ids=repr)
def test_no_slot_of_any_line_lets_anything_out_of_its_line(each: Logged) -> None:
    for nasty in NASTY:
        values = [quoted(nasty) if slot == "s" else 1 for slot in each.slots]
        bare = [nasty if slot == "s" else 1 for slot in each.slots]
        for found in (line(each.text, *values), line(each.text, *bare)):
            assert found.isprintable()
            assert len(found.splitlines()) == 1
        assert len(line(each.text, *values).encode()) < 500 + (LONGEST_VALUE + 10) * len(values)


@given(some.sampled_from(LOGGED), some.lists(ANY_TEXT, min_size=12, max_size=12))
def test_any_text_in_any_slot_gives_one_line_of_printable_signs(each: Logged, texts: list[str]) -> None:
    for write in (quoted, str):
        found = line(
            each.text, *(write(text) if slot == "s" else 1 for slot, text in zip(each.slots, texts, strict=False))
        )
        assert found.isprintable()
        assert len(found.splitlines()) == 1


@given(ANY_TEXT)
def test_a_quoted_value_can_be_read_back_and_ends_at_its_own_quotes(text: str) -> None:
    assert quoted(text).isprintable()
    assert json.loads(quoted(text)) == text.encode(errors="replace").decode()


@pytest.mark.parametrize("sign", ["a", '"', "\n", "é", "\u2028", "漢", "\U0001f600", "\U000e0041", "\x7f"])
@pytest.mark.parametrize("times", [1, 80, 166, 167, 250, 333, 334, 999, 1000, 1001, 100_000])
def test_a_long_value_is_cut_between_two_signs(sign: str, times: int) -> None:
    found = quoted(sign * times)
    assert len(found.encode()) <= LONGEST_VALUE + len('"…"'.encode())
    shown = json.loads(found)
    assert shown in (sign * times, sign * (len(shown) - 1) + "…")
    assert len(shown) > min(times, LONGEST_VALUE // 13) - 1


@pytest.mark.parametrize(
    ("name", "message", "shown"),
    [
        ("asyncio", "Task exception was never retrieved\nfuture: <ValueError('ada@example.com')>", "Task exception"),
        ("asyncio", "Exception in callback Server.take(b'GET /?email=ada@example.com')", "Exception in callback"),
        ("uvicorn.error", "Exception in ASGI application\n", "Exception in ASGI application"),
        ("py.warnings", "x.py:1: ResourceWarning: unclosed <socket ada@example.com>\n  source", "x.py:1: ResourceWarn"),
        ("plug_in", "sent to = ada@example.com", "sent to"),
    ],
)
def test_of_what_a_library_says_only_its_own_words_are_shown(name: str, message: str, shown: str) -> None:
    found = line("%s", message, name=name)
    assert f'INFO library.said name={name} text="{shown}' in found
    assert "ada" not in found


def test_a_line_whose_values_do_not_fit_shows_none_of_them() -> None:
    assert line("x=%d", "ada@example.com").endswith(" INFO log.failed line=p.py:1")


def test_secrets_are_masked_also_in_a_trace_and_in_what_a_library_says() -> None:
    known = Known()
    known.learn("TOKEN", "s3cret/of+the account")
    formatter = LineFormatter(known)
    for written in ("s3cret/of+the account", "s3cret%2Fof%2Bthe+account", "czNjcmV0L29mK3RoZSBhY2NvdW50"):
        for name in ("container.x", "library"):
            record = logging.LogRecord(name, logging.ERROR, "p", 1, "said %s", (written,), None)
            assert "***" in formatter.format(record)
            assert written[2:] not in formatter.format(record)


SCRIPT = """
import asyncio, logging, sys, threading, warnings
from container.cli.log_setup import log_to_stderr
from container.secret import Known
known = Known()
known.learn("TOKEN", "s3cret-of-the-account")
log_to_stderr("DEBUG", known, "json" if "json" in sys.argv else "text")
known.learn("TOKEN", "r0tated-token")
for name in ("httpx", "httpcore.http11", "aiohttp.client", "asyncio", "plug_in", "container.x"):
    logging.getLogger(name).info("info.of %s", name)
    logging.getLogger(name).warning("warning.of %s s3cret-of-the-account r0tated-token", name)
warnings.warn("a warning about 'ada@example.com'")
logging.getLogger("container.x").info("x=%d", "ada@example.com")
thread = threading.Thread(target=lambda: int("ada@example.com"))
thread.start()
thread.join()
async def fail():
    raise ValueError("ada@example.com")
async def forget():
    task = asyncio.ensure_future(fail())
    await asyncio.sleep(0)
    del task
asyncio.run(forget())
raise SystemExit(3) if len(sys.argv) > 1 else ValueError("ada@example.com s3cret-of-the-account")
"""


def said(*arguments: str, folder: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=folder,
        env=surroundings(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    return done.returncode, lines if "json" in arguments else [text.partition(" ")[2] for text in lines]


def test_whatever_happens_in_a_process_its_lines_hold_no_secret_and_no_value(tmp_path: Path) -> None:
    code, lines = said(folder=tmp_path)
    assert code == 1
    assert "ada" not in "\n".join(lines)
    assert "s3cret" not in "\n".join(lines)
    assert "r0tated" not in "\n".join(lines)
    assert [each for each in lines if "info.of" in each] == ["INFO info.of container.x"]
    assert sum("*** ***" in each for each in lines) == 6
    for expected in (
        'WARNING library.said name=py.warnings text=""',
        "INFO log.failed line=<string>:13",
        "ERROR process.failed error=ValueError at=<string>:14",
        'ERROR library.said name=asyncio text="Task exception was never retrieved" error=ValueError at=<string>:18',
    ):
        assert expected in lines
    assert lines[-1] == "ERROR process.failed error=ValueError at=<string>:24"


def test_a_process_that_ends_on_purpose_says_nothing_of_it(tmp_path: Path) -> None:
    code, lines = said("exit", folder=tmp_path)
    assert code == 3
    assert sum("process.failed" in each for each in lines) == 1


def test_every_logger_of_ours_bears_the_name_of_a_package_of_ours() -> None:
    names = {
        str(node.args[0].value)
        for path in (ROOT / "container").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "logging.getLogger"
        and isinstance(node.args[0], ast.Constant)
    }
    assert {name for name in names if name.startswith("container.")} == {
        "container.cli",
        "container.delivery",
        "container.preview",
        "container.web",
    }
