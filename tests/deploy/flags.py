"""The flags of `serve`, as the command line itself knows them."""

from __future__ import annotations

from collections.abc import Sequence

from typer.main import get_command

from container.cli.main import app


def stated(arguments: Sequence[str]) -> dict[str, list[str]]:
    """The values of each flag in what follows `serve`. An unknown flag, and one without its value, fails."""
    serve = get_command(app).commands["serve"]  # type: ignore[attr-defined]  # it is a group
    known = {name: each for each in serve.params for name in each.opts}
    found: dict[str, list[str]] = {}
    rest = [part for argument in arguments for part in argument.split("=", 1)]
    while rest:
        flag = rest.pop(0)
        assert flag in known, f"{flag} is no flag of serve"
        assert flag not in found or known[flag].multiple, f"{flag} stands there twice"
        switch = known[flag].is_flag
        assert switch or rest, f"{flag} has no value"
        found.setdefault(flag, []).append("" if switch else rest.pop(0))
    return found
