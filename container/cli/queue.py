"""`queue`: looks after deliveries. Asks the running server, or opens the data folder itself when none runs."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer

from container.cli.control import Control, ControlError, reached
from container.cli.queue_files import export_rows, import_rows
from container.cli.queue_text import detail_lines, lane_table, outcome_lines, row_table
from container.cli.working import carried_out, job_done, progress

queue = typer.Typer(help="Look after deliveries: those that wait, and dead letters.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(exists=True, file_okay=False, help="The folder of the store.")]
Lane = Annotated[int | None, typer.Option(min=1, metavar="N", help="Of this lane, by its number.")]
Dead = Annotated[bool, typer.Option("--dead", help="Dead letters, not what waits.")]
Reason = Annotated[str | None, typer.Option(metavar="R", help="Dead letters with this reason.")]
Every = Annotated[bool, typer.Option("--all", help="All of them.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Numbers = Annotated[list[int] | None, typer.Argument(metavar="NUMBER…", help="Rows by their numbers.")]
Config = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="The container file, where no server runs."),
]

SecretsDir = Annotated[
    Path | None,
    typer.Option(exists=True, file_okay=False, help="A folder with one file per secret, where no server runs."),
]

DATA = Path("data")


@queue.command("list")
def list_(
    *,
    lane: Lane = None,
    dead: Dead = False,
    reason: Reason = None,
    most: Annotated[int, typer.Option(min=1, max=500, help="So many rows, the latest.")] = 50,
    format: Annotated[Literal["text", "json"], typer.Option(help="For people or for programs.")] = "text",
    data: Data = DATA,
    secrets_dir: SecretsDir = None,
) -> None:
    """List lanes, or the rows of a lane, or dead letters."""

    async def work() -> tuple[str, list[dict[str, Any]]]:
        async with reached(data, secrets_dir=secrets_dir) as control:
            if lane is None and not dead and reason is None:
                return "lanes", (await control.ask("/lanes"))["lanes"]
            place = "dead" if dead or reason is not None else "waiting"
            return "rows", (await control.ask("/rows", place=place, lane=lane, reason=reason, most=most))["rows"]

    kind, found = carried_out(work)
    if format == "json":
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    elif kind == "lanes":
        lane_table(found)
    else:
        row_table(found)


@queue.command()
def show(
    number: Annotated[int, typer.Argument(metavar="NUMBER")],
    *,
    dead: Dead = False,
    whole: Annotated[bool, typer.Option("--whole", help="With all values in clear. That is logged.")] = False,
    format: Annotated[Literal["text", "json"], typer.Option(help="For people or for programs.")] = "text",
    data: Data = DATA,
    secrets_dir: SecretsDir = None,
) -> None:
    """Show one row: its request or hit, and what was tried."""

    async def work() -> dict[str, Any]:
        async with reached(data, secrets_dir=secrets_dir) as control:
            return await _row(control, number, dead=dead, whole=whole)

    found = carried_out(work)
    if format == "json":
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo("\n".join(detail_lines(found)))


@queue.command()
def replay(
    numbers: Numbers = None,
    *,
    lane: Lane = None,
    reason: Reason = None,
    every: Every = False,
    yes: Yes = False,
    config: Config = None,
    data: Data = DATA,
    secrets_dir: SecretsDir = None,
) -> None:
    """Send dead letters again, as if they had just come."""
    chosen = _chosen(numbers, lane, reason, every, dead=True)
    _do("replay", chosen, reached(data, config, secrets_dir=secrets_dir), yes=yes)


@queue.command()
def drop(
    numbers: Numbers = None,
    *,
    lane: Lane = None,
    reason: Reason = None,
    every: Every = False,
    dead: Dead = False,
    yes: Yes = False,
    data: Data = DATA,
    secrets_dir: SecretsDir = None,
) -> None:
    """Delete rows for ever: of those that wait, or with --dead or --reason of the dead letters."""
    chosen = _chosen(numbers, lane, reason, every, dead=dead or reason is not None)
    _do("drop", chosen, reached(data, secrets_dir=secrets_dir), yes=yes)


@queue.command()
def pause(
    lane: Annotated[int, typer.Argument(metavar="LANE")], *, data: Data = DATA, secrets_dir: SecretsDir = None
) -> None:
    """Stop a lane: its deliveries wait until it is resumed."""
    _set(lane, data, secrets_dir, paused=True)


@queue.command()
def resume(
    lane: Annotated[int, typer.Argument(metavar="LANE")], *, data: Data = DATA, secrets_dir: SecretsDir = None
) -> None:
    """Let a lane go on, and try it at once if it waits after a failure."""
    _set(lane, data, secrets_dir, paused=False)


@queue.command("export")
def export_(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, allow_dash=True)],
    *,
    data: Data = DATA,
    secrets_dir: SecretsDir = None,
) -> None:
    """Write all rows to a file, in clear: one line of JSON each. `-` is the standard output."""

    async def work() -> tuple[int, int]:
        async with reached(data, secrets_dir=secrets_dir) as control:
            return await export_rows(control, file)

    written, unread = carried_out(work)
    typer.echo(f"{written} rows were written.", err=True)
    if unread > 0:
        typer.echo(f"{unread} are not among them: damaged, or their key is not here.", err=True)
        raise typer.Exit(1)


@queue.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, allow_dash=True)],
    *,
    data: Data = DATA,
    secrets_dir: SecretsDir = None,
) -> None:
    """Take over the rows of an export. Those that are here already are skipped."""

    async def work() -> dict[str, int]:
        async with reached(data, secrets_dir=secrets_dir) as control:
            return await import_rows(control, file)

    found = carried_out(work)
    typer.echo(f"{found['taken']} rows were taken, {found['known']} were here already.")
    if found["damaged"]:
        typer.echo(f"{found['damaged']} lines are no rows, or were changed: they were left out.", err=True)
    if found["full"]:
        typer.echo(f"{found['full']} rows did not fit: import the file again when there is room.", err=True)
    if found["damaged"] or found["full"]:
        raise typer.Exit(1)


def _set(lane: int, data: Path, secrets_dir: Path | None, *, paused: bool) -> None:
    async def work() -> None:
        async with reached(data, secrets_dir=secrets_dir) as control:
            await control.ask(f"/lanes/{lane}/{'pause' if paused else 'resume'}", {})

    carried_out(work)
    typer.echo(f"Lane {lane} is paused." if paused else f"Lane {lane} goes on.")


def _chosen(
    numbers: list[int] | None, lane: int | None, reason: str | None, every: bool, *, dead: bool
) -> dict[str, Any]:
    """Rows by number, or those of a lane, for a reason, or all: one way to say it."""
    several = lane is not None or reason is not None
    if sum((bool(numbers), several, every)) != 1:
        raise typer.BadParameter("Say which rows: NUMBER…, --lane, --reason (also both), or --all.")
    place = "dead" if dead else "waiting"
    if numbers:
        return {"place": place, "numbers": numbers}
    stated = {"place": place, "lane": lane, "reason": reason, "all": True}
    return {name: value for name, value in stated.items() if value is not None}


def _do(
    what: Literal["replay", "drop"], chosen: dict[str, Any], way: AbstractAsyncContextManager[Control], *, yes: bool
) -> None:
    """Has it done to the chosen rows, once somebody has said yes."""

    async def work() -> dict[str, Any]:
        async with way as control:
            selected = await _selected(control, chosen)
            await _ask(control, selected, what, yes=yes)
            with progress(what) as shown:
                return await job_done(control, f"/{what}", selected, shown)

    _tell(carried_out(work))


async def _row(control: Control, number: int, *, dead: bool, whole: bool) -> dict[str, Any]:
    place = "dead" if dead else "waiting"
    found: dict[str, Any] = await control.ask(f"/rows/{place}/{number}", whole=1 if whole else None)
    return found


async def _selected(control: Control, chosen: dict[str, Any]) -> dict[str, Any]:
    """The rows as the interface wants them said: numbers with the ids of what they stand for now."""
    if "numbers" not in chosen:
        return chosen
    dead = chosen["place"] == "dead"
    ids = [(await _row(control, number, dead=dead, whole=False))["id"] for number in chosen["numbers"]]
    return chosen | {"ids": ids}


async def _ask(control: Control, selected: dict[str, Any], what: str, *, yes: bool) -> None:
    """Asks whether that many are meant. Where nobody can answer, --yes is needed."""
    if yes:
        return
    if "numbers" in selected:
        rows = len(selected["numbers"])
    else:
        about = {name: value for name, value in selected.items() if name != "all"}
        rows = (await control.ask("/count", **about))["rows"]
    called = "dead letters" if selected["place"] == "dead" else "deliveries that wait"
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"This would {what} {rows} {called}. Add --yes to mean it.")
    if not typer.confirm(f"{what} {rows} {called}?", err=True):
        raise ControlError("Nothing was done.")


def _tell(job: dict[str, Any]) -> None:
    lines, fine = outcome_lines(job)
    typer.echo("\n".join(lines))
    if not fine:
        raise typer.Exit(1)
