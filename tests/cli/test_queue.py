"""`queue` and `forget`: what they say, what they do, and with which code they end."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from container.cli.control import ControlError
from container.cli.engine import tell_of_lanes
from container.cli.main import app
from container.cli.queue_files import export_rows
from container.cli.queue_text import lane_table
from container.cli.working import job_done, progress
from container.delivery.row import acceptance
from container.delivery.schema import FILE
from container.delivery.selection import Exported, Selection
from container.delivery.sqlite import SqliteStore, open_store
from container.delivery.sqlite_queue import SqliteQueue
from container.delivery.store import Answer, LaneState, StoreError
from container.engine.run import run as run_hit
from container.event import Hit
from tests import canaries
from tests.cli import processes
from tests.delivery.harness import NOW, accepted, item_request, must_claim, planned, run
from tests.web.parts import container


def prepared(folder: Path, *, dead: int = 0, waiting: int = 0, hits: int = 0) -> Path:
    async def work(store: SqliteStore) -> None:
        if dead:
            await store.accept(accepted(*(planned(number) for number in range(1, dead + 1))))
            claimed = await must_claim(store)
            await store.bury(claimed, claimed.rows, "refused", note="no such pixel", now=NOW)
        await store.accept(accepted(*(planned(number) for number in range(101, 101 + waiting))))
        for number in range(hits):
            hit = Hit(bytes([number] * 16), NOW, path="/collect", query="name=raise_in_tag")
            await store.accept(acceptance(run_hit(container(), hit), now=NOW))

    with_store(folder, work)
    return folder


def with_store(folder: Path, work: Callable[[SqliteStore], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        store = open_store(folder, now=NOW)
        try:
            await work(store)
        finally:
            await store.close()

    run(whole())


def said(*arguments: str, data: Path, given: str = "") -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(data)], given)


def test_lanes_are_listed_for_people_and_for_programs(tmp_path: Path) -> None:
    prepared(tmp_path, dead=2, waiting=3)
    text = said("queue", "list", data=tmp_path)
    assert text.exit_code == 0
    assert "tiktok_events_api https://vendor.example/v1/events C1" in text.output
    [lane] = json.loads(said("queue", "list", "--format", "json", data=tmp_path).output)
    assert (lane["number"], lane["waiting"], lane["dead"]) == (1, 3, 2)


def test_rows_are_listed_of_a_lane_and_of_the_dead(tmp_path: Path) -> None:
    prepared(tmp_path, dead=2, waiting=3)
    waiting = json.loads(said("queue", "list", "--lane", "1", "--format", "json", data=tmp_path).output)
    dead = json.loads(said("queue", "list", "--reason", "refused", "--format", "json", data=tmp_path).output)
    assert ([row["place"] for row in waiting], [row["place"] for row in dead]) == (["waiting"] * 3, ["dead"] * 2)
    text = said("queue", "list", "--dead", data=tmp_path).output
    assert "no such pixel" in text
    assert "due" in said("queue", "list", "--lane", "1", data=tmp_path).output
    assert "There are none." in said("queue", "list", "--reason", "gave_up", data=tmp_path).output


def test_a_folder_without_rows_says_so(tmp_path: Path) -> None:
    prepared(tmp_path)
    assert "No lanes yet." in said("queue", "list", data=tmp_path).output


def test_a_row_is_shown_masked_and_whole_on_demand(tmp_path: Path) -> None:
    prepared(tmp_path, dead=1)
    shown = said("queue", "show", "1", "--dead", data=tmp_path)
    assert shown.exit_code == 0
    assert "no such pixel" in shown.output
    assert '"event": "Purchase"' in shown.output
    assert "${secret:TIKTOK_TOKEN}" in shown.output
    assert not canaries.EVERYTHING.within(shown.output)
    whole = json.loads(said("queue", "show", "1", "--dead", "--whole", "--format", "json", data=tmp_path).stdout)
    assert canaries.EMAIL in whole["body"]


def test_lanes_say_how_they_stand(tmp_path: Path) -> None:
    async def work(store: SqliteStore) -> None:
        for number, account in enumerate(("C1", "C2", "C3"), start=1):
            await store.accept(accepted(planned(number, item_request(number, account=account))))
        answer = Answer(NOW, 401, "credential", "the token is wrong")
        await store.mark(1, LaneState("credential", NOW, 3), answer)
        await store.mark(2, LaneState("open", NOW, 3))
        await store.pause(3, paused=True)

    with_store(tmp_path, work)
    told, _, _, first, second, third, *_ = said("queue", "list", data=tmp_path).output.splitlines()
    assert told == f"No server runs on {tmp_path}; this is how the folder stands."
    assert "holds: credential" in first
    assert "401 credential the token is wrong" in first
    assert "failing" in second
    assert "paused" in third
    assert all("next try" not in line for line in (first, second, third))


def test_the_hit_of_a_letter_is_shown(tmp_path: Path) -> None:
    prepared(tmp_path, hits=1)
    shown = said("queue", "show", "1", "--dead", data=tmp_path).output
    assert "Its hit:" in shown
    assert "GET /collect?name=" in shown


def test_a_row_that_is_not_there_ends_with_1(tmp_path: Path) -> None:
    prepared(tmp_path)
    found = said("queue", "show", "7", data=tmp_path)
    assert (found.exit_code, "no such row" in found.output) == (1, True)


def test_letters_are_replayed_by_number_reason_lane_or_all(tmp_path: Path) -> None:
    prepared(tmp_path, dead=5)
    assert "waiting again: 2" in said("queue", "replay", "1", "2", "--yes", data=tmp_path).output
    assert (
        "waiting again: 3"
        in said("queue", "replay", "--lane", "1", "--reason", "refused", "--yes", data=tmp_path).output
    )
    nothing = said("queue", "replay", "--all", "--yes", data=tmp_path)
    assert (nothing.exit_code, "There was nothing to do." in nothing.output) == (0, True)


def test_letters_that_stay_end_with_1_and_say_why(tmp_path: Path) -> None:
    prepared(tmp_path, dead=1, hits=1)
    found = said("queue", "replay", "--all", "--yes", data=tmp_path)
    assert found.exit_code == 1
    assert "waiting again: 1" in found.output
    assert "stay: 1, because no container is at hand" in found.output


def test_rows_are_dropped_where_they_are_said_to_be(tmp_path: Path) -> None:
    prepared(tmp_path, dead=2, waiting=3)
    assert "dropped: 2" in said("queue", "drop", "--all", "--dead", "--yes", data=tmp_path).output
    assert "dropped: 3" in said("queue", "drop", "--lane", "1", "--waiting", "--yes", data=tmp_path).output


def test_a_container_file_with_errors_is_told_line_by_line(tmp_path: Path) -> None:
    prepared(tmp_path, hits=1)
    file = tmp_path / "container.yaml"
    file.write_text("version: 1\ncontainer: {name: X, id: X-1}\ntag: {}\n")
    found = said("queue", "replay", "--all", "--yes", "--config", str(file), data=tmp_path)
    assert found.exit_code == 1
    assert "error[unknown-key]" in found.output
    assert "\n    3 | tag: {}\n" in found.output
    assert "\ufffd" not in found.output


@pytest.mark.parametrize("command", ["replay", "drop"])
@pytest.mark.parametrize("stated", [[], ["1", "--all"], ["--all", "--lane", "1"], ["1", "--reason", "refused"]])
def test_which_rows_has_to_be_said_in_one_way(tmp_path: Path, command: str, stated: list[str]) -> None:
    prepared(tmp_path, dead=1)
    assert said("queue", command, *stated, "--yes", data=tmp_path).exit_code == 2


@pytest.mark.parametrize("stated", [["--all"], ["1"]])
def test_where_nobody_can_be_asked_nothing_is_dropped(tmp_path: Path, stated: list[str]) -> None:
    prepared(tmp_path, waiting=1)
    found = said("queue", "drop", *stated, "--waiting", data=tmp_path)
    assert (found.exit_code, "This drops for good 1 delivery that waits: " in found.output) == (2, True)
    assert 'tag "TikTok - events"' in found.output
    assert "tiktok_events_api https://vendor.example/v1/events C1" in found.output
    assert "add --yes" in found.output
    assert json.loads(said("queue", "list", "--format", "json", data=tmp_path).output)[0]["waiting"] == 1


def waiting_and_dead(data: Path) -> tuple[int, int]:
    [lane] = json.loads(said("queue", "list", "--format", "json", data=data).output)
    return lane["waiting"], lane["dead"]


def test_a_number_is_a_dead_letters_unless_it_is_said_to_wait(tmp_path: Path) -> None:
    both = prepared(tmp_path, dead=3, waiting=3)
    with closing(sqlite3.connect(both / FILE)) as other, other:
        other.execute("update delivery set number=number-3")
    assert "Dead letter 2, lane 1" in said("queue", "show", "2", data=both).output
    assert "Delivery 2, lane 1" in said("queue", "show", "2", "--waiting", data=both).output
    assert "dropped: 1" in said("queue", "drop", "2", "--yes", data=both).output
    assert waiting_and_dead(both) == (3, 2)
    assert "dropped: 1" in said("queue", "drop", "2", "--waiting", "--yes", data=both).output
    assert waiting_and_dead(both) == (2, 2)
    assert "waiting again: 1" in said("queue", "replay", "1", "--yes", data=both).output
    assert waiting_and_dead(both) == (3, 1)


@pytest.mark.parametrize("command", [["show", "1"], ["drop", "1", "--yes"], ["drop", "1"], ["replay", "1", "--yes"]])
def test_a_number_that_only_waits_is_no_dead_letters_and_the_answer_says_so(tmp_path: Path, command: list[str]) -> None:
    prepared(tmp_path, waiting=1)
    found = said("queue", *command, data=tmp_path)
    assert (found.exit_code, waiting_and_dead(tmp_path)) == (1, (1, 0))
    expected = "Number 1 waits already" if command[0] == "replay" else "add --waiting if you mean that"
    assert expected in found.output


def test_a_number_that_is_only_a_dead_letters_does_not_wait_and_the_answer_says_so(tmp_path: Path) -> None:
    prepared(tmp_path, dead=1)
    for command in (["show", "1"], ["drop", "1", "--yes"]):
        found = said("queue", *command, "--waiting", data=tmp_path)
        assert (found.exit_code, "no delivery that waits has the number 1" in found.output) == (1, True)
        assert "write --dead in place of --waiting" in found.output
    assert waiting_and_dead(tmp_path) == (0, 1)


def test_every_number_that_is_not_there_is_told_and_nothing_is_done(tmp_path: Path) -> None:
    prepared(tmp_path, dead=2)
    found = said("queue", "drop", "1", "8", "9", "--yes", data=tmp_path)
    assert found.exit_code == 1
    assert all(f"no dead letter has the number {number}" in found.output for number in (8, 9))
    assert '"queue list --dead"' in found.output
    assert found.output.endswith("Nothing was done.\n")
    assert waiting_and_dead(tmp_path) == (0, 2)


def test_of_many_rows_it_has_to_be_said_where_they_are(tmp_path: Path) -> None:
    prepared(tmp_path, dead=1, waiting=1)
    for stated in (["--lane", "1"], ["--all"]):
        found = said("queue", "drop", *stated, "--yes", data=tmp_path)
        assert (found.exit_code, "--dead for dead letters, --waiting" in found.output) == (2, True)
    assert waiting_and_dead(tmp_path) == (1, 1)


@pytest.mark.parametrize("command", [["list"], ["show", "1"], ["drop", "1"], ["export", "-"]])
def test_a_place_is_said_once(tmp_path: Path, command: list[str]) -> None:
    prepared(tmp_path, dead=1)
    assert said("queue", *command, "--dead", "--waiting", data=tmp_path).exit_code == 2
    if command[0] != "show":
        assert said("queue", *command, "--reason", "refused", "--waiting", data=tmp_path).exit_code == 2


@pytest.mark.parametrize(
    "command",
    [["list"], ["replay", "--yes"], ["drop", "--yes"], ["export", "-"]],
)
def test_a_reason_that_there_is_not_is_wrong_usage_and_the_near_one_is_named(
    tmp_path: Path, command: list[str]
) -> None:
    prepared(tmp_path, dead=1)
    found = said("queue", *command, "--reason", "refuse", data=tmp_path)
    assert (found.exit_code, 'There is no reason "refuse". Did you mean "refused"?' in found.output) == (2, True)
    assert "lane_full" in found.output
    assert waiting_and_dead(tmp_path) == (0, 1)


@pytest.mark.parametrize(
    "command",
    [
        ["list", "--lane", "9"],
        ["replay", "--lane", "9", "--yes"],
        ["drop", "--lane", "9", "--dead", "--yes"],
        ["drop", "--lane", "9", "--waiting"],
        ["export", "-", "--lane", "9"],
        ["pause", "9"],
        ["resume", "9"],
    ],
)
def test_a_lane_that_there_is_not_is_wrong_usage_and_those_that_are_there_are_named(
    tmp_path: Path, command: list[str]
) -> None:
    prepared(tmp_path, dead=1)
    found = said("queue", *command, data=tmp_path)
    assert (found.exit_code, "There is no lane 9. The lanes are 1 (tiktok_events_api" in found.output) == (2, True)


def test_of_many_lanes_the_near_ones_are_named(tmp_path: Path) -> None:
    async def work(store: SqliteStore) -> None:
        for number in range(1, 15):
            await store.accept(accepted(planned(number, item_request(number, account=f"C{number}"))))

    with_store(tmp_path, work)
    found = said("queue", "pause", "16", data=tmp_path)
    assert found.exit_code == 2
    assert "There is no lane 16. Near it are 5 (" in found.output
    assert "14 (" in found.output
    empty = said("queue", "pause", "1", data=prepared(tmp_path / "empty"))
    assert "There is no lane 1. There are none yet." in empty.output


def test_what_would_be_done_is_said_by_lane_tag_and_number(tmp_path: Path) -> None:
    async def work(store: SqliteStore) -> None:
        for number in range(1, 14):
            await store.accept(accepted(planned(number, item_request(number, account=f"C{number}"))))
        claimed = await must_claim(store)
        await store.bury(claimed, claimed.rows, "refused", note="no", now=NOW)

    with_store(tmp_path, work)
    many = said("queue", "drop", "--all", "--waiting", data=tmp_path)
    assert "This drops for good 12 deliveries that wait: 1 of lane 2, tiktok_events_api" in many.output
    assert 'and 2 more lanes; tags of the latest 12: "TikTok - events"' in many.output
    one = said("queue", "replay", "--reason", "refused", data=tmp_path)
    assert "This sends again 1 dead letter (refused): 1 of lane 1, tiktok_events_api" in one.output
    assert '; tag "TikTok - events".' in one.output
    none = said("queue", "replay", "--reason", "gave_up", data=tmp_path)
    assert (none.exit_code, "There was nothing to do." in none.output) == (0, True)


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "left", "code"), [("y", 0, 0), ("n", 2, 1)])
def test_on_a_terminal_somebody_is_asked(tmp_path: Path, answer: str, left: int, code: int) -> None:
    data = prepared(tmp_path / "data", dead=2, waiting=1)
    mine, theirs = os.openpty()
    with os.fdopen(mine, "wb", buffering=0) as terminal, os.fdopen(theirs, "rb") as stdin:
        terminal.write(f"{answer}\n".encode())
        command = processes.command("queue", "drop", "--all", "--dead", "--data", str(data))
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=processes.surroundings(None),
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=processes.PATIENCE_SECONDS,
            check=False,
        )
    assert "This drops for good 2 dead letters:\n  2 of lane 1, tiktok_events_api" in done.stderr
    assert "Drop them? [y/N]" in done.stderr
    assert (done.returncode, waiting_and_dead(data)) == (code, (1, left))


def test_what_is_in_flight_has_a_column_and_a_lane_that_is_tried_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lane = {"number": 1, "lane": "hook", "answer": None, "oldest": None, "waiting": 5, "in_flight": 1, "dead": 0}
    lanes = [
        {**lane, "paused": False, "mode": "open", "failures": 3, "not_before": 0},
        {**lane, "paused": False, "mode": "open", "failures": 3, "not_before": 0, "in_flight": 0},
        {**lane, "paused": False, "mode": "credential", "failures": 3, "not_before": 0, "number": 7},
    ]
    lane_table(lanes, fill=0.79)
    head, _, first, second, third, *remedies = capsys.readouterr().out.splitlines()
    assert "in flight" in head
    assert "failing, being tried" in first
    assert re.search(r"5 +1 +0", first)
    assert "failing, next try now" in second
    assert "holds: credential, being tried" in third
    assert " ".join(remedies).startswith("Lane 7 holds still, because the vendor refuses its key. Renew the token")


def test_what_a_crash_left_in_flight_is_for_the_next_server_to_tell_of(tmp_path: Path) -> None:
    async def crash(store: SqliteStore) -> None:
        await must_claim(store)

    prepared(tmp_path, waiting=3)
    with_store(tmp_path, crash)
    with closing(sqlite3.connect(tmp_path / FILE)) as other, other:
        other.execute("update delivery set crashes=2 where number=1")
    [lane] = json.loads(said("queue", "list", "--format", "json", data=tmp_path).output)
    assert (lane["waiting"], lane["in_flight"], lane["dead"]) == (0, 3, 0)
    assert said("queue", "show", "1", "--waiting", data=tmp_path).exit_code == 0
    assert said("queue", "export", "-", data=tmp_path).exit_code == 0
    assert said("forget", "--email", "nobody@shop.example", data=tmp_path).exit_code == 0
    found: list[tuple[int, int]] = []

    async def start(store: SqliteStore) -> None:
        found.append((store.recovered, store.poisoned))

    with_store(tmp_path, start)
    assert found == [(2, 1)]


def test_a_lane_that_holds_says_its_next_try_and_that_it_is_full_and_so_does_the_store(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lane = {"number": 4, "lane": "hook", "answer": None, "oldest": None, "waiting": 5, "in_flight": 0, "dead": 0}
    later = (time.time_ns() // 1_000_000) + 299_000
    held = {**lane, "paused": False, "mode": "credential", "failures": 3, "not_before": later, "share": 1.0}
    paused, full = {**held, "paused": True}, {**held, "mode": "open", "failures": 0}
    lane_table([held, paused, full], fill=0.93)
    _, _, first, second, third, told, *remedies = capsys.readouterr().out.splitlines()
    assert "holds: credential, next try in 4 min, full" in first
    assert "paused, full" in second
    assert " full " in third
    assert told == "The store is 93 % full, and test events and GA4's automatic events are refused."
    assert remedies[0].startswith("Lane 4 is full: its share of the store is used up. Let it drain")
    lane_table([held], running=False, fill=0.93)
    shown = capsys.readouterr().out
    assert "next try" not in shown
    assert "full" not in shown


def test_lanes_in_which_nothing_is_sent_are_told_of_at_a_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(store: SqliteStore) -> None:
        await tell_of_lanes(store)
        assert not caplog.records
        for number in range(1, 7):
            await store.accept(accepted(planned(number, item_request(number, account=f"C{number}"))))
        for number in range(1, 5):
            await store.mark(number, LaneState("credential", NOW, 3))
        await store.mark(5, LaneState("open", NOW, 3))
        await store.pause(1, paused=True)
        await tell_of_lanes(store)

    with_store(tmp_path, work)
    [line] = [record.getMessage() for record in caplog.records]
    named = [f"{number} (tiktok_events_api https://vendor.example/v1/events C{number})" for number in (1, 2, 3)]
    first = f"{named[0]}: paused; {named[1]}: credential; {named[2]}: credential"
    assert line == f'serve.lanes_still lanes=4 first="{first}"'


def test_numbers_and_a_lane_do_not_go_together_and_the_answer_says_so(tmp_path: Path) -> None:
    prepared(tmp_path, dead=1)
    found = said("queue", "drop", "1", "--lane", "1", "--yes", data=tmp_path)
    assert found.exit_code == 2
    assert "Numbers and --lane cannot be combined" in " ".join(found.output.replace("│", " ").split())


def test_where_only_a_demonstration_has_deliveries_its_folder_is_named(tmp_path: Path) -> None:
    prepared(tmp_path / "demo")
    found = said("queue", "list", data=tmp_path)
    assert (found.exit_code, f"--data {tmp_path / 'demo'}" in found.output) == (1, True)


def test_rows_of_one_lane_or_place_or_reason_are_exported_alone(tmp_path: Path) -> None:
    here = prepared(tmp_path, dead=2, waiting=3)

    def exported(*stated: str) -> list[str]:
        lines = said("queue", "export", "-", *stated, data=here).stdout.splitlines()
        return [json.loads(line)["place"] for line in lines]

    assert exported("--lane", "1") == ["waiting"] * 3 + ["dead"] * 2
    assert exported("--waiting") == ["waiting"] * 3
    assert exported("--dead") == exported("--reason", "refused") == ["dead"] * 2
    assert exported("--reason", "gave_up") == []


def test_a_lane_is_paused_and_goes_on(tmp_path: Path) -> None:
    prepared(tmp_path, waiting=1)
    assert "Lane 1 is paused." in said("queue", "pause", "1", data=tmp_path).output
    assert "paused" in said("queue", "list", data=tmp_path).output
    assert "Lane 1 goes on." in said("queue", "resume", "1", data=tmp_path).output
    assert said("queue", "pause", "9", data=tmp_path).exit_code == 2


def test_an_export_is_private_and_complete_and_imported_once(tmp_path: Path) -> None:
    here, there, file = prepared(tmp_path / "a", dead=2, waiting=600), prepared(tmp_path / "b"), tmp_path / "rows.jsonl"
    exported = said("queue", "export", str(file), data=here)
    assert (exported.exit_code, "602 rows were written." in exported.output) == (0, True)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("rows")] == ["rows.jsonl"]
    assert "602 rows were taken, 0 were here already." in said("queue", "import", str(file), data=there).output
    assert "0 rows were taken, 602 were here already." in said("queue", "import", str(file), data=there).output
    [lane] = json.loads(said("queue", "list", "--format", "json", data=there).output)
    assert (lane["waiting"], lane["dead"]) == (600, 2)


def test_an_export_goes_through_a_pipe(tmp_path: Path) -> None:
    here, there = prepared(tmp_path / "a", waiting=2), prepared(tmp_path / "b")
    piped = said("queue", "export", "-", data=here).stdout
    assert len(piped.splitlines()) == 2
    assert "2 rows were taken" in said("queue", "import", "-", data=there, given=piped).output


def test_an_export_leaves_what_is_no_plain_file_in_its_place(tmp_path: Path) -> None:
    here, pipe, real, link = prepared(tmp_path / "a", waiting=2), tmp_path / "p", tmp_path / "real", tmp_path / "link"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True) as reader:
        found = said("queue", "export", str(pipe), data=here)
        assert found.exit_code == 0, found.output
        assert reader.stdout is not None
        assert len(reader.stdout.read().splitlines()) == 2
    assert pipe.is_fifo()
    real.write_text("before")
    link.symlink_to(real)
    assert said("queue", "export", str(link), data=here).exit_code == 0
    assert link.is_symlink()
    assert len(real.read_text().splitlines()) == 2


def test_an_export_without_rows_that_cannot_be_read_ends_with_1(tmp_path: Path) -> None:
    here, file = prepared(tmp_path / "a", waiting=3), tmp_path / "rows"
    with closing(sqlite3.connect(here / FILE)) as other, other:
        other.execute("update delivery set body=x'00' where number=2")
    found = said("queue", "export", str(file), data=here)
    assert (found.exit_code, "2 rows were written." in found.output, "1 are not among" in found.output) == (
        1,
        True,
        True,
    )


class Told:
    """An interface that answers an export with these pieces."""

    running = True

    shared = False

    def __init__(self, rows: int, *pieces: bytes) -> None:
        self._rows, self._pieces = rows, pieces

    async def ask(self, path: str, document: object = None, **query: object) -> Any:
        return {"rows": self._rows}

    async def stream(self, path: str, **query: object) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def test_what_an_export_lacks_is_as_its_end_says_whatever_was_counted_before(tmp_path: Path) -> None:
    end = b'{"end": {"rows": 2, "unreadable": 1}}\n'
    file = tmp_path / "rows"
    # One came and one was delivered meanwhile; pieces end anywhere.
    told = Told(1, b'{"a": 1}\n{"b"', b": 2}\n", end[:9], end[9:])
    assert run(export_rows(told, file)) == (2, 1)
    assert file.read_bytes() == b'{"a": 1}\n{"b": 2}\n'
    assert run(export_rows(Told(9, b'{"end": {"rows": 0, "unreadable": 0}}\n'), file)) == (0, 0)
    for cut in (Told(1, b'{"a": 1}\n'), Told(1), Told(1, b'{"a": 1}\n', end)):
        with pytest.raises(ControlError, match="cut off"):
            run(export_rows(cut, file))
    assert file.read_bytes() == b""


def test_a_store_that_fails_in_the_middle_of_an_export_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, real = prepared(tmp_path / "a", waiting=600), SqliteQueue.export

    async def fails(store: SqliteQueue, selection: Selection, *, after: int, most: int = 500) -> Sequence[Exported]:
        if after:
            raise StoreError("disk I/O error")
        return await real(store, selection, after=after, most=most)

    monkeypatch.setattr(SqliteQueue, "export", fails)
    found = said("queue", "export", str(tmp_path / "rows"), data=here)
    assert (found.exit_code, "The store does not answer (disk I/O error)." in found.output) == (1, True)
    assert not (tmp_path / "rows").exists()


def test_whoever_is_interrupted_stops_the_job_too(tmp_path: Path) -> None:
    asked: list[str] = []

    class Slow(Told):
        async def ask(self, path: str, document: object = None, **query: object) -> Any:
            asked.append(path)
            await asyncio.sleep(0)
            return {"job": {"number": 7, "state": "running", "done": 1, "total": 2}}

    async def work(rounds: int) -> None:
        doing = asyncio.ensure_future(job_done(Slow(0), "/drop", {}, lambda _done, _total: None))
        for _ in range(rounds):
            await asyncio.sleep(0)
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doing

    for rounds in (1, 2, 9):
        asked.clear()
        run(work(rounds))
        assert (asked[0], asked[-1]) == ("/drop", "/jobs/7/cancel")


def test_a_terminal_is_told_nothing_by_what_a_vendor_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {"status": 400, "verdict": "refused", "excerpt": "no\x1b]0;mine\x07 \x9b2J"}
    lane = {"number": 1, "lane": "http_request https://a\x1b[31m", "answer": answer, "oldest": None, "waiting": 1}
    lane_table([{**lane, "in_flight": 0, "dead": 0, "paused": False, "mode": "open", "failures": 0}])
    shown = capsys.readouterr().out
    assert "http_request" in shown
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)


def test_lines_that_are_no_rows_are_told_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    here, file = prepared(tmp_path / "a", waiting=1), tmp_path / "rows"
    said("queue", "export", str(file), data=here)
    file.write_text(file.read_text() + "\nnot json\n[]\n{}\n")
    found = said("queue", "import", str(file), data=prepared(tmp_path / "b"))
    assert (found.exit_code, "3 lines are no rows" in found.output, "1 rows were taken" in found.output) == (
        1,
        True,
        True,
    )
    assert "queue.imported by=command rows=1 known=0 damaged=3 full=0" in caplog.text


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    found = said("queue", "export", str(tmp_path / "no" / "rows"), data=prepared(tmp_path / "a"))
    assert (found.exit_code, "cannot be written" in found.output) == (1, True)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = said("queue", "import", str(tmp_path / "no"), data=prepared(tmp_path / "a"))
    assert (found.exit_code, "cannot be read" in found.output) == (1, True)


def test_a_person_is_counted_and_forgotten(tmp_path: Path) -> None:
    prepared(tmp_path, dead=1, waiting=2)
    counted = said("forget", "--email", canaries.EMAIL, "--dry-run", data=tmp_path)
    assert "2 waiting deliveries, 1 dead letters, 0 guards would be deleted." in counted.output
    assert "were deleted." in said("forget", "--email", canaries.EMAIL, data=tmp_path).output
    assert "Spools" not in counted.output
    again = said("forget", "--phone", canaries.PHONE, data=tmp_path)
    assert (again.exit_code, "0 waiting deliveries, 0 dead letters" in again.output) == (0, True)


def test_a_damaged_file_that_was_moved_aside_is_named_when_somebody_is_forgotten(tmp_path: Path) -> None:
    prepared(tmp_path, waiting=1)
    (tmp_path / "deliveries.db.corrupt-20270115T080000Z").write_bytes(b"")
    found = said("forget", "--email", canaries.EMAIL, data=tmp_path)
    assert (found.exit_code, "1 waiting deliveries" in found.output) == (1, True)
    assert "deliveries.db.corrupt-20270115T080000Z" in found.output
    assert "delete them" in found.output


@pytest.mark.parametrize("stated", [[], ["--email", "nobody"], ["--phone", "0612345678"], ["--user-id", " "]])
def test_nobody_cannot_be_forgotten(tmp_path: Path, stated: list[str]) -> None:
    prepared(tmp_path)
    assert said("forget", *stated, data=tmp_path).exit_code == 2


def test_a_folder_without_deliveries_ends_with_1_and_none_with_2(tmp_path: Path) -> None:
    assert said("queue", "list", data=tmp_path).exit_code == 1
    assert said("queue", "list", data=tmp_path / "nowhere").exit_code == 2


def test_on_a_terminal_there_is_a_bar_and_elsewhere_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Path("/dev/null").open("w") as nowhere:
        console = Console(file=nowhere, force_terminal=True)
        with progress("replay", console) as shown:
            shown(5, 10)
    with progress("replay") as shown:
        for done in range(0, 101, 5):
            shown(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "replay: 10 of 100"
    assert (len(lines), lines[-1]) == (10, "replay: 100 of 100")


def test_no_key_is_made_in_a_folder_that_another_key_seals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, secrets = tmp_path / "data", tmp_path / "secrets"
    key = base64.b64encode(bytes(32)).decode()
    run(open_store(data, now=NOW, key=key).close())
    before = sorted(path.name for path in data.iterdir())
    monkeypatch.delenv("TAG_CONTAINER_KEY", raising=False)
    for command in (("queue", "list"), ("forget", "--user-id", "customer-4711")):
        found = said(*command, data=data)
        assert (found.exit_code, "TAG_CONTAINER_KEY" in found.output) == (1, True)
        assert 'its file "key" was not copied with the rest' in found.output
    assert sorted(path.name for path in data.iterdir()) == before
    secrets.mkdir()
    (secrets / "TAG_CONTAINER_KEY").write_text(f"{key}\n")
    for command in (("queue", "list"), ("forget", "--user-id", "customer-4711")):
        found = said(*command, "--secrets-dir", str(secrets), data=data)
        assert found.exit_code == 0, found.output
    (secrets / "TAG_CONTAINER_KEY").write_text("")
    assert said("queue", "list", "--secrets-dir", str(secrets), data=data).exit_code == 2
    assert not (data / "key").exists()


def test_root_writes_nothing_into_the_folder_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(tmp_path, waiting=1)
    if os.geteuid() == 0:
        os.chown(tmp_path / FILE, 10001, 10001)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = said("queue", "list", data=tmp_path)
    assert (found.exit_code, "what root writes there the server could not read" in found.output) == (1, True)


@pytest.mark.slow
def test_a_running_server_is_looked_after_over_its_socket(tmp_path: Path) -> None:
    with processes.serving(tmp_path) as served, httpx.Client(trust_env=False) as caller:
        assert caller.get(f"{served.public}/g/collect?{processes.PURCHASE}&ep.event_id=kept").status_code == 204
        # The address is a private one, to which nothing may be sent: it waits.
        listed = processes.run("queue", "list", "--format", "json", folder=tmp_path)
        [lane] = json.loads(listed.stdout)
        assert lane["waiting"] + lane["in_flight"] == 1
        assert processes.run("queue", "pause", "1", folder=tmp_path).returncode == 0
        served.wait_for("queue.paused lane=1 by=control_socket")
        shown = processes.run("queue", "show", "1", "--waiting", folder=tmp_path)
        assert (shown.returncode, "Its request:" in shown.stdout) == (0, True)
        assert not canaries.EVERYTHING.within(shown.stdout)
        forgotten = processes.run("forget", "--email", canaries.EMAIL, folder=tmp_path)
        assert "1 waiting deliveries" in forgotten.stdout
        assert (tmp_path / "data" / "control.sock").is_socket()
        assert served.stop() == 0
    assert not (tmp_path / "data" / "control.sock").exists()
    assert json.loads(processes.run("queue", "list", "--format", "json", folder=tmp_path).stdout)[0]["waiting"] == 0
