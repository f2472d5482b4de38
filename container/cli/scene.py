"""Where a container plays: with its real vendors, or in a demonstration with the sandbox beside it."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import typer

from container.cli.build import Built, build
from container.cli.demo import Demo, completed
from container.cli.listeners import Listener, address_of, bind
from container.cli.sources import Sources
from container.config.load import Secrets
from container.sandbox.app import sandbox_app
from container.sandbox.tiktok import tiktok

SANDBOX_PORT = 8082

logger = logging.getLogger("container.cli")


@dataclass(frozen=True, slots=True)
class Scene:
    """`endpoints`: of the sandbox by vendor, `None` without one. `notice`: what the demonstration changed."""

    built: Built
    secrets: Secrets
    endpoints: Mapping[str, str] | None = None
    sandbox: str = ""
    notice: str = ""


async def demo_scene(sources: Sources, opened: AsyncExitStack) -> Scene:
    """Starts the sandbox, and points at it whatever has nothing else to send to."""
    vendors = (tiktok(),)
    bound = _bound()
    sandbox = address_of(bound)
    endpoints = {vendor.name: sandbox + vendor.address for vendor in vendors}
    built = build(sources, endpoints)
    notice = demo_notice(built.demo) if built.demo else ""
    listener = Listener(sandbox_app(vendors, notice=notice), bound)
    await listener.start()
    opened.push_async_callback(listener.stop)
    for tag in built.demo.pointed if built.demo else ():
        logger.warning('demo.pointed tag="%s" to=%s', tag, sandbox)
    for tag in built.demo.paused if built.demo else ():
        logger.warning('demo.paused tag="%s" reason="it has unset references and no stand-in"', tag)
    return Scene(built, completed(sources).sources.secrets, endpoints, f"{sandbox}/", notice)


def demo_notice(demo: Demo) -> str:
    """What the demonstration changed, for the pages."""
    parts = ["This is a demonstration."]
    if demo.pointed:
        parts.append(f"References of these tags are not set, so they send to the sandbox: {_names(demo.pointed)}.")
    if demo.paused:
        parts.append(f"These tags are paused, since there is no stand-in for them: {_names(demo.paused)}.")
    return " ".join(parts)


def welcome(scene: Scene, *, public_at: str, admin_at: str, token: str) -> None:
    """Says on stdout what to open and what to try."""
    typer.echo(f"""
The container is running, with a sandbox in place of the vendors.
{scene.notice}

  Open     {scene.sandbox}   what the vendors received
           {admin_at}/   deliveries; any user name, and as the password the admin token
  Token    {token}
  Hits     {public_at}/g/collect

A purchase, as a browser would send it:

{purchase(public_at)}

It is on the sandbox's page a second later. Stop with Ctrl-C.
""")


def purchase(public_at: str) -> str:
    """A curl command that sends a complete purchase: consent granted, two items, a click id and a browser id."""
    page = "https%3A%2F%2Fwww.shop.example%2Fcheckout%2Fthanks%3Fttclid%3DE.C.P.demo-click"
    query = [
        "v=2&tid=G-DEMO&cid=1.2&sid=1&sct=1&seg=1&_p=1&gcs=G111",
        f"dl={page}&dt=Thanks&ul=en-gb",
        "en=purchase&cu=EUR&epn.value=64.9&ep.transaction_id=T-1001&ep.event_id=T-1001",
        "pr1=idSKU-1~nmTea%20pot~pr39.9~qt1&pr2=idSKU-2~nmCup~pr12.5~qt2",
    ]
    return f"""curl -i '{public_at}/g/collect?{"&".join(query)}' \\
  -H 'cookie: _ttp=2demoBrowserId000000000000' \\
  -H 'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36'"""


def _names(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _bound() -> socket.socket:
    """The sandbox's usual port, else any: somebody may be running two demonstrations."""
    try:
        return bind("127.0.0.1", SANDBOX_PORT)
    except OSError:
        return bind("127.0.0.1", 0)
