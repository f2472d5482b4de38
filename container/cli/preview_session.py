"""A session of preview on a server: started, given drafts, looked after, and shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from container.cli.admin_api import AdminApi, Answer, ApiError, UnreachableError
from container.config.hide import hidden_in
from container.config.problem import Problem, as_text, printable
from container.config.source import LARGEST_FILE

TOKEN = "TAG_CONTAINER_ADMIN_TOKEN"  # noqa: S105  # the name of the variable
SESSIONS = "/preview/sessions"

_NO_PREVIEW = "what answers there is no preview of tag-container"
_OVER = (
    f"the session has ended on the server, and marked hits now run live, or {TOKEN} is no longer the server's; "
    "start the command again"
)
NOTHING_RUNS = "it does not run, and its preview is over"
LIVE_RUNS = "marked hits run through the live file until it is mended"
GOES_ON = "what ran before goes on"
"""What is so when a draft does not run: without `--watch`, before one has run, and after that."""

_MOST_NAMED = 10
_LONGEST_SECONDS = 7 * 24 * 3600
"""Whatever a server says, no session lasts longer."""


class OverError(ApiError):
    """There is no such session any more."""


@dataclass(frozen=True, slots=True)
class Session:
    """What the server says of a session. Everything is shown as it came, without what a terminal would obey.

    `ends`: in Unix seconds, 0 where the server does not say it.
    """

    id: str
    page: str
    link: str
    header: tuple[str, str]
    curl: str
    mode: str
    ends: float


def started(api: AdminApi) -> Session:
    """A new session. Raises `ApiError`."""
    answer = api.ask("POST", SESSIONS, b"{}", "application/json")
    if answer.status != 201:
        raise _refused(answer)
    return _session(answer)


def looked_at(api: AdminApi, session: Session) -> Session:
    """The session as it is now. Raises `OverError` when it has ended, and `ApiError`."""
    answer = api.ask("GET", f"{SESSIONS}/{session.id}")
    if answer.status != 200:
        raise _refused(answer, OverError(_OVER))
    return _session(answer)


def ended(api: AdminApi, session: Session) -> None:
    """Nothing of it is left behind, if the server hears that."""
    with suppress(ApiError):
        api.ask("DELETE", f"{SESSIONS}/{session.id}")


def sent(api: AdminApi, session: Session, draft: Path, content: bytes, *, otherwise: str) -> bool:
    """Sends the draft and says what became of it. Whether it runs now. Raises `OverError`, and `ApiError`.

    `otherwise`: what is so if it does not run, as the end of a sentence.
    """
    answer = api.ask("PUT", f"{SESSIONS}/{session.id}/draft", content, "text/yaml")
    match answer.status:
        case 200 | 422:
            said = answer.json()
        case 413:
            typer.echo(f"The draft is larger than 1 MB: {otherwise}.", err=True)
            return False
        case _:
            raise _refused(answer, OverError(_OVER))
    errors = _tell(said, draft, content)
    if answer.status == 200:
        failed, tests = _tests(said)
        if failed:
            typer.echo(f"{tests} Run tag-container test {printable(str(draft))} to see why.", err=True)
        typer.echo(" ".join(filter(None, ("The draft runs now.", "" if failed else tests, _changed(said)))))
        return True
    said_so = f"The draft has {errors} error{'' if errors == 1 else 's'}"
    typer.echo(f"{said_so}: {otherwise}.", err=True)
    return False


def shown(api: AdminApi, session: Session) -> str:
    """How to look on, and how to mark a hit."""
    name, value = session.header
    page = session.page if session.page.startswith("http") else f"{api.address}{session.page}"
    where = "" if session.link.startswith("http") else " (on the public host)"
    lines = {
        "Watch": f"{page} (in a browser that has not been there before, open {api.address}/ first)",
        "Mark your browser": f"{session.link}{where}",
        "Mark anything else": f"{name}: {value}",
        "Try it": session.curl,
        "Mode": {"dry": "dry run, nothing leaves", "test": "test events"}.get(session.mode, session.mode),
    }
    width = max(map(len, lines)) + 1
    return "\n".join(f"{key + ':':<{width}} {printable(line)}" for key, line in lines.items())


def lasting(session: Session, *, now: float) -> str:
    """How long the session lives, as the end of a sentence. `now`: Unix time in seconds."""
    minutes = math.ceil(min(session.ends - now, _LONGEST_SECONDS) / 60)
    if minutes <= 0:
        return "until it ends"
    parts = zip(divmod(minutes, 60), ("hour", "minute"), strict=True)
    said = " ".join(f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in parts if number)
    return f"for {said}, and longer while it is used"


def reason(problem: Exception) -> str:
    return (problem.strerror or str(problem)) if isinstance(problem, OSError) else str(problem)


def _session(answer: Answer) -> Session:
    said = answer.json()
    try:
        found = Session(
            id=str(said["id"]),
            page=str(said["page"]),
            link=str(said["link"]),
            header=(str(said["header"]["name"]), str(said["header"]["value"])),
            curl=str(said["curl"]),
            mode=str(said["mode"]),
            ends=float(said.get("ends") or 0),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ApiError(_NO_PREVIEW) from None
    if not found.id.replace("-", "").replace("_", "").isalnum() or not found.id.isascii():
        raise ApiError(_NO_PREVIEW)
    return found


def _tell(said: Mapping[str, Any], draft: Path, content: bytes) -> int:
    """Shows the problems as `validate` does. How many of them are errors."""
    try:
        problems = [_problem(each) for each in said["problems"]]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ApiError(_NO_PREVIEW) from None
    if problems:
        # Of what is too large to be a container file no line is worth showing.
        text = "" if len(content) > LARGEST_FILE else content.decode("utf-8-sig", "replace")
        listed = as_text(problems, filename=printable(str(draft)), text=text, hidden=hidden_in(text))
        typer.echo(f"{listed}\n", err=True)
    return sum(each.level == "error" for each in problems)


def _problem(said: Mapping[str, Any]) -> Problem:
    line, column, length = (max(1, min(int(said[name]), LARGEST_FILE)) for name in ("line", "column", "length"))
    code, sentence, hint = (printable(str(said[name])) for name in ("code", "sentence", "hint"))
    return Problem(code, "error" if said["level"] == "error" else "warning", line, column, length, sentence, hint)


def _tests(said: Mapping[str, Any]) -> tuple[int, str]:
    """How many of the draft's own tests fail, and what is said of them. A server may know nothing of tests."""
    tests = said.get("tests") or {}
    try:
        return int(tests.get("failed", 0)), printable(str(tests.get("said", "")))
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise ApiError(_NO_PREVIEW) from None


