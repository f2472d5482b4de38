"""The check that nothing leaks is itself one that fails: with a leak planted the test that planted it does not pass."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import canaries
from tests.cli.processes import PATIENCE_SECONDS, ROOT, Serving, run, serving

LEAKS = {
    "a_line_below_what_is_shown": "logging.getLogger('container.web').debug('hit.x mail=%s', EMAIL)",
    "a_line_of_a_component": "logging.getLogger('tags.mine').info(EMAIL)",
    "a_secret_that_the_filter_would_mask": "logging.getLogger('container.cli').info('x=%s', TOKEN)",
    "a_value_that_is_cut_from_the_line": "logging.getLogger('container.x').info('x=%s', {'deep': EMAIL})",
    "an_encoded_value": "logging.getLogger('container.x').info(base64.b64encode(b'x' + EMAIL.encode()).decode())",
    "a_warning_of_a_library": "logging.getLogger('aiohttp').warning('odd ' + EMAIL)",
    "a_file_at_rest": "(tmp_path / 'deliveries.db').write_bytes(b'..' + EMAIL.upper().encode() + b'..')",
    "a_log_beside_the_file": "[(tmp_path / f'deliveries.db{end}').write_text(PHONE) for end in ('', '-wal')]",
    "a_note_of_a_dead_letter": "asyncio.run(bury(tmp_path / 'data'))",
    "a_store_whose_folder_is_gone": "asyncio.run(bury(Path(folder.name))); folder.cleanup()",
    "a_label": "metrics(EMAIL)",
    "a_thread_that_the_test_started": "in_a_thread(lambda: logging.getLogger('container.x').debug(EMAIL))",
}
FINE = {
    "nothing": "pass",
    "what_an_exception_says": "caught(lambda: int(EMAIL))",
    "what_a_library_says_below_a_warning": "logging.getLogger('httpx').info(EMAIL)",
    "what_a_library_says_behind_its_words": "logging.getLogger('asyncio').error('failed\\nfuture: ' + EMAIL)",
    "a_sealed_body": "asyncio.run(keep(tmp_path / 'data'))",
    "another_file": "(tmp_path / 'container.yaml').write_text(EMAIL)",
    "another_label": "metrics('Purchase')",
}
MODULE = """
import asyncio, base64, logging, tempfile, threading
from pathlib import Path
from prometheus_client import CollectorRegistry, Counter
import pytest
from container.delivery.sqlite import open_store
from container.engine.outcome import Failure
from container.web import admin
from tests.canaries import EMAIL, PHONE, TOKEN
from tests.delivery.harness import NOW, acceptance, accepted, bench, outcome, planned

folder = tempfile.TemporaryDirectory()

async def stored(where, acceptance):
    store = open_store(where, now=NOW)
    await store.accept(acceptance)
    await store.close()

async def bury(where):
    failure = Failure("Tag", "hook", 0, "purchase", f"it is about {EMAIL.partition('@')[0]}")
    letters = acceptance(outcome(failures=[failure]), now=NOW)
    object.__setattr__(letters.letters[0], "note", EMAIL)
    await stored(where, letters)

async def keep(where):
    await stored(where, accepted(planned(1)))

def metrics(label):
    registry = CollectorRegistry()
    Counter("seen", "x", ["who"], registry=registry).labels(label).inc()
    admin.generate_latest(registry)

def in_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

def caught(work):
    try:
        work()
    except ValueError:
        logging.getLogger("container.x").exception("hit.failed")

@pytest.fixture
def late():
    yield
    logging.getLogger("container.x").info(EMAIL)

def test_it_leaks_when_it_ends(late): pass
def test_it_is_not_blamed_for_the_one_before(): pass
"""


def outcomes(folder: Path) -> tuple[dict[str, str], str]:
    """What became of each test of a module full of leaks, under our own conftest."""
    tests = [f"def test_{name}(tmp_path): {statement}" for name, statement in (LEAKS | FINE).items()]
    (folder / "test_leaks.py").write_text("\n".join((MODULE, *tests)), encoding="utf-8")
    (folder / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("TAG_CONTAINER_", "PYTEST_"))}
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env=own | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    states = {}
    for line in found.stdout.splitlines():
        state, _, rest = line.partition(" ")
        if state in ("PASSED", "FAILED", "ERROR") and rest.startswith("test_leaks.py::"):
            states[rest.partition("::test_")[2].partition(" - ")[0]] = state
    return states, found.stdout


@pytest.mark.slow
def test_every_leak_that_is_planted_fails_its_test_and_no_other(tmp_path: Path) -> None:
    states, said = outcomes(tmp_path)
    expected = dict.fromkeys(LEAKS, "FAILED") | dict.fromkeys(FINE, "PASSED")
    late = {"it_leaks_when_it_ends": "ERROR", "it_is_not_blamed_for_the_one_before": "PASSED"}
    assert states == expected | late, said
    assert f"the log (container.web) shows '{canaries.EMAIL}'" in said
    assert "the file deliveries.db-wal shows" in said
    assert "the metrics shows" in said


def test_a_process_that_says_too_much_is_noticed(tmp_path: Path) -> None:
    (tmp_path / f"{canaries.USER_ID}.yaml").write_text("version: 1\nnonsense: 1\n", encoding="utf-8")
    with pytest.raises(AssertionError):
        run("serve", "--config", f"{canaries.USER_ID}.yaml", folder=tmp_path)


@pytest.mark.slow
def test_a_server_that_says_too_much_is_noticed(tmp_path: Path) -> None:
    def say_too_much(served: Serving) -> None:
        served.lines.append(canaries.USER_ID)

    with pytest.raises(AssertionError, match="canary-user"), serving(tmp_path) as served:
        say_too_much(served)


@pytest.mark.parametrize("value", [*canaries.PERSONAL, *canaries.SECRETS])
def test_a_canary_is_found_in_every_spelling(value: str) -> None:
    spelled = [value, value.upper(), value[::-1], value.encode().hex().upper()]
    spelled += [base64.b64encode(b"<" * before + value.encode() + b">").decode() for before in range(4)]
    for each in spelled:
        for text in (f"a {each} b", f"a {each} b".encode()):
            assert value in canaries.EVERYTHING.within(text), each


def test_a_canary_is_nothing_that_anybody_would_say() -> None:
    said = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    assert canaries.EVERYTHING.within(said) == []
