"""`preview DRAFT`: a draft runs on a server beside the live container, for marked hits only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from container.cli.admin_api import AdminApi, Answer, ApiError, server_address
from container.cli.reload import digest, watch
from container.cli.starting import admin_token
from container.config.hide import hidden_in
from container.config.problem import Problem, as_text, printable
from container.config.source import LARGEST_FILE

TOKEN = "TAG_CONTAINER_ADMIN_TOKEN"  # noqa: S105  # the name of the variable
SERVER = "http://127.0.0.1:8081"
SESSIONS = "/preview/sessions"

Draft = Annotated[
    Path, typer.Argument(metavar="DRAFT", exists=True, dir_okay=False, readable=True, help="The container file to try.")
]


@dataclass(frozen=True, slots=True)
class _Session:
    """What the server says of a session. Everything is shown as it came, without what a terminal would obey."""

    id: str
    page: str
    link: str
    header: tuple[str, str]
    curl: str
    mode: str


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
    try:
        api = AdminApi(server_address(server), token)
    except ValueError as problem:
        raise typer.BadParameter(f"--server: {problem}") from None
    if api.is_plain:
        typer.echo("The token goes to the server unencrypted: better use https, or a tunnel.", err=True)
    try:
        _carried_out(api, draft, watches=watch)
    except (ApiError, OSError) as problem:
        typer.echo(printable(f"tag-container preview: {_reason(problem)}"), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("The draft is no longer sent again. The session goes on until it ends.", err=True)


def _carried_out(api: AdminApi, draft: Path, *, watches: bool) -> None:
    known = digest(draft)
    content = _content(draft)
    session = _started(api)
    accepted = _sent(api, session, draft, content)
    if not accepted and not watches:
        api.ask("DELETE", f"{SESSIONS}/{session.id}")
        raise typer.Exit(1)
    typer.echo(_shown(api, session))
    if watches:
        asyncio.run(_again_and_again(api, session, draft, known))


async def _again_and_again(api: AdminApi, session: _Session, draft: Path, known: bytes) -> None:
    wanted = asyncio.Event()
    watching = asyncio.create_task(watch(draft, known, wanted))
    typer.echo("Watching the file. Ctrl-C ends that.", err=True)
    try:
        while True:
            await wanted.wait()
            wanted.clear()
            try:
                content = _content(draft)
            except OSError as problem:
                typer.echo(printable(f"{draft}: {_reason(problem)}"), err=True)
                continue
            await asyncio.to_thread(_sent, api, session, draft, content)
    finally:
        watching.cancel()


def _started(api: AdminApi) -> _Session:
    answer = api.ask("POST", SESSIONS, b"{}", "application/json")
    if answer.status != 201:
        raise ApiError(_why_not(answer))
    said = answer.json()
    try:
        found = _Session(
            id=str(said["id"]),
            page=str(said["page"]),
            link=str(said["link"]),
            header=(str(said["header"]["name"]), str(said["header"]["value"])),
            curl=str(said["curl"]),
            mode=str(said["mode"]),
        )
    except (KeyError, TypeError):
        raise ApiError("what answers there is no preview of tag-container") from None
    if not found.id.replace("-", "").replace("_", "").isalnum() or not found.id.isascii():
        raise ApiError("what answers there is no preview of tag-container")
    return found


def _sent(api: AdminApi, session: _Session, draft: Path, content: bytes) -> bool:
    """Sends the draft and says what became of it. Whether it runs now."""
    answer = api.ask("PUT", f"{SESSIONS}/{session.id}/draft", content, "text/yaml")
    if answer.status not in (200, 422):
        raise ApiError(_why_not(answer))
    said = answer.json()
    try:
        problems = [_problem(each) for each in said["problems"]]
    except (KeyError, TypeError, ValueError):
        raise ApiError("what answers there is no preview of tag-container") from None
    if problems:
        # Of what is too large to be a container file no line is worth showing.
        text = "" if len(content) > LARGEST_FILE else content.decode("utf-8-sig", "replace")
        typer.echo(
            as_text(problems, filename=printable(str(draft)), text=text, hidden=hidden_in(text)) + "\n", err=True
        )
    errors = sum(each.level == "error" for each in problems)
    if answer.status == 200:
        changes = said.get("difference") or []
        typer.echo(f"The draft runs now. {_changed(changes)}")
        return True
    said_so = f"The draft has {errors} error{'' if errors == 1 else 's'}"
    typer.echo(f"{said_so}: what ran before goes on.", err=True)
    return False


def _problem(said: Mapping[str, Any]) -> Problem:
    line, column, length = (max(1, min(int(said[name]), LARGEST_FILE)) for name in ("line", "column", "length"))
    code, sentence, hint = (printable(str(said[name])) for name in ("code", "sentence", "hint"))
    return Problem(code, "error" if said["level"] == "error" else "warning", line, column, length, sentence, hint)


def _changed(changes: Sequence[Mapping[str, Any]]) -> str:
    if not changes:
        return "It is the same as the live file."
    named = [f'{each["kind"]} "{each["name"]}" {each["what"]}' for each in changes[:_MOST_NAMED]]
    more = len(changes) - len(named)
    return printable("Changed: " + ", ".join(named) + (f" and {more} more" if more else "") + ".")


_MOST_NAMED = 10


def _shown(api: AdminApi, session: _Session) -> str:
    name, value = session.header
    page = session.page if session.page.startswith("http") else f"{api.address}{session.page}"
    where = "" if session.link.startswith("http") else " (on the public host)"
    lines = {
        "Watch": page,
        "Mark your browser": f"{session.link}{where}",
        "Mark anything else": f"{name}: {value}",
        "Try it": session.curl,
        "Mode": {"dry": "dry run, nothing leaves", "test": "test events"}.get(session.mode, session.mode),
    }
    width = max(map(len, lines)) + 1
    return "\n".join(f"{key + ':':<{width}} {printable(line)}" for key, line in lines.items())


def _content(path: Path) -> bytes:
    """What is sent of the file: of one that is too large so much that the server sees that it is."""
    with path.open("rb") as file:
        return file.read(LARGEST_FILE + 4)


def _why_not(answer: Answer) -> str:
    match answer.status:
        case 401 | 403 | 404:
            return (
                f"there is no preview for this token there, or the session has ended; see that {TOKEN} is the server's"
            )
        case 413:
            return "the draft is larger than 1 MB"
    return printable(answer.said(f"the server answers {answer.status}; its log says more"))


def _reason(problem: Exception) -> str:
    return (problem.strerror or str(problem)) if isinstance(problem, OSError) else str(problem)
