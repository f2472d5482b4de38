"""`test FILE`: runs the tests of a container file, and says what differs from what they expect."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from container.cli.rewrite_file import rewrite_file
from container.cli.sources import Sources, read, secrets_from
from container.cli.validate import File
from container.config.load import Loaded, load
from container.config.problem import printable
from container.config.registry import Registry, discover
from container.engine.agree import dotted
from container.engine.story import Told, secret_text, tell
from container.engine.update import Updated, updated


def run_tests(
    file: File, *, update: Annotated[bool, typer.Option("--update", help="Rewrite what differs in the file.")] = False
) -> None:
    """Run the container's own tests. Sends nothing."""
    registry = discover()
    found = read(Sources(file, registry, os.environ, secrets_from(None, os.environ)))
    if found.problems:
        typer.echo(found.report(), err=True)
    if found.model is None:
        raise typer.Exit(1)
    before = _told(file, found.text, registry)
    new = _rewrite(file, registry) if update else Updated(found.text)
    after = _told(file, new.text, registry) if update else before
    changed = {told.story.name for told in before if not told.passed}
    typer.echo("\n".join(_report(str(file), after, changed if update else (), new.refused)))
    if not all(told.passed for told in after):
        raise typer.Exit(1)


def _told(file: Path, text: str, registry: Registry) -> Sequence[Told]:
    model = _load(file, text, registry).model
    return () if model is None else list(tell(model))


def _load(file: Path, text: str, registry: Registry) -> Loaded:
    """The container as its tests see it."""
    return load(
        text,
        filename=str(file),
        registry=registry,
        environment=os.environ,
        secrets=secret_text,
        strict_environment=False,
        folder=file.parent,
    )


def _rewrite(file: Path, registry: Registry) -> Updated:
    """Rewrites the expectations in the file, if any differ. The text of the file as it then is, and what stayed."""
    try:
        # As bytes: reading text would turn the ends of its lines into others.
        before = file.read_bytes().decode("utf-8")
        new = updated(before, lambda text: _load(file, text, registry))
        if new.text != before:
            rewrite_file(file, new.text.encode("utf-8"))
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        sentence = f"{file} cannot be rewritten: {reason}. It is as it was. Allow writing to it and its folder."
        typer.echo(printable(sentence), err=True)
        raise typer.Exit(1) from None
    return new


def _report(
    filename: str, found: Sequence[Told], changed: Iterable[str], refused: Mapping[tuple[str | int, ...], str]
) -> Iterable[str]:
    for told in found:
        word = "FAILED" if not told.passed else "updated" if told.story.name in changed else "ok"
        yield f"{word:<8}{printable(told.story.name)}"
        yield from (f"        {printable(line)}" for line in told.lines())
        for path, reason in refused.items():
            if path[:2] == ("tests", told.story.name):
                yield f"        {printable(dotted(path[2:]))} is not rewritten: it {reason}. Change it by hand."
    failed = sum(not told.passed for told in found)
    counts = [f"{len(found) - failed} passed", f"{failed} failed"] if failed else [f"{len(found)} passed"]
    yield f"{printable(filename)}: {', '.join(counts) if found else 'no tests'}"
