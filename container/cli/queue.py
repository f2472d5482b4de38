"""`queue`: looks after deliveries. Asks the running server, or opens the data folder itself when none runs.

The rows of a database are worked on from here, whether servers run or not.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer

from container.cli.control import Control
from container.cli.queue_choice import Action, Chosen, check_lane, chosen, known_reason, meant, place_of, row_of
from container.cli.queue_files import export_rows, import_rows
from container.cli.queue_store import DATA, Data, SecretsDir, Store, reached_by
from container.cli.queue_text import NOTHING_TO_DO, detail_lines, lane_table, outcome_lines, row_table
from container.cli.working import carried_out, job_done, progress
from container.config.problem import printable

queue = typer.Typer(help="Look after deliveries: those that wait, and dead letters.", no_args_is_help=True)

Lane = Annotated[int | None, typer.Option(min=1, metavar="N", help="Of this lane, by its number.")]
Dead = Annotated[bool, typer.Option("--dead", help="Dead letters.")]
Waiting = Annotated[bool, typer.Option("--waiting", help="What waits or is in flight.")]
Reason = Annotated[str | None, typer.Option(metavar="R", callback=known_reason, help="Dead letters with this reason.")]
Every = Annotated[bool, typer.Option("--all", help="All of them.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Numbers = Annotated[list[int] | None, typer.Argument(metavar="NUMBER…", help="Rows by their numbers.")]
Config = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="The container file, where no server runs."),
]


@queue.command("list")
def list_(
    *,
    lane: Lane = None,
    dead: Dead = False,
    waiting: Waiting = False,
    reason: Reason = None,
    most: Annotated[int, typer.Option(min=1, max=500, help="So many rows, the latest.")] = 50,
    format: Annotated[Literal["text", "json"], typer.Option(help="For people or for programs.")] = "text",
    data: Data = None,
    store: Store = None,
    secrets_dir: SecretsDir = None,
) -> None:
    """List lanes; or rows: what waits in a lane or anywhere, or dead letters."""
    place = place_of(dead=dead, waiting=waiting, reason=reason)

    async def work() -> tuple[bool, dict[str, Any]]:
        async with reached_by(store, data, secrets_dir=secrets_dir) as control:
            if lane is None and place is None:
                return control.running, await control.ask("/lanes")
            await check_lane(control, lane)
            asked: dict[str, Any] = {"place": place or "waiting", "lane": lane, "reason": reason, "most": most}
            return control.running, await control.ask("/rows", **asked)

    running, found = carried_out(work)
    if format == "json":
        rows = found["rows"] if "rows" in found else found["lanes"]
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    # Of a database nobody knows from here whether a server works on it.
    running = running or bool(store)
    if not running:
        typer.echo(printable(f"No server runs on {data or DATA}; this is how the folder stands."))
    if "rows" in found:
        row_table(found["rows"])
    else:
        lane_table(found["lanes"], running=running, fill=found.get("fill", 0.0))


@queue.command()
def show(
    number: Annotated[int, typer.Argument(metavar="NUMBER")],
    *,
    dead: Dead = False,
    waiting: Waiting = False,
    whole: Annotated[bool, typer.Option("--whole", help="With all values in clear. That is logged.")] = False,
    format: Annotated[Literal["text", "json"], typer.Option(help="For people or for programs.")] = "text",
    data: Data = None,
    store: Store = None,
    secrets_dir: SecretsDir = None,
) -> None:
    """Show a dead letter, or with --waiting a delivery that waits: its request or hit, and what was tried."""
    place = place_of(dead=dead, waiting=waiting, reason=None) or "dead"

    async def work() -> dict[str, Any]:
        async with reached_by(store, data, secrets_dir=secrets_dir) as control:
            return await row_of(control, place, number, whole=whole)

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
    data: Data = None,
    store: Store = None,
    secrets_dir: SecretsDir = None,
) -> None:
    """Send dead letters again, as if they had just come."""
    rows = chosen(numbers, lane, reason, every, place="dead")
    _do("replay", rows, reached_by(store, data, config, secrets_dir=secrets_dir), yes=yes)


@queue.command()
def drop(
    numbers: Numbers = None,
    *,
    lane: Lane = None,
    reason: Reason = None,
    every: Every = False,
    dead: Dead = False,
    waiting: Waiting = False,
    yes: Yes = False,
    data: Data = None,
    store: Store = None,
    secrets_dir: SecretsDir = None,
) -> None:
    """Delete rows for ever: dead letters, or with --waiting deliveries that wait.

    With --lane or --all one of --dead and --waiting has to be there.
    """
    place = place_of(dead=dead, waiting=waiting, reason=reason)
    rows = chosen(numbers, lane, reason, every, place=place)
    _do("drop", rows, reached_by(store, data, secrets_dir=secrets_dir), yes=yes)


@queue.command()
def pause(
    lane: Annotated[int, typer.Argument(metavar="LANE")],
    *,
    data: Data = None,
    store: Store = None,
    secrets_dir: SecretsDir = None,
) -> None:
    """Stop a lane: its deliveries wait until it is resumed."""
    _set(lane, reached_by(store, data, secrets_dir=secrets_dir), paused=True)


@queue.command()
def resume(
    lane: Annotated[int, typer.Argument(metavar="LANE")],
    *,
    data: Data = None,
    store: Store = None,
    secrets_dir: SecretsDir = None,
) -> None:
    """Let a lane go on, and try it at once if it waits after a failure."""
    _set(lane, reached_by(store, data, secrets_dir=secrets_dir), paused=False)


@queue.command("export")
def export_(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, allow_dash=True)],
    *,
    lane: Lane = None,
    dead: Dead = False,
    waiting: Waiting = False,
    reason: Reason = None,
    data: Data = None,
    store: Store = None,
    secrets_dir: SecretsDir = None,
) -> None:
    """Write rows to a file, all or some, in clear: one line of JSON each. `-` is the standard output."""
    place = place_of(dead=dead, waiting=waiting, reason=reason)

    async def work() -> tuple[int, int]:
        async with reached_by(store, data, secrets_dir=secrets_dir) as control:
            await check_lane(control, lane)
            return await export_rows(control, file, place=place, lane=lane, reason=reason)

    written, unread = carried_out(work)
    typer.echo(f"{written} rows were written.", err=True)
    if unread > 0:
        typer.echo(f"{unread} are not among them: damaged, or their key is not here.", err=True)
        raise typer.Exit(1)


@queue.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, allow_dash=True)],
    *,
    data: Data = None,
    store: Store = None,
    secrets_dir: SecretsDir = None,
) -> None:
    """Take over the rows of an export. Those that are here already are skipped."""

    async def work() -> dict[str, int]:
        async with reached_by(store, data, secrets_dir=secrets_dir) as control:
            return await import_rows(control, file)

    found = carried_out(work)
    typer.echo(f"{found['taken']} rows were taken, {found['known']} were here already.")
    if found["damaged"]:
        typer.echo(f"{found['damaged']} lines are no rows, or were changed: they were left out.", err=True)
    if found["full"]:
        typer.echo(f"{found['full']} rows did not fit: import the file again when there is room.", err=True)
    if found["damaged"] or found["full"]:
        raise typer.Exit(1)


def _set(lane: int, way: AbstractAsyncContextManager[Control], *, paused: bool) -> None:
    async def work() -> None:
        async with way as control:
            await check_lane(control, lane)
            await control.ask(f"/lanes/{lane}/{'pause' if paused else 'resume'}", {})

    carried_out(work)
    typer.echo(f"Lane {lane} is paused." if paused else f"Lane {lane} goes on.")


def _do(action: Action, rows: Chosen, way: AbstractAsyncContextManager[Control], *, yes: bool) -> None:
    """Has it done to the chosen rows, once somebody has said yes."""

    async def work() -> dict[str, Any] | None:
        async with way as control:
            selected = await meant(control, action, rows, yes=yes)
            if selected is None:
                return None
            with progress(action) as shown:
                return await job_done(control, f"/{action}", selected, shown)

    job = carried_out(work)
    lines, fine = ([NOTHING_TO_DO], True) if job is None else outcome_lines(job)
    typer.echo("\n".join(lines))
    if not fine:
        raise typer.Exit(1)
