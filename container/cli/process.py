"""One process: the public and the admin listener, the worker, and in a demonstration the sandbox, on one event loop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from container.cli.build import Built, build, tell, tell_of_relays
from container.cli.control import SOCKET, control_crowd, control_socket, remove_socket
from container.cli.crowd import Crowd, most_connections, spare_of
from container.cli.demo import FOLDER
from container.cli.engine import Engine, open_engine, until_over
from container.cli.listeners import DRAIN_SECONDS, EVERYWHERE, Listener, address_of, bind
from container.cli.options import Options, StartError
from container.cli.post import Post
from container.cli.previews import Previews, open_previews, public_address
from container.cli.publish import publisher_of
from container.cli.reload import Reloader, digest, watch
from container.cli.reports import Reports, stand_among
from container.cli.scene import Scene, demo_scene, welcome
from container.cli.signals import early
from container.cli.sources import Sources
from container.cli.stopping import Remaining, drain, when_hurried
from container.cli.stores import SPOOL
from container.cli.tracing import ExtraMissingError, Spans, find_spans
from container.delivery.told import quoted
from container.engine.run import run as evaluate
from container.preview.publishing import Publisher
from container.web.access import authorised
from container.web.addresses import Proxies, is_near
from container.web.admin import Admin, admin_listener
from container.web.app import Application, public_app
from container.web.caretaker import Caretaker
from container.web.front import Front
from container.web.gauges import Standing, stand
from container.web.ingest import Ingest
from container.web.lag import Lag
from container.web.metrics import Refusal
from container.web.queue_api import QueueApi, queue_app
from container.web.rate import Buckets, OwnBuckets, RateLimit

COLLECTED_AFTER = 10_000
"""So many objects more than before are made between two collections. Hits that wait for their commit hold some hundred
each, none of them in a circle: with Python's own 700 they would be looked through again and again."""

HANDED_OVER_AFTER_SECONDS = 0.0005
"""How long a thread that computes keeps the others waiting. With Python's own 5 ms a hit that comes while a large file
is read anew waits that long at each of its steps: 53 ms in all instead of 8, at 300 hits a second."""

NOWHERE = "none"
"""In place of the address of a listener that there is not."""

logger = logging.getLogger("container.cli")


async def run(options: Options, sources: Sources, built: Built, post: Post | None = None) -> int:
    """Serves until SIGTERM or SIGINT, and returns the exit code. `built`: what the file holds. Raises `StartError`.

    `post`: of one of several processes. New hits end first, then deliveries, then the rest: of that what is opened
    first is closed last.
    """
    stop, hurry, reload_wanted = asyncio.Event(), asyncio.Event(), asyncio.Event()
    early.hand_over(asyncio.get_running_loop(), stop=stop, hurry=hurry, reload=reload_wanted)
    if post is not None:
        post.when_left_alone(stop.set)
    async with AsyncExitStack() as opened:
        to_hurry: list[Callable[[], None]] = []
        # Before everything else, so that it is there until everything else has ended.
        _in_background(when_hurried(hurry, to_hurry), opened)
        made = secrets.token_urlsafe(32) if options.demo and not options.token else ""
        options = replace(options, token=options.token or made)
        # Both ports before anything else: a start that fails has sent nothing.
        admin_bound, public_bound = _sockets(options, opened, post)
        scene = await demo_scene(sources, opened) if options.demo else Scene(built, sources.secrets)
        spans = _spans(options, opened)
        remaining = Remaining()
        engine = await open_engine(options, scene, sources.registry, opened, spans, remaining)
        reports = None if post is None else stand_among(post, engine, opened)
        ingest = _ingest(options, engine, spans, OwnBuckets() if post is None else post.buckets)
        _set_apart_what_stays()
        sys.setswitchinterval(HANDED_OVER_AFTER_SECONDS)
        most, most_admin = most_connections()
        reloader = _reloader(scene, sources, engine)
        previews = await open_previews(
            options,
            engine,
            ingest,
            sources.registry,
            opened,
            clock=partial(_seconds, engine),
            publisher=_publisher(options, sources.path, reloader, engine),
            public=public_address(options, _listens_at(public_bound, post)),
        )
        _in_background(previews.keep(), opened)
        crowds: dict[str, Crowd] = {}
        admin_at = public_at = NOWHERE
        if admin_bound is not None:
            crowds["admin"] = admin_crowd = Crowd(most=most_admin, spare=spare_of(most_admin))
            for_operators: list[Listener] = []
            pages = await _admin_pages(options, engine, opened, for_operators, reports, previews)
            for_operators.append(Listener(pages, admin_bound, crowd=admin_crowd))
            admin_at = await _listen(for_operators, admin_bound, opened)
            # Before that listener: it waits for whoever is answered, and they for news.
            opened.callback(previews.close)
        public: Listener | None = None
        if public_bound is not None:
            crowds["public"] = crowd = _public_crowd(options, engine, most)
            app = spans.application(public_app(ingest, prefix=options.prefix))
            public = Listener(app, public_bound, drain_seconds=DRAIN_SECONDS, crowd=crowd)
            public_at = await _listen([public], public_bound, opened)
            to_hurry.append(public.hurry)
        to_hurry.append(engine.worker.hurry)
        stand(engine.metrics.registry, _standing(engine, crowds))
        lag = Lag()
        engine.metrics.loop_lag.set_function(lag.longest)
        _in_background(lag.keep(), opened)
        _reload_when_wanted(options, reloader, sources.path, reload_wanted, opened)
        if post is None:
            _announce(options, scene, engine, public_at, admin_at, made=made)
        else:
            post.works()
        code = await until_over(stop, engine)
        remaining.begin()
        engine.health.draining = True
        if public is not None:
            await drain(options.drain, hurry)
            public.close()
        logger.info("serve.stopping")
        if public is not None:
            await public.stop()
        # Whoever watches is answered until deliveries have ended: the admin listener closes after them.
        await engine.end()
        if engine.last_run is not None:
            engine.last_run.end = "failed" if code else "stopped"
        engine.health.noticed.tell_rest()
    logger.info("serve.stopped")
    return code


