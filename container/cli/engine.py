"""What takes hits and delivers: the container, the store, the worker, and how they stand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from ipaddress import ip_network

from container.cli.last_run import ENDS_BADLY, Before, LastRun, begin
from container.cli.options import Networks, Options, StartError
from container.cli.reload import resume
from container.cli.scene import Scene
from container.cli.stopping import Remaining
from container.cli.stores import folder_of, opened_store
from container.cli.tracing import Spans
from container.config.registry import Registry
from container.delivery.disk import LOOK_SECONDS
from container.delivery.judging import judges_of
from container.delivery.pace import paces_of
from container.delivery.served import ServedStore
from container.delivery.store import StoreError
from container.delivery.told import moment, quoted
from container.delivery.transport import Transport, vendor_transport
from container.delivery.worker import Worker
from container.web.admission import Gate
from container.web.current import Current
from container.web.health import Health
from container.web.metrics import Metrics, new_metrics

LOOPBACK: Networks = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

LANES_NAMED = 3

logger = logging.getLogger("container.cli")


@dataclass(frozen=True, slots=True)
class Engine:
    """What takes hits and delivers. `working` ends when the worker does.

    `last_run`: what the next process on the data folder learns of this one. `end`: has deliveries end; more than once
    is fine. `transport`: what reaches vendors, without spans; `strangers`: the same, and no private address at all.
    """

    current: Current
    store: ServedStore
    worker: Worker
    working: asyncio.Task[None]
    metrics: Metrics
    health: Health
    gate: Gate
    last_run: LastRun | None
    end: Callable[[], Awaitable[None]]
    transport: Transport
    strangers: Transport


async def open_engine(
    options: Options, scene: Scene, registry: Registry, opened: AsyncExitStack, spans: Spans, remaining: Remaining
) -> Engine:
    """Everything of it ends with `opened`. `remaining`: how long deliveries that are under way then may take."""
    container = scene.built.container
    if container is None:
        raise StartError("the container file changed while it was read.")
    store = await opened_store(options)
    opened.push_async_callback(store.close)
    found = store.figures()
    last_run = _last_run(options, store.clock(), left_claims=bool(found.recovered or found.poisoned))
    opened.callback(last_run.over)
    _tell_of(last_run.before)
    # A database tells by itself, whenever a process of it dies.
    if not options.store and (found.recovered or found.poisoned):
        level = logging.ERROR if found.poisoned else logging.INFO
        logger.log(level, "store.recovered rows=%d dead=%d", found.recovered, found.poisoned)
    if options.delivers:
        await tell_of_lanes(store)
    egress = options.egress + (LOOPBACK if options.demo else ())
    transport = Transport(vendor_transport(egress), scene.secrets)
    opened.push_async_callback(transport.close)
    strangers = Transport(vendor_transport(), scene.secrets)
    opened.push_async_callback(strangers.close)
    tags = registry.of_kind("tag")
    worker = Worker(store, spans.sender(transport), spans.judges(judges_of(tags)), paces=paces_of(tags))
    if options.delivers:
        # What held a lane still may be mended: somebody restarted it for a reason.
        await resume(worker.resume_probes)
    # Without it everything else is as it is: others deliver, and rows of this process wait for them.
    working = asyncio.create_task(worker.run() if options.delivers else _until_cancelled())

    async def stop_worker() -> None:
        await worker.stop(remaining.for_deliveries())
        if not options.delivers:
            working.cancel()
        with suppress(Exception, asyncio.CancelledError):
            await working

    opened.push_async_callback(stop_worker)
    gate, metrics = Gate(), new_metrics()
    metrics.waiting.set_function(lambda: gate.waiting)
    metrics.reloaded(container.version)
    return Engine(
        Current(container, scene.played(scene.built), live=scene.built.live),
        store,
        worker,
        working,
        metrics,
        Health(
            # With a spool hits are taken, also while nothing can be written down of those that were sent.
            trouble=lambda: store.trouble or ("" if options.spool else worker.trouble),
            overload=gate.sentence,
            notices=lambda: store.notices,
            spools=options.spool,
        ),
        gate,
        last_run,
        stop_worker,
        transport,
        strangers,
    )


def _tell_of(before: Before) -> None:
    if before.end in ENDS_BADLY:
        logger.warning("serve.ended_badly how=%s began=%s", before.end, quoted(moment(before.began)))


def _last_run(options: Options, now: int, *, left_claims: bool) -> LastRun:
    return LastRun(None, now) if options.store else begin(folder_of(options), now=now, left_claims=left_claims)


async def tell_of_lanes(store: ServedStore) -> None:
    """One line for all lanes in which nothing is sent: whoever starts it may not know of them."""
    with suppress(StoreError):
        still = [lane for lane in await store.lanes() if lane.paused or lane.state.mode != "open"]
        named = [f"{each.number} ({each.lane}): {'paused' if each.paused else each.state.mode}" for each in still]
        if still:
            logger.warning("serve.lanes_still lanes=%d first=%s", len(still), quoted("; ".join(named[:LANES_NAMED])))


async def until_over(stop: asyncio.Event, engine: Engine) -> int:
    """Waits for a signal. A worker that ends by itself is a fault: deliveries would only pile up.

    So is a disk that fails for long: whoever restarts us may have another, and what is on this one is safe.
    """
    working = engine.working
    stopped, failed = asyncio.create_task(stop.wait()), asyncio.create_task(_disk_is_given_up(engine.store))
    await asyncio.wait({stopped, working, failed}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    failed.cancel()
    if working.done():
        problem = None if working.cancelled() else working.exception()
        logger.error("serve.failed part=worker", exc_info=problem)
        return 1
    if stop.is_set() or not failed.done():
        return 0
    logger.error("serve.failed part=disk reason=%s", quoted(engine.store.trouble))
    # Nothing of what is under way could be written down.
    await engine.worker.stop(0)
    return 1


async def _until_cancelled() -> None:
    await asyncio.Event().wait()


async def _disk_is_given_up(store: ServedStore) -> None:
    while not store.given_up:  # noqa: ASYNC110 - it is the time that passes that makes it so
        await asyncio.sleep(LOOK_SECONDS)
