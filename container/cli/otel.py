"""Spans for OpenTelemetry, by wrapping: hit -> evaluate -> commit; and deliver, whenever that is, linked to the hit.

Only loaded when it is wanted, since its packages are an extra. What is wrapped knows nothing of it. Attributes come
from the configuration, from fixed lists, and from counting: nothing of a visitor, no secret, no address.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AnyValue

from container.delivery.judging import Judge, Judges
from container.delivery.row import Acceptance
from container.delivery.sender import Sender
from container.delivery.store import Accepted, ClaimedRow
from container.delivery.transport import NoAnswer
from container.effects import Response, Verdict
from container.engine.container import Container
from container.engine.outcome import Outcome
from container.event import Hit
from container.web.addresses import Proxies, peer_address
from container.web.app import Application
from container.web.gauges import PACKAGE, own_version
from container.web.ingest import Accept, Evaluate, Receive, Scope, Send

MOST_REMEMBERED = 50_000
"""Deliveries of which is known which hit they came from, to link to; in this process, the latest ones."""

MOST_LINKS = 100
END_SECONDS = 3.0
"""How long the last spans may take to leave: the process has promised to end."""

_READS_PARENT = TraceContextTextMapPropagator()


@dataclass(slots=True)
class _Arrived:
    """A request. `parent`: of whom it says that it is a part, if that may be believed."""

    at: int
    parent: Context
    span: Span | None = None


_arrived: ContextVar[_Arrived | None] = ContextVar("arrived", default=None)
_delivering: ContextVar[Span | None] = ContextVar("delivering", default=None)


@dataclass(slots=True)
class Tracing:
    """Makes the spans. `clock`: Unix time in nanoseconds."""

    provider: TracerProvider
    proxies: Proxies = field(default_factory=Proxies)
    clock: Callable[[], int] = time.time_ns
    _hits: OrderedDict[str, SpanContext] = field(default_factory=OrderedDict)
    _tracer: Tracer = field(init=False)

    def __post_init__(self) -> None:
        self._tracer = self.provider.get_tracer(PACKAGE, own_version())

    def application(self, inner: Application) -> Application:
        """Ends the span of each hit with its answer. What is refused before it is a hit leaves none."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            arrived = _Arrived(self.clock(), self._parent(scope))
            _arrived.set(arrived)

            async def answered(message: Any) -> None:
                if arrived.span is not None and message["type"] == "http.response.start":
                    arrived.span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        arrived.span.set_status(Status(StatusCode.ERROR))
                await send(message)

            try:
                await inner(scope, receive, answered)
            finally:
                if arrived.span is not None:
                    arrived.span.end(self.clock())

        return traced

    def evaluate(self, inner: Evaluate) -> Evaluate:
        """The container, and with it the beginning of the hit's span. A hit that nobody claims leaves none."""

        def traced(container: Container, hit: Hit) -> Outcome:
            arrived, begun = _arrived.get(), self.clock()
            outcome = inner(container, hit)
            if arrived is None or outcome.client is None:
                return outcome
            shown: dict[str, AnyValue] = {
                "tag_container.client": outcome.client,
                "tag_container.events": outcome.events,
            }
            span = self._tracer.start_span("hit", arrived.parent, SpanKind.SERVER, shown, start_time=arrived.at)
            arrived.span = span
            fired = sorted({planned.tag for planned in outcome.planned})
            shown = {"tag_container.version": container.version, "tag_container.tags": fired}
            within = set_span_in_context(span, Context())
            self._tracer.start_span("evaluate", within, attributes=shown, start_time=begun).end(self.clock())
            return outcome

        return traced

    def accept(self, inner: Accept) -> Accept:
        """The commit, after which a delivery can be linked to its hit."""

        async def traced(acceptance: Acceptance) -> Accepted:
            arrived = _arrived.get()
            if arrived is None or arrived.span is None:
                return await inner(acceptance)
            shown = {"tag_container.rows": len(acceptance.rows), "tag_container.letters": len(acceptance.letters)}
            # Before it is committed: the worker may be quicker than whoever waits for the answer.
            self._remember((row.id for row in acceptance.rows), arrived.span)
            with self._timed("commit", set_span_in_context(arrived.span, Context()), shown):
                return await inner(acceptance)

        return traced

    def sender(self, inner: Sender) -> Sender:
        """What sends to vendors. They see nothing of it."""
        return _TracedSender(inner, self)

    def judges(self, inner: Judges) -> Judges:
        """What reads the answers: with the verdict the delivery's span is complete."""

        def judge_for(type: str, format: int) -> Judge | None:
            judge = inner(type, format)
            return None if judge is None else _judging(judge)

        return judge_for

    def delivering(self, rows: Sequence[ClaimedRow]) -> Span:
        """A span of its own, since it may be a day later, with a link to each hit that is still known."""
        first = rows[0]
        hits = {hit.span_id: hit for row in rows if (hit := self._hits.get(row.id)) is not None}
        shown: dict[str, AnyValue] = {
            "tag_container.type": first.frame.type,
            "tag_container.tag": first.tag,
            "tag_container.rows": len(rows),
            "tag_container.attempt": max(row.attempts for row in rows),
            "tag_container.delivery": first.id,
        }
        links = [Link(hit) for hit in list(hits.values())[:MOST_LINKS]]
        return self._tracer.start_span("deliver", Context(), SpanKind.CLIENT, shown, links, start_time=self.clock())

    async def close(self) -> None:
        """Sends the last spans, or gives them up when nobody takes them."""
        ending = threading.Thread(target=self.provider.shutdown, name="spans", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, END_SECONDS)

    def _parent(self, scope: Scope) -> Context:
        """What `traceparent` says, of a proxy of ours only: else anybody could write into the operator's traces."""
        if scope["type"] != "http" or not self.proxies.trusts(peer_address(scope["client"])):
            return Context()
        found = [value for name, value in scope["headers"] if name == b"traceparent"]
        if len(found) != 1:
            return Context()
        return _READS_PARENT.extract({"traceparent": found[0].decode("latin-1")}, Context())

    def _remember(self, rows: Iterable[str], span: Span) -> None:
        if not span.is_recording():
            return
        for row in rows:
            self._hits[row] = span.get_span_context()
        while len(self._hits) > MOST_REMEMBERED:
            self._hits.popitem(last=False)

    @contextmanager
    def _timed(self, name: str, within: Context, shown: Mapping[str, int]) -> Iterator[None]:
        span = self._tracer.start_span(name, within, attributes=shown, start_time=self.clock())
        try:
            yield
        except BaseException as problem:
            _failed(span, problem)
            raise
        finally:
            span.end(self.clock())


