"""What `docs/operate.md` lists is what there is: flags, environment, metrics, log lines, reasons."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import typing
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from typer.main import get_command

from container.cli.control import SOCKET
from container.cli.last_run import FILE as LAST_RUN
from container.cli.main import app
from container.delivery.disk import MARK_FILE
from container.delivery.opening import NETWORK
from container.delivery.reserve import RESERVE_FILE
from container.delivery.row import Reason
from container.delivery.schema import FILE, LOCK_FILE
from container.delivery.seal import KEY_FILE
from container.delivery.sqlite import open_store
from container.preview.publishing import FOLDER as VERSIONS
from container.web.health import HOLDS
from tests.cli.logged import logged
from tests.cli.processes import PURCHASE, ROOT, serving
from tests.web.parts import everything_noticed
from tests.web.scraped import families

PAGE = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    after = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = after[after.index("\n| ") :].split("\n\n")[0].strip().splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def signs(cells: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cells)


def test_every_flag_and_its_default_is_listed() -> None:
    serve = get_command(app).commands["serve"]  # type: ignore[attr-defined]  # it is a group
    flags = {each.opts[0]: each for each in serve.params}
    listed = {signs(flag)[0].split()[0]: default.strip("`") for flag, default, _ in table("Flags")}
    assert list(listed) == list(flags)
    for flag, default in listed.items():
        shown = flags[flag].show_default
        stated = shown if isinstance(shown, str) else flags[flag].default
        assert default == ("off" if stated is False else str(stated) if stated not in (None, "") else "none"), flag


def test_every_environment_variable_of_ours_is_listed() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "container").rglob("*.py"))
    listed = {signs(name)[0] for name, _ in table("Environment")}
    assert listed == set(re.findall(r"TAG_CONTAINER_[A-Z_]+", text))


def test_every_metric_is_listed_with_its_type_and_labels() -> None:
    found = {name: (family.type, set(family.labels)) for name, family in families().items()}
    listed = {signs(name)[0]: (kind, set(signs(labels))) for name, kind, labels, _ in table("Metrics")}
    assert listed == found


def test_what_is_worth_an_alarm_is_a_metric() -> None:
    listed = {signs(row[0])[0] for row in table("Metrics")}
    assert set(re.findall(r"tag_container_[a-z_]+", PAGE)) <= listed


def test_every_line_of_the_log_is_listed_with_its_level() -> None:
    found = {(each.name, each.level.upper()) for each in logged()}
    listed = {(name, level.split(";")[0]) for lines, level, _ in table("Log") for name in signs(lines)}
    assert {name for name, _ in listed} == {name for name, _ in found}
    assert {each for each in found if each[1] != "LOG"} <= listed


def test_every_reason_of_a_dead_letter_is_listed() -> None:
    assert {reason for cells, _ in table("Dead letters") for reason in signs(cells)} == set(typing.get_args(Reason))


@pytest.mark.parametrize("reason", HOLDS.values())
def test_every_reason_why_a_lane_holds_still_is_listed(reason: str) -> None:
    assert any(f"holds still, because {reason}" in cells for cells, *_ in table("When is it ready"))


def test_everything_that_is_noticed_about_a_proxy_or_a_flood_is_listed() -> None:
    noticed = everything_noticed()
    said = [re.sub("10.0.0.1 forwarded 1 hit", "… forwarded …", sentence) for sentence in noticed.sentences()]
    listed = [cells.rstrip(" ….") for cells, *_ in table("When is it ready")]
    assert len(said) == 7
    assert all(any(sentence.startswith(each) for each in listed) for sentence in said), said


def test_every_file_of_a_data_folder_is_listed(tmp_path: Path) -> None:
    asyncio.run(open_store(tmp_path, now=1).close())
    listed = {signs(name)[0] for name, _ in table("The data folder")}
    rare = {MARK_FILE, f"{FILE}.corrupt-…", SOCKET, LAST_RUN, "demo/", "spool/", f"{VERSIONS}/"}
    assert listed == {FILE, LOCK_FILE, KEY_FILE, RESERVE_FILE} | rare
    assert {path.name for path in tmp_path.iterdir()} == {FILE, LOCK_FILE, KEY_FILE, RESERVE_FILE}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_every_file_system_that_is_refused_is_named() -> None:
    folder = PAGE.split("\n## The data folder\n")[1].split("\n## ")[0].lower()
    families = {kind.rstrip("4").replace("smb3", "smb").replace("smbfs", "smb").split(".")[-1] for kind in NETWORK}
    assert all(family in folder for family in families), families


@pytest.mark.slow
def test_a_backup_that_is_made_while_it_runs_holds_what_waits(tmp_path: Path) -> None:
    copy = tmp_path / "backup"
    copy.mkdir()
    with serving(tmp_path) as served, httpx.Client(trust_env=False) as caller:
        assert caller.get(f"{served.public}/g/collect?{PURCHASE}&ep.event_id=kept").status_code == 204
        with closing(sqlite3.connect(tmp_path / "data" / FILE)) as source, closing(sqlite3.connect(copy / FILE)) as to:
            source.backup(to)
        (copy / KEY_FILE).write_bytes((tmp_path / "data" / KEY_FILE).read_bytes())
        assert served.stop() == 0

    async def waiting() -> int:
        store = open_store(copy, now=1)
        lanes = await store.lanes()
        await store.close()
        return sum(report.waiting for report in lanes)

    assert asyncio.run(waiting()) == 1
