"""`preview DRAFT`: a draft runs on a server beside the live container, for marked hits only."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from container.cli.admin_api import AdminApi, ApiError, UnreachableError, server_address
from container.cli.preview_session import (
    GOES_ON,
    LIVE_RUNS,
    NOTHING_RUNS,
    TOKEN,
    OverError,
    Session,
    ended,
    lasting,
    looked_at,
    reason,
    sent,
    shown,
    started,
)
from container.cli.reload import digest, watch
from container.cli.starting import admin_token
from container.config.problem import printable
from container.config.source import LARGEST_FILE

SERVER = "http://127.0.0.1:8081"
LOOK_SECONDS = 3.0
"""So often a command that watches asks whether its session goes on."""

Draft = Annotated[
    Path, typer.Argument(metavar="DRAFT", exists=True, dir_okay=False, readable=True, help="The container file to try.")
]


def preview(
    draft: Draft,
    *,
    server: Annotated[str, typer.Option(metavar="URL", help="The admin listener of the server.")] = SERVER,
    watch: Annotated[bool, typer.Option("--watch", help="Send the draft again when the file changes.")] = False,
) -> None:
    """Try a draft on a running server: marked hits go through it, and nothing leaves unless you say so there."""
    token = admin_token(os.environ.get(TOKEN, ""))
    if not token:
        raise typer.BadParameter(f"{TOKEN} has to be set, to the admin token of the server")
    if not token.isascii():
        raise typer.BadParameter(f"{TOKEN} has letters that no header can hold: give the server another, all in ASCII")
    try:
        api = AdminApi(server_address(server), token)
    except ValueError as problem:
        raise typer.BadParameter(f"--server: {problem}") from None
    if api.is_plain:
        typer.echo("The token goes to the server unencrypted: better use https, or a tunnel.", err=True)
    try:
        _carried_out(api, draft, watches=watch)
    except (ApiError, OSError) as problem:
        typer.echo(printable(f"tag-container preview: {reason(problem)}"), err=True)
        raise typer.Exit(1) from None


def _carried_out(api: AdminApi, draft: Path, *, watches: bool) -> None:
    known = digest(draft)
    content = _content(draft)
    session = started(api)
    try:
        accepted = sent(api, session, draft, content, otherwise=LIVE_RUNS if watches else NOTHING_RUNS)
    except BaseException:
        # Also when it was interrupted: nobody else knows of the session yet.
        ended(api, session)
        raise
    if not accepted and not watches:
        ended(api, session)
        raise typer.Exit(1)
    typer.echo(shown(api, session))
    if watches:
        _Watching(api, draft, session, runs=accepted).until_interrupted(known)


@dataclass(slots=True)
class _Watching:
    """A draft that is sent again when it changes. `runs`: one of its versions without errors has come to the server.

    `waits`: it is still to be sent; `away`: nobody answers just now.
    """

    api: AdminApi
    draft: Path
    session: Session
    runs: bool
    waits: bool = False
    away: bool = False

    def until_interrupted(self, known: bytes) -> None:
        """Raises `ApiError` when the session has ended, and `OSError` when the file can no longer be watched."""
        try:
            asyncio.run(self._again_and_again(known))
        except KeyboardInterrupt:
            goes_on = (
                f"The session goes on {lasting(self.session, now=time.time())}: its page has a button that ends it."
            )
            typer.echo(f"The draft is no longer sent again. {goes_on}", err=True)

    async def _again_and_again(self, known: bytes) -> None:
        wanted = asyncio.Event()
        watching = asyncio.create_task(watch(self.draft, known, wanted))
        typer.echo("Watching the file. Ctrl-C ends that.", err=True)
        try:
            while True:
                self.waits |= await _is_wanted(wanted, watching)
                await asyncio.to_thread(self._turn)
        finally:
            watching.cancel()

    def _turn(self) -> None:
        """Sends the draft if it has changed, and looks whether the session goes on otherwise."""
        try:
            self._done()
        except OverError:
            raise
        except UnreachableError as problem:
            if not self.away:
                typer.echo(printable(f"tag-container preview: {reason(problem)}"), err=True)
                typer.echo("The file is still watched, and sent when the server answers.", err=True)
            self.away = True
            return
        except (ApiError, OSError) as problem:
            self.waits = False
            typer.echo(printable(f"{self.draft}: {reason(problem)}"), err=True)
        if self.away:
            typer.echo("The server answers again.", err=True)
        self.away = False

    def _done(self) -> None:
        if self.waits:
            otherwise = GOES_ON if self.runs else LIVE_RUNS
            self.runs |= sent(self.api, self.session, self.draft, _content(self.draft), otherwise=otherwise)
            self.waits = False
        else:
            self.session = looked_at(self.api, self.session)


async def _is_wanted(wanted: asyncio.Event, watching: asyncio.Task[None]) -> bool:
    """Whether the file has changed, or else it is time to look. Raises `OSError` when nobody watches any more."""
    waiting = asyncio.create_task(wanted.wait())
    try:
        await asyncio.wait((waiting, watching), timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if watching.done():
        raise OSError(f"the folder of the file can no longer be watched ({watching.exception() or 'it is gone'})")
    is_wanted = wanted.is_set()
    wanted.clear()
    return is_wanted


def _content(path: Path) -> bytes:
    """What is sent of the file: of one that is too large so much that the server sees that it is."""
    with path.open("rb") as file:
        return file.read(LARGEST_FILE + 4)
