"""How the command line shows long work: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from container.cli.control import Control, ControlError, Document
from container.config.problem import printable

LOOK_EVERY_SECONDS = 0.1
TOLD_AT = 10
"""Without a terminal a line is written each time that so many hundredths more are done."""

T = TypeVar("T")
Told = Callable[[int, int], None]
"""Takes how much is done, and of how much."""


def carried_out(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the work returns; a no is said on stderr, and ends the command with 1."""
    try:
        return asyncio.run(work())
    except ControlError as problem:
        typer.echo("\n".join(map(printable, str(problem).splitlines())), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted: what was done is done.", err=True)
        raise typer.Exit(1) from None


async def job_done(control: Control, path: str, document: Document, shown: Told) -> dict[str, Any]:
    """Begins a job, and returns it when it has ended. Raises `ControlError` if it failed.

    Whoever is interrupted meanwhile stops the job, too: else it would go on unseen.
    """
    beginning = asyncio.ensure_future(control.ask(path, document))
    try:
        job: dict[str, Any] = (await asyncio.shield(beginning))["job"]
        while True:
            shown(job["done"], job["total"])
            if job["state"] == "failed":
                raise ControlError(job["problem"])
            if job["state"] == "done":
                return job
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            job = (await control.ask(f"/jobs/{job['number']}"))["job"]
    except asyncio.CancelledError:
        begun = (await beginning)["job"]
        await control.ask(f"/jobs/{begun['number']}/cancel", {})
        raise


@contextmanager
def progress(what: str, console: Console | None = None) -> Iterator[Told]:
    """Shows how far something is, on stderr."""
    console = console or Console(stderr=True, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        yield _lines(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=max(total, done))


def _lines(what: str) -> Told:
    told = 0

    def tell(done: int, total: int) -> None:
        nonlocal told
        part = done * 100 // total if total else 0
        if part >= told + TOLD_AT:
            told = part - part % TOLD_AT
            typer.echo(f"{what}: {done} of {total}", err=True)

    return tell
