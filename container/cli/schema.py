"""`schema`: the JSON Schema of a container file, with which editors complete and check it."""

from __future__ import annotations

import json

import typer

from container.config.reference import json_schema
from container.config.registry import discover


def schema() -> None:
    """The JSON Schema of a container file, with which editors complete and check it."""
    typer.echo(json.dumps(json_schema(discover()), indent=2, ensure_ascii=False))
