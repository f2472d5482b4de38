"""Preview in the process: what its pages, its recorder and the hits' way in have to do with each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from container.cli.engine import Engine
from container.cli.options import Options
from container.config.registry import Registry
from container.delivery.judging import judges_of
from container.preview.api import PreviewApi
from container.preview.codes import code_field
from container.preview.controls import Controls
from container.preview.in_force import InForce
from container.preview.marks import Ignored
from container.preview.pages import PreviewPages
from container.preview.publishing import Publisher
from container.preview.recorder import Recorder, Seen
from container.preview.sessions import Sessions, Standing
from container.preview.shared import share
from container.preview.workbench import Workbench
from container.web.hosts import is_inside
from container.web.ingest import Ingest
from container.web.previewing import Previewing

LOOK_SECONDS = 30.0
"""So often sessions that are over are looked for: none may last on because nobody asks for it."""


@dataclass(frozen=True, slots=True)
class Previews:
    """Everything of preview that a process has. `close`: ends the streams of its pages, so that their listener can."""

    sessions: Sessions
    recorder: Recorder
    pages: PreviewPages
    publisher: Publisher | None
    close: Callable[[], None]
    ignored: Ignored

    async def keep(self) -> None:
        """Ends sessions when they are over, and tells of marks that lead nowhere, until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.sessions.expire(self.recorder.clock())
            self.ignored.tell()


async def open_previews(
    options: Options,
    engine: Engine,
    ingest: Ingest,
    registry: Registry,
    opened: AsyncExitStack,
    *,
    clock: Callable[[], float],
    publisher: Publisher | None,
    public: str,
) -> Previews:
    """Puts preview beside the hits' way in: they meet it while a session is open, and only then.

    `clock`: Unix time in seconds. `publisher`: what writes the container file, if preview may. `public`: the address of
    the public listener as visitors know it, empty when nobody said it. What is under way ends with `opened`.
    """
    current = engine.current
    sessions = Sessions(lambda is_open: _put(ingest, previewing if is_open else None), tails=options.tail)
    in_force = InForce(lambda: current.live)

    def counted(seen: Seen) -> None:
        engine.metrics.previewed(seen)
        if seen == "ignored":
            ingest.ignored.saw()

    judges = judges_of(registry.of_kind("tag"))
    recorder = Recorder(
        sessions,
        in_force.compiled,
        engine.transport,
        judges,
        strangers=engine.strangers,
        counted=counted,
        left=engine.metrics.preview_sent,
        controls=Controls(engine.store.lanes, delivers=options.delivers),
        clock=clock,
    )
    for mode, gauge in engine.metrics.preview_sessions.items():
        gauge.set_function(partial(_standing, sessions, clock, mode))
    previewing = Previewing(recorder, engine.metrics, options.prefix)
    # Without a database there is one process, which has its sessions to itself.
    if options.store:
        unshared = engine.metrics.not_shared
        shared = await share(sessions, engine.store.previews, in_force.file, clock=clock, counted=unshared)
        # After the recorder, whose last records the others are to see.
        opened.push_async_callback(shared.close)
    opened.push_async_callback(recorder.close)
    bench = Workbench(
        sessions,
        recorder,
        in_force,
        lambda: current.container,
        lambda component: code_field(component) is not None,
        clock=clock,
        publisher=publisher,
        public=public,
        prefix=options.prefix,
    )
    api = PreviewApi(bench, options.token, clock)
    return Previews(sessions, recorder, PreviewPages(api), publisher, api.streams.close, ingest.ignored)


def public_address(options: Options, listens_at: str) -> str:
    """The address that visitors reach us at: as stated, else of the host that is served, else the listener's own.

    `listens_at`: that of the listener, empty when there is none. So is the answer when nobody can say it: visitors of a
    server behind a proxy never see where it listens.
    """
    if options.public_url:
        return options.public_url
    if len(options.hosts.names) == 1 and not options.hosts.domains:
        [name] = options.hosts.names
        return f"https://{name}{options.prefix}"
    is_near = is_inside(listens_at.partition("//")[2])
    elsewhere = options.proxies or options.hosts.names or options.hosts.domains
    return listens_at + options.prefix if is_near and not elsewhere else ""


def _standing(sessions: Sessions, clock: Callable[[], float], mode: Standing) -> int:
    return sessions.standing(clock())[mode]


def _put(ingest: Ingest, previewing: Previewing | None) -> None:
    ingest.preview = previewing