def announce(options: Options, built: Built, version: str, tags: int, *, public_at: str, admin_at: str) -> None:
    """Says in the log what runs, and what an operator has to know of it."""
    store = "postgresql" if options.store else "sqlite"
    delivers, spool = str(options.delivers).lower(), str(options.spool).lower()
    line = "serve.started version=%s tags=%d store=%s delivers=%s spool=%s public=%s admin=%s"
    logger.info(line, version, tags, store, delivers, spool, public_at, admin_at)
    tell(built)
    if options.accepts:
        tell_of_relays(built, delivers=options.delivers, alone=not options.store)
    if options.admin_host in EVERYWHERE:
        logger.warning('admin.open "The admin listener is on all addresses: let nobody but operators reach its port."')
    if not options.token:
        logger.info('admin.closed "The admin page needs a token: set TAG_CONTAINER_ADMIN_TOKEN."')


def bound_for(host: str, port: int, options: str) -> socket.socket:
    """A socket that listens already. `options`: how the options that chose it begin. Raises `StartError`."""
    try:
        return bind(host, port)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        advice = f"Choose another with {options}host or {options}port."
        raise StartError(f"{host}:{port} cannot be listened on ({reason}). {advice}") from None


def _sockets(
    options: Options, opened: AsyncExitStack, post: Post | None
) -> tuple[socket.socket | None, socket.socket | None]:
    """For operators and for hits, those that listen already."""
    if post is not None:
        return post.admin, post.public
    admin = bound_for(options.admin_host, options.admin_port, "--admin-")
    opened.callback(admin.close)
    if not options.accepts:
        return admin, None
    public = bound_for(options.host, options.port, "--")
    opened.callback(public.close)
    return admin, public


def _listens_at(public: socket.socket | None, post: Post | None) -> str:
    """Where hits come in, be it beside this process; empty where none do."""
    if public is None:
        return "" if post is None else post.public_at
    return address_of(public)


def _ingest(options: Options, engine: Engine, spans: Spans, buckets: Buckets) -> Ingest:
    return Ingest(
        engine.current,
        spans.accept(engine.store.accept),
        engine.metrics,
        engine.health,
        Front(Proxies(options.proxies), options.hosts, RateLimit(options.rate_limit, buckets=buckets)),
        counters=engine.worker.counters,
        repeats=engine.worker.repeats,
        clock=partial(_seconds, engine),
        evaluate=spans.evaluate(evaluate),
        awaited=engine.worker.awaited if options.delivers else None,
    )


def _public_crowd(options: Options, engine: Engine, most: int) -> Crowd:
    return Crowd(
        most=most,
        spare=spare_of(most),
        refused=partial(_not_taken, engine),
        trusts=Proxies(options.proxies).trusts,
        near=is_near,
        gate=engine.gate,
    )