def _changed(said: Mapping[str, Any]) -> str:
    changes: Sequence[Mapping[str, Any]] = said.get("difference") or []
    if not changes:
        return "It is the same as the live file."
    try:
        first = changes[0]
        if not first["name"] and first["lines"]:
            # Of the file as a whole, which has no name, a sentence comes first.
            return printable(f"It is not the same as the live file. {str(first['lines'][0]).strip()}")
        named = [
            f'{each["kind"]} "{each["name"]}" {each["what"]}' if each["name"] else f"{each['kind']} {each['what']}"
            for each in changes[:_MOST_NAMED]
        ]
    except (KeyError, TypeError, IndexError):
        raise ApiError(_NO_PREVIEW) from None
    more = len(changes) - len(named)
    return printable("Changed: " + ", ".join(named) + (f" and {more} more" if more else "") + ".")


def _refused(answer: Answer, over: ApiError | None = None) -> ApiError:
    """Why the server does not do it. `over`: what a 404 means."""
    said = printable(answer.said(f"the server answers {answer.status}; its log says more"))
    match answer.status:
        case 404 if over is not None:
            return over
        case 401 | 403 | 404:
            return ApiError(f"there is no preview for this token there; see that {TOKEN} is the server's")
    # A proxy whose server is away says so, too.
    return UnreachableError(said) if answer.status >= 500 else ApiError(said)
