"""`forget`: takes a person out of what waits, the dead letters and the guards."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import typer

from container.cli.control import Control
from container.cli.queue import Config
from container.cli.queue_store import Data, SecretsDir, Store, reached_by
from container.cli.working import carried_out, job_done, progress
from container.config.problem import printable
from container.delivery.forget import DEAD, GUARDS, PREVIEWS, RECORDED, SEEN, WAITING
from container.delivery.person import NobodyError, person

SPOOLS = "Spools of servers were not searched: hits that wait in one come to the database later. Run it again then."


def forget(
    *,
    email: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Their e-mail address.")] = None,
    phone: Annotated[str | None, typer.Option(metavar="NUMBER", help="Their phone number, with its country.")] = None,
    user_id: Annotated[str | None, typer.Option(metavar="ID", help="The user id that your site gave them.")] = None,
    client_id: Annotated[str | None, typer.Option(metavar="ID", help="The client id of their browser.")] = None,
    event_id: Annotated[str | None, typer.Option(metavar="ID", help="The id of one event.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many there are.")] = False,
    config: Config = None,
    data: Data = None,
    store: Store = None,
    secrets_dir: SecretsDir = None,
) -> None:
    """Delete what is kept of a person, and say how much it was."""
    stated = {"email": email, "phone": phone, "user_id": user_id, "client_id": client_id, "event_id": event_id}
    try:
        person(**stated)
    except NobodyError as problem:
        raise typer.BadParameter(str(problem)) from None
    if not carried_out(
        lambda: _forgotten(
            stated, reached_by(store, data, config, secrets_dir=secrets_dir, command="forget"), dry_run=dry_run
        )
    ):
        raise typer.Exit(1)


async def _forgotten(
    stated: dict[str, str | None], reaching: AbstractAsyncContextManager[Control], *, dry_run: bool
) -> bool:
    """Whether nothing of the person is left that doing this again would find."""
    async with reaching as control:
        with progress("forget") as shown:
            job = await job_done(control, "/forget", {**stated, "dry_run": dry_run}, shown)
    typer.echo(_sentence(job, dry_run=dry_run))
    if control.shared:
        typer.echo(SPOOLS)
    for why, rows in job["kept"].items():
        typer.echo(f"{rows} stay: {printable(why)}.", err=True)
    if job["left"]:
        typer.echo(printable(job["left"]), err=True)
    # What the owner of the tables has to do is not done by doing this again.
    return not job["kept"] and not job["left"].startswith(RECORDED) and not job["left"].endswith(SEEN)


def _sentence(job: dict[str, Any], *, dry_run: bool) -> str:
    found = job["changed"]
    counts = f"{found[WAITING]} waiting deliveries, {found[DEAD]} dead letters, {found[GUARDS]} guards"
    if found.get(PREVIEWS):
        # They are nobody's in particular.
        counts += f", and all {found[PREVIEWS]} {PREVIEWS}, whoever they are of,"
    return f"{counts} would be deleted." if dry_run else f"{counts} were deleted."
