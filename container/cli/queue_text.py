"""Lanes, rows and jobs as the command line says them to people."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from container.config.problem import printable
from container.web.health import HOLDS, fill_reasons, moment
from container.web.queue_words import FULL, MODES, WHEN_FULL, age, next_try

WIDE = 240
"""Columns where nobody looks at a terminal, so that nothing is cut."""

NOTHING_TO_DO = "There was nothing to do."


def lane_table(lanes: Sequence[dict[str, Any]], *, running: bool = True, fill: float = 0.0) -> None:
    """Prints the lanes, and what to do about those that hold still.

    `running`: a server works on them. Of what nobody works on nothing is tried, and how much room there is depends on
    the limits of the next server. `fill`: how full its store is.
    """
    now = time.time_ns() // 1_000_000
    table = _table("lane", "what", "state", "waiting", "in flight", "dead", "oldest", "last answer")
    for lane in lanes:
        answer = lane["answer"]
        said = "" if answer is None else f"{answer['status'] or '-'} {answer['verdict']} {answer['excerpt']}".strip()
        oldest = "" if lane["oldest"] is None else age(now - lane["oldest"])
        rows = (str(lane[each]) for each in ("waiting", "in_flight", "dead"))
        table.add_row(
            *map(
                printable, (str(lane["number"]), lane["lane"], _state(lane, now, running=running), *rows, oldest, said)
            )
        )
    remarks = [*(fill_reasons(fill) if running else ()), *_remedies(lanes, running=running)]
    _print(table, "No lanes yet.", remarks, rows=len(lanes))


def row_table(rows: Sequence[dict[str, Any]]) -> None:
    """Prints rows, the latest first."""
    now = time.time_ns() // 1_000_000
    dead = bool(rows) and rows[0]["place"] == "dead"
    remark = [] if dead or not rows else ["These wait: show or drop one by its number with --waiting."]
    last = ("died", "reason", "note") if dead else ("due", "", "")
    table = _table("number", "lane", "tag", "event", "attempts", "received", *(name for name in last if name))
    for row in rows:
        told = [str(row["number"]), str(row["lane"]), row["tag"] or "(not readable)", row["event"]]
        told += [str(row["attempts"]), f"{age(now - row['received'])} ago"]
        told += [f"{age(now - row['died'])} ago", row["reason"], row["note"]] if dead else [_due(row, now)]
        table.add_row(*map(printable, told))
    _print(table, "There are none.", remark, rows=len(rows))


def detail_lines(row: dict[str, Any]) -> Iterator[str]:
    """A row, line by line."""
    yield f"{'Dead letter' if row['place'] == 'dead' else 'Delivery'} {row['number']}, lane {row['lane']}"
    about = {
        "account": row["account"],
        "tag": row["tag"],
        "event": row["event"],
        "id": row["id"],
        "received": moment(row["received"]),
        "attempts": row["attempts"],
        "reason": row["reason"],
        "note": row["note"],
        "died": row["died"] and moment(row["died"]),
        "due": _in_flight(row) if row["in_flight"] else row["due"] and moment(row["due"]),
        "sent until": row["give_up"] and moment(row["give_up"]),
        "too old after": row["expire"] and moment(row["expire"]),
    }
    yield from (
        f"  {name + ':':<15}{printable(str(value))}" for name, value in about.items() if value not in (None, "")
    )
    if row["history"]:
        yield "Tried:"
        for tried in row["history"]:
            said = f"{tried['status'] or '-'} {tried['verdict']} {tried['excerpt']}"
            yield f"  {moment(tried['at'])}  {printable(said.strip())}"
    if row["unreadable"]:
        yield row["unreadable"]
        return
    yield "Its hit:" if row["holds"] == "hit" else "Its request:"
    yield f"  {printable(row['method'])} {printable(row['url'])}"
    yield from (f"  {printable(name)}: {printable(value)}" for name, value in row["headers"])
    if row["ip"]:
        yield f"  from {printable(row['ip'])}"
    if row["body"]:
        yield ""
        yield from (f"  {printable(line)}" for line in _body(row["body"]).split("\n"))
    if not row["whole"]:
        yield ""
        yield "Values are hinted at by their first and last character and their length; --whole shows them."


def outcome_lines(job: dict[str, Any]) -> tuple[list[str], bool]:
    """What a job did, and whether it did all that was asked."""
    lines = [f"{what}: {rows}" for what, rows in job["changed"].items()]
    lines += [f"of these: {rows}, but {printable(what)}" for what, rows in job.get("warned", {}).items()]
    lines += [f"stay: {rows}, because {printable(why)}" for why, rows in job["kept"].items()]
    return lines or [NOTHING_TO_DO], not job["kept"]


def _state(lane: dict[str, Any], now: int, *, running: bool) -> str:
    waits = lane["mode"] != "open" or lane["failures"]
    tried = next_try(lane["not_before"] - now, under_way=lane["in_flight"] > 0) if running and waits else ""
    full = "full" if running and _is_full(lane) else ""
    if lane["paused"]:
        said = ["paused", full]
    elif lane["mode"] != "open":
        said = [f"holds: {lane['mode']}", tried, full]
    elif lane["failures"]:
        said = ["failing", tried, full]
    else:
        said = [full or "open"]
    return ", ".join(filter(None, said))


def _is_full(lane: dict[str, Any]) -> bool:
    return float(lane.get("share", 0.0)) >= FULL


def _remedies(lanes: Sequence[dict[str, Any]], *, running: bool) -> Iterator[str]:
    """Why lanes hold still, and what to do about each. A newer server may know modes that we do not."""
    for lane in lanes:
        if running and _is_full(lane):
            yield f"Lane {lane['number']} is full: its share of the store is used up. {WHEN_FULL}"
        if not lane["paused"] and lane["mode"] in HOLDS:
            yield f"Lane {lane['number']} holds still, because {HOLDS[lane['mode']]}. {MODES[lane['mode']]}"


def _due(row: dict[str, Any], now: int) -> str:
    if row["in_flight"]:
        return _in_flight(row)
    return "now" if row["due"] <= now else f"in {age(row['due'] - now)}"


def _in_flight(row: dict[str, Any]) -> str:
    """Which process sends it, where there may be several."""
    return f"in flight at {row['worker']}" if row["worker"] else "in flight"


def _body(text: str) -> str:
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return text


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in ("waiting", "in flight", "dead", "attempts") else "left")
    return table


def _print(table: Table, nothing: str, remarks: Sequence[str], *, rows: int) -> None:
    """The table, or that there is nothing. Below it stands what there is to say about it."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console = Console(markup=False, emoji=False, highlight=False, width=WIDE)
    console.print(table if rows else nothing)
    for remark in remarks:
        console.print(remark)
