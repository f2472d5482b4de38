"""Which rows a command of `queue` means, and whether somebody means them when they hear what they are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import typer

from container.cli.control import Control, ControlError, Document
from container.config.problem import printable
from container.delivery.selection import Place
from container.web.health import counted
from container.web.queue_words import no_reason

Action = Literal["replay", "drop"]

MOST_TOLD = 10
"""So many rows or lanes are named before somebody is asked."""

MOST_COUNTED = 100
LATEST = 50
_DOES = {"drop": "drops for good", "replay": "sends again"}
_QUESTIONS = {"drop": "Drop {}?", "replay": "Send {} again?"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows of one place: by number, or those of a lane, for a reason, or all."""

    place: Place
    numbers: tuple[int, ...] = ()
    lane: int | None = None
    reason: str | None = None

    @property
    def query(self) -> dict[str, Any]:
        """The same for the interface, numbers aside."""
        stated = {"place": self.place, "lane": self.lane, "reason": self.reason}
        return {name: value for name, value in stated.items() if value is not None}


def known_reason(stated: str | None) -> str | None:
    """The reason, if there is such a one."""
    if stated is not None and (unknown := no_reason(stated)):
        raise typer.BadParameter(unknown)
    return stated


def place_of(*, dead: bool, waiting: bool, reason: str | None) -> Place | None:
    """The place that is stated; `None` when nothing says it."""
    if dead and waiting:
        raise typer.BadParameter("--dead and --waiting are two places: name one.")
    if waiting and reason is not None:
        raise typer.BadParameter("--reason is of dead letters: what waits has none, so leave --waiting away.")
    if waiting:
        return "waiting"
    return "dead" if dead or reason is not None else None


def chosen(
    numbers: list[int] | None, lane: int | None, reason: str | None, every: bool, *, place: Place | None
) -> Chosen:
    """Rows by number, or those of a lane, for a reason, or all: one way to say it.

    A number is a dead letter's where nothing else is stated; of many the place has to be said.
    """
    if numbers and lane is not None:
        raise typer.BadParameter("Numbers and --lane cannot be combined: a number is one row, whatever its lane.")
    several = lane is not None or reason is not None
    if sum((bool(numbers), several, every)) != 1:
        raise typer.BadParameter("Say which rows: NUMBER…, --lane, --reason (also both), or --all.")
    if numbers:
        return Chosen(place or "dead", numbers=tuple(dict.fromkeys(numbers)))
    if place is None:
        raise typer.BadParameter("Say which of them: --dead for dead letters, --waiting for what waits.")
    return Chosen(place, lane=lane, reason=reason)


async def check_lane(control: Control, number: int | None) -> None:
    """Raises `typer.BadParameter` where there is no such lane, with those that are near."""
    if number is None:
        return
    lanes = (await control.ask("/lanes"))["lanes"]
    if any(lane["number"] == number for lane in lanes):
        return
    near = sorted(lanes, key=lambda lane: abs(lane["number"] - number))[:MOST_TOLD]
    named = ", ".join(f"{lane['number']} ({lane['lane']})" for lane in sorted(near, key=lambda lane: lane["number"]))
    there = f"The lanes are {named}" if len(near) == len(lanes) else f"Near it are {named}"
    raise typer.BadParameter(printable(f"There is no lane {number}. {there if lanes else 'There are none yet'}."))


async def row_of(control: Control, place: Place, number: int, *, whole: bool = False) -> dict[str, Any]:
    """One row. Raises `ControlError` where it is not there, which says where its number is."""
    try:
        found: dict[str, Any] = await control.ask(f"/rows/{place}/{number}", whole=1 if whole else None)
    except ControlError as problem:
        if problem.status != 404:
            raise
        said = _not_there(place, number, problem.elsewhere)
        raise ControlError(said, status=404, elsewhere=problem.elsewhere) from None
    return found


