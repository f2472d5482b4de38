"""Where a container plays: with its real vendors, or in a demonstration with the sandbox beside it."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import typer

from container.cli.build import Built, build
from container.cli.crowd import sandbox_crowd
from container.cli.demo import Demo, completed
from container.cli.listeners import Listener, address_of, bind
from container.cli.sources import Sources
from container.config.load import Secrets
from container.delivery.told import quoted
from container.sandbox.app import sandbox_app
from container.sandbox.vendors import vendors as all_vendors

SANDBOX_PORT = 8082

logger = logging.getLogger("container.cli")


@dataclass(slots=True)
class Stage:
    """What a demonstration changes in the container in force, for the sandbox's page. A reload changes it."""

    notice: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """`endpoints`: of the sandbox by vendor, `None` without one. `stage`: what the demonstration changed."""

    built: Built
    secrets: Secrets
    endpoints: Mapping[str, str] | None = None
    sandbox: str = ""
    stage: Stage = field(default_factory=Stage)

    def played(self, built: Built) -> str:
        """A container comes into force: the log and the pages say what is not as the file says. The notice."""
        if built.demo is not None and self.endpoints is not None:
            self.stage.notice = demo_notice(built.demo)
            _tell(built.demo, self.sandbox)
        return self.stage.notice


async def demo_scene(sources: Sources, opened: AsyncExitStack) -> Scene:
    """Starts the sandbox, and points at it whatever has nothing else to send to."""
    vendors = all_vendors()
    bound = _bound()
    sandbox = address_of(bound)
    endpoints = {vendor.name: sandbox + vendor.address for vendor in vendors}
    stage = Stage()
    listener = Listener(sandbox_app(vendors, notice=lambda: stage.notice), bound, crowd=sandbox_crowd())
    await listener.start()
    opened.push_async_callback(listener.stop)
    built = build(sources, endpoints)
    return Scene(built, completed(sources).sources.secrets, endpoints, f"{sandbox}/", stage)


def demo_notice(demo: Demo) -> str:
    """Where each tag sends in this demonstration, for the log's reader and for the pages."""
    parts = ["This is a demonstration."]
    if demo.pointed:
        parts.append(f"References of these tags are not set, so they send to the sandbox: {_names(demo.pointed)}.")
    else:
        parts.append("Nothing is sent to the sandbox: it takes only tags whose references are not set.")
    if demo.paused:
        parts.append(f"These tags are paused, since there is no stand-in for them: {_names(demo.paused)}.")
    if demo.real:
        parts.append(f"Everything is set for these tags, so they send to their vendors for real: {_names(demo.real)}.")
    return " ".join(parts)


def welcome(scene: Scene, *, public_at: str, admin_at: str, token: str) -> None:
    """Says on stdout what to open and what to try. `token`: empty when it is the operator's own."""
    demo = scene.built.demo
    after = (
        "It is on the sandbox's page a second later."
        if demo is None or demo.pointed
        else "It does not appear in the sandbox, see above; the admin page shows what became of it."
    )
    client = _ga4(scene.built)
    hits = f"{public_at}{quote(client.paths[0])}" if client else "the file has no client of the type ga4"
    tried = f"A purchase, as a browser would send it:\n\n{purchase(hits, client)}\n\n{after}" if client else ""
    typer.echo(f"""
The container is running, with a sandbox beside it.
{scene.stage.notice}

  Open     {scene.sandbox}   what the sandbox received
           {admin_at}/   deliveries and preview; any user name, and as the password the admin token
  Token    {token or "the one in TAG_CONTAINER_ADMIN_TOKEN"}
  Hits     {hits}

{tried}

Stop with Ctrl-C.
""")


def _ga4(built: Built) -> Any:
    """The settings of the first client that takes hits of a browser, `None` without one."""
    clients = () if built.loaded.model is None else built.loaded.model.clients.values()
    return next((each.settings for each in clients if each.component.type == "ga4"), None)


def purchase(hits: str, client: Any) -> str:
    """A curl command that sends a complete purchase: consent granted, two items, a click id and a browser id."""
    page = "https%3A%2F%2Fwww.shop.example%2Fcheckout%2Fthanks%3Fttclid%3DE.C.P.demo-click%26fbclid%3Ddemo-click"
    query = [
        f"v=2&tid={quote(next(iter(client.measurement_ids), 'G-DEMO'))}&cid=1.2&sid=1&sct=1&seg=1&_p=1&gcs=G111",
        f"dl={page}&dt=Thanks&ul=en-gb",
        "en=purchase&cu=EUR&epn.value=64.9&ep.transaction_id=T-1001&ep.event_id=T-1001",
        "pr1=idSKU-1~nmTea%20pot~pr39.9~qt1&pr2=idSKU-2~nmCup~pr12.5~qt2",
    ]
    return f"""curl -i '{hits}?{"&".join(query)}' \\
  -H 'cookie: _ttp=2demoBrowserId000000000000; _fbp=fb.1.1767261600000.1234567890' \\
  -H 'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36'"""


def _tell(demo: Demo, sandbox: str) -> None:
    for tag in demo.pointed:
        logger.warning("demo.pointed tag=%s to=%s", quoted(tag), sandbox.rstrip("/"))
    for tag in demo.paused:
        logger.warning('demo.paused tag=%s reason="it has unset references and no stand-in"', quoted(tag))
    for tag, address in demo.real.items():
        line = 'demo.real tag=%s to=%s reason="its references are all set"'
        logger.warning(line, quoted(tag), address or "vendor")


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _bound() -> socket.socket:
    """The sandbox's usual port, else any: somebody may be running two demonstrations."""
    try:
        return bind("127.0.0.1", SANDBOX_PORT)
    except OSError:
        return bind("127.0.0.1", 0)
