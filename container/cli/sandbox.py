"""`sandbox`: the stand-in vendors alone."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Annotated

import typer
import uvloop

from container.cli.crowd import sandbox_crowd
from container.cli.listeners import Listener, address_of, bind
from container.cli.log_setup import log_to_stderr
from container.sandbox.app import sandbox_app


def sandbox(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] = 8082,
) -> None:
    """Run the stand-in vendors alone."""
    log_to_stderr("INFO")
    try:
        bound = bind(host, port)
    except OSError as problem:
        typer.echo(f"{host}:{port} cannot be listened on: {problem.strerror}. Choose another with --port.", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"The sandbox is at {address_of(bound)}/")
    uvloop.run(_run(bound))


async def _run(bound: socket.socket) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listener = Listener(sandbox_app(), bound, crowd=sandbox_crowd())
    await listener.start()
    await stop.wait()
    await listener.stop()