async def meant(control: Control, action: Action, rows: Chosen, *, yes: bool) -> Document | None:
    """The rows as the interface wants them said, once somebody has said yes; `None` when there are none.

    Raises `ControlError` after a no, and `typer.BadParameter` where nobody can be asked.
    """
    await check_lane(control, rows.lane)
    if rows.numbers:
        found = await _by_number(control, action, rows)
        document = {"place": rows.place, "numbers": list(rows.numbers), "ids": [row["id"] for row in found]}
        if not yes:
            _ask(action, rows, len(found), _some([_line(row) for row in found], "rows"))
        return document
    if yes:
        return {**rows.query, "all": True}
    latest = (await control.ask("/rows", **rows.query, most=LATEST))["rows"]
    if not latest:
        return None
    # What comes while somebody thinks is not what they were asked about.
    asked = {**rows.query, "up_to": latest[0]["number"]}
    number = (await control.ask("/count", **asked))["rows"]
    _ask(action, rows, number, [*await _lanes_of(control, asked), _tags(latest)])
    return {**asked, "all": True}


async def _by_number(control: Control, action: Action, rows: Chosen) -> list[dict[str, Any]]:
    """All of them, or a `ControlError` that names each one that is not there."""
    found, missing = [], []
    for number in rows.numbers:
        try:
            found.append(await row_of(control, rows.place, number))
        except ControlError as problem:
            if problem.status != 404:
                raise
            waits = action == "replay" and problem.elsewhere == "waiting"
            missing.append(f"Number {number} waits already: it is sent by itself." if waits else str(problem))
    if missing:
        raise ControlError(" ".join([*missing, "Nothing was done."]))
    return found


def _not_there(place: Place, number: int, elsewhere: str) -> str:
    what = "dead letter" if place == "dead" else "delivery that waits"
    said = f"There is no such row: no {what} has the number {number}."
    if elsewhere == "waiting":
        return f"{said} A delivery that waits has it: add --waiting if you mean that."
    if elsewhere == "dead":
        return f"{said} A dead letter has it: write --dead in place of --waiting if you mean that."
    return f'{said} "queue list --dead" and "queue list --waiting" show what there is.'


async def _lanes_of(control: Control, asked: Document) -> list[str]:
    """The lanes that are concerned, and how many rows each has."""
    lanes = (await control.ask("/lanes"))["lanes"]
    if "lane" in asked:
        lanes = [lane for lane in lanes if lane["number"] == asked["lane"]]
    holding = [lane for lane in lanes if lane["dead" if asked["place"] == "dead" else "waiting"] or lane["in_flight"]]
    lines = []
    for lane in holding[:MOST_COUNTED]:
        rows = (await control.ask("/count", **{**asked, "lane": lane["number"]}))["rows"]
        lines += [f"{rows} of lane {lane['number']}, {lane['lane']}"] if rows else []
    return _some(lines, "lanes", beyond=len(holding) > MOST_COUNTED)


def _tags(latest: Sequence[Document]) -> str:
    names = dict.fromkeys(f'"{row["tag"]}"' if row["tag"] else "not readable" for row in latest)
    return f"tags of the latest {len(latest)}: {', '.join(names)}" if len(latest) > 1 else f"tag {', '.join(names)}"


def _line(row: Document) -> str:
    tag = f'tag "{row["tag"]}"' if row["tag"] else "not readable"
    event = f', event "{row["event"]}"' if row["event"] else ""
    return f"number {row['number']}, {tag}{event}, of lane {row['lane']}, {row['account']}"


def _some(lines: list[str], what: str, *, beyond: bool = False) -> list[str]:
    """The first lines, and that there are more."""
    if len(lines) <= MOST_TOLD and not beyond:
        return lines
    more = "more" if beyond else str(len(lines) - MOST_TOLD)
    return [*lines[:MOST_TOLD], f"and {more} {what if beyond else 'more ' + what}"]


def _ask(action: Action, rows: Chosen, number: int, lines: Sequence[str]) -> None:
    """Says what would be done to what, and asks. Where nobody can answer, --yes is needed."""
    if rows.place == "dead":
        what = counted(number, "dead letter", "dead letters")
    else:
        what = counted(number, "delivery that waits", "deliveries that wait")
    does = f"This {_DOES[action]} {what}{f' ({rows.reason})' if rows.reason else ''}"
    told = [printable(line) for line in lines]
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            f"{does}: {'; '.join(told)}. Nobody can be asked here, so nothing was done: add --yes to mean it."
        )
    typer.echo("\n  ".join([f"{does}:", *told]), err=True)
    if not typer.confirm(_QUESTIONS[action].format("it" if number == 1 else "them"), err=True):
        raise ControlError("Nothing was done.")
