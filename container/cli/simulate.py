"""`simulate`: hits in, outcomes out, one JSON object per line. Nothing is sent and nothing is kept."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO

import orjson
import typer

from container.case import CaseError, hit_from_json
from container.cli.sources import Sources, read, secrets_from
from container.config.problem import printable
from container.config.registry import discover
from container.engine.compile import compile_container
from container.engine.container import Container
from container.engine.guards import Memory
from container.engine.simulate import simulate as outcome_json

Config = Annotated[
    Path, typer.Option("--config", exists=True, dir_okay=False, readable=True, help="The container file.")
]
Hits = Annotated[
    Path | None,
    typer.Argument(
        metavar="HITS", exists=True, dir_okay=False, allow_dash=True, help="One JSON hit per line; else stdin."
    ),
]


def simulate(config: Config, hits: Hits = None) -> None:
    """One JSON hit per line in (file or stdin), one JSON outcome per line out; sends nothing."""
    found = read(Sources(config, discover(), os.environ, secrets_from(None, os.environ)))
    if found.problems:
        typer.echo(found.report(), err=True)
    if found.model is None:
        raise typer.Exit(1)
    container = compile_container(found.model)
    from_stdin = hits is None or str(hits) == "-"
    with nullcontext(sys.stdin.buffer) if hits is None or from_stdin else hits.open("rb") as lines:
        fine = _simulate_lines(container, lines)
    if not fine:
        raise typer.Exit(1)


def _simulate_lines(container: Container, lines: BinaryIO) -> bool:
    """Writes an outcome for each hit, and for each line that is none a sentence on stderr. Whether all were hits."""
    fine = True
    guards = Memory()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            hit = hit_from_json(orjson.loads(line))
        except orjson.JSONDecodeError as problem:
            fine = _complain(number, f"The line is no JSON: {problem}.")
        except CaseError as problem:
            fine = _complain(number, str(problem))
        else:
            sys.stdout.buffer.write(orjson.dumps(outcome_json(container, hit, guards)) + b"\n")
            sys.stdout.buffer.flush()
    return fine


def _complain(number: int, sentence: str) -> bool:
    typer.echo(printable(f"line {number}: {sentence}"), err=True)
    return False
