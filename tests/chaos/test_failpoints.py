"""A failpoint ends the process at its nth passing and not before, and leaves it alone when it is not passed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.example import SECRETS
from container.delivery.schema import FILE
from container.delivery.sqlite import open_store
from container.delivery.tables import SCHEMA_VERSION, version_of
from tests.chaos.downgrade import downgrade
from tests.chaos.failpoints import POINTS, arm
from tests.chaos.launcher import EXIT_CODE, REACHED
from tests.chaos.scene import ROOT
from tests.delivery.harness import NOW, accepted, ids, must_claim, planned, run
from tests.delivery.test_store_upgrade import earlier

PASSING = "from tests.chaos.launcher import dying\ndie = dying('here', 3)\nfor n in range(5):\n    print(n)\n    die()"


def test_the_third_passing_is_the_last_thing_that_happens() -> None:
    command = [sys.executable, "-u", "-c", PASSING]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == EXIT_CODE
    assert done.stdout.split() == ["0", "1", "2"]
    assert done.stderr == f"{REACHED} name=here\n"


def test_a_failpoint_that_is_not_passed_changes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.chaos.launcher", "after_commit:1", "validate", "container.yaml"]
    environment = {**os.environ, **SECRETS}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert REACHED not in done.stderr


def test_a_failpoint_that_there_is_not_is_no_step() -> None:
    with pytest.raises(KeyError):
        arm("somewhere", lambda first=lambda: None: None)


def test_every_step_of_the_failure_matrix_has_its_failpoint() -> None:
    assert set(POINTS) == {
        *("body_read", "parsed", "evaluated", "enqueued", "in_tx", "before_commit", "after_commit", "before_response"),
        *("response_half", "after_claim", "request_half", "after_send", "after_response", "in_complete"),
        *("after_complete", "in_checkpoint", "in_migration", "in_replay", "in_shutdown"),
    }


def shape(folder: Path) -> set[tuple[str, str, str]]:
    """Tables, columns, indexes and triggers of a file, apart from what SQLite keeps for itself."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        query = "select type, name from sqlite_schema where sql is not null and name not like 'sqlite!_%' escape '!'"
        found = connection.execute(query).fetchall()
        columns = {
            ("column", name, column[1])
            for kind, name in found
            if kind == "table"
            for column in connection.execute(f"pragma table_info({name})")
        }
        return {(kind, name, "") for kind, name in found} | columns


def test_a_file_that_was_turned_back_is_one_of_version_1_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    folder, released = tmp_path / "store", tmp_path / "released"
    released.mkdir()

    async def fill() -> None:
        store = open_store(folder, now=NOW)
        await store.accept(accepted(planned(1), planned(2)))
        await store.close()

    async def claimed() -> list[int]:
        store = open_store(folder, now=NOW)
        found = ids(await must_claim(store))
        await store.close()
        return found

    run(fill())
    downgrade(folder)
    # Twice, as after a migration that was cut short.
    downgrade(folder)
    assert shape(folder) == shape(earlier(released))
    assert run(claimed()) == [1, 2]
    with closing(sqlite3.connect(folder / FILE)) as connection:
        assert version_of(connection) == SCHEMA_VERSION