@dataclass(frozen=True, slots=True)
class _TracedSender:
    inner: Sender
    tracing: Tracing

    async def send(
        self, rows: Sequence[ClaimedRow], *, now: int, resent: Callable[[], None] = lambda: None
    ) -> Response | NoAnswer:
        span = self.tracing.delivering(rows)
        try:
            answer = await self.inner.send(rows, now=now, resent=resent)
        except BaseException as problem:
            _failed(span, problem)
            span.end()
            raise
        if isinstance(answer, NoAnswer):
            span.set_status(Status(StatusCode.ERROR))
            span.set_attribute("error.type", answer.cause)
            span.end()
        else:
            span.set_attribute("http.response.status_code", answer.status)
            _delivering.set(span)
        return answer

    def shown(self, text: str, sent: Iterable[str] = ()) -> str:
        return self.inner.shown(text, sent)


def _judging(judge: Judge) -> Judge:
    def judged(response: Response) -> Verdict:
        span = _delivering.get()
        if span is None:
            return judge(response)
        _delivering.set(None)
        try:
            verdict = judge(response)
        except BaseException as problem:
            _failed(span, problem)
            raise
        else:
            span.set_attribute("tag_container.verdict", verdict.kind)
            if verdict.kind != "delivered":
                span.set_status(Status(StatusCode.ERROR))
            return verdict
        finally:
            span.end()

    return judged


def _failed(span: Span, problem: BaseException) -> None:
    """By its class alone: what an exception says quotes values."""
    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute("error.type", type(problem).__name__)


def tracing(proxies: Proxies, *processors: SpanProcessor) -> Tracing:
    """Spans that go where the variables of OpenTelemetry say, or to these `processors`."""
    resource = Resource.create({"service.name": PACKAGE, "service.version": own_version()})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for processor in processors or (BatchSpanProcessor(OTLPSpanExporter()),):
        provider.add_span_processor(processor)
    return Tracing(provider, proxies)