async def _admin_pages(
    options: Options,
    engine: Engine,
    opened: AsyncExitStack,
    listeners: list[Listener],
    reports: Reports | None,
    previews: Previews,
) -> Application:
    """The admin listener's application. The commands on the control socket share its jobs.

    `listeners`: gets the one on that socket, if there is one. `reports`: of the other processes. `previews`: what else
    is shown.
    """
    admin = Admin(
        current=engine.current,
        store=engine.store,
        metrics=engine.metrics,
        health=engine.health,
        counters=engine.worker.counters,
        token=options.token,
        clock=partial(_seconds, engine),
        wake=engine.worker.wake,
        outcomes=engine.worker.outcomes if reports is None else reports,
        folder=None if options.store else _folder(options),
        spools=options.data / SPOOL if options.spool else None,
        others=(lambda: ()) if reports is None else reports.metrics,
        publisher=previews.publisher,
        # On a database they are in there, and looked for there.
        previews=None if options.store else previews.sessions,
    )
    opened.push_async_callback(admin.caretaker.jobs.close)
    if not options.store:
        # Commands find a database by themselves.
        _listen_to_commands(options, admin.caretaker, opened, listeners)
    api = QueueApi(admin.caretaker, partial(authorised, token=options.token), by="admin_token")
    return admin_listener(admin, api, previews.pages.routes())


def _seconds(engine: Engine) -> float:
    """Unix time by the store, since all processes on it have to agree."""
    return engine.store.clock() / 1000


def _not_taken(engine: Engine, reason: Refusal) -> None:
    engine.metrics.not_taken(reason)
    if reason == "no_room":
        engine.health.noticed.refused("no_room")


def _standing(engine: Engine, crowds: Mapping[str, Crowd]) -> Standing:
    return Standing(
        store=engine.store.figures,
        in_flight=engine.worker.in_flight,
        connections=lambda: {listener: len(crowd.members) for listener, crowd in crowds.items()},
        trouble=engine.health.trouble,
        previous_end="none" if engine.last_run is None else engine.last_run.before.end,
    )


def _set_apart_what_stays() -> None:
    """Takes what was made so far out of the collector's sight: it lives as long as the process, and is large.

    With 64 hits under way this and the threshold spare a fifth of the CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER)


def _spans(options: Options, opened: AsyncExitStack) -> Spans:
    """Closed after everything of which there are spans."""
    try:
        found = find_spans(os.environ, Proxies(options.proxies), wanted=options.otel)
    except ExtraMissingError as problem:
        raise StartError(str(problem)) from None
    opened.push_async_callback(found.close)
    return found


async def _listen(listeners: Sequence[Listener], bound: socket.socket, opened: AsyncExitStack) -> str:
    """Begins to serve, and returns the address. They stop at the same time: each may wait for somebody."""
    where = address_of(bound)

    async def stop() -> None:
        await asyncio.gather(*(each.stop() for each in listeners))

    opened.push_async_callback(stop)
    for each in listeners:
        await each.start()
    return where


def _folder(options: Options) -> Path:
    """Where the store is."""
    return options.data / FOLDER if options.demo else options.data


def _listen_to_commands(
    options: Options, caretaker: Caretaker, opened: AsyncExitStack, listeners: list[Listener]
) -> None:
    """Adds what serves `queue` and `forget` on the folder's control socket. Without one everything else goes on."""
    folder = _folder(options)
    try:
        bound = control_socket(folder)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        logger.warning("control.closed socket=%s reason=%s", quoted(str(folder / SOCKET)), quoted(reason))
        return
    opened.callback(remove_socket, folder)
    opened.callback(bound.close)
    api = QueueApi(caretaker, lambda _header: True, by="control_socket")
    listeners.append(Listener(queue_app(api), bound, crowd=control_crowd()))


def _reloader(scene: Scene, sources: Sources, engine: Engine) -> Reloader:
    rebuild = partial(build, sources, scene.endpoints)
    return Reloader(rebuild, engine.current, engine.metrics, scene.played, engine.worker.resume_probes)


def _publisher(options: Options, path: Path, reloader: Reloader, engine: Engine) -> Publisher | None:
    return publisher_of(path, _folder(options), reloader, engine.store.clock) if options.allow_publish else None


def _reload_when_wanted(
    options: Options, reloader: Reloader, path: Path, wanted: asyncio.Event, opened: AsyncExitStack
) -> None:
    _in_background(reloader.whenever(wanted), opened)
    if options.watch:
        _in_background(watch(path, digest(path), wanted), opened)


def _in_background(work: Coroutine[Any, Any, None], opened: AsyncExitStack) -> None:
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    opened.push_async_callback(end)


def _announce(options: Options, scene: Scene, engine: Engine, public_at: str, admin_at: str, *, made: str) -> None:
    """`made`: the admin token, if the demonstration made it. One of the operator's own is never printed."""
    container = engine.current.container
    tags = len(container.tags)
    announce(options, scene.built, container.version, tags, public_at=public_at, admin_at=admin_at)
    if scene.sandbox:
        welcome(scene, public_at=public_at + options.prefix, admin_at=admin_at, token=made)
