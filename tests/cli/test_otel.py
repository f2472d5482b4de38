"""Spans for OpenTelemetry: what they say, what hangs together, and that nobody else is told."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from container.cli.otel import MOST_REMEMBERED, Tracing, tracing
from container.cli.tracing import ENDPOINTS, HEADERS, ExtraMissingError, NoSpans, find_spans, header_secrets
from container.delivery.transport import Transport
from container.delivery.worker import Surroundings, Worker
from container.effects import Response, Verdict, by_status
from container.web.addresses import Proxies, network
from container.web.app import Application, public_app
from tests import canaries
from tests.cli.processes import PATIENCE_SECONDS, PURCHASE, ROOT, run, serving, surroundings
from tests.web.parts import NOW, VISIT, Answer, Call, Site, ask, site
from tests.web.parts import run as run_async

PROXY = "10.0.0.1"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass
class Traced:
    """A site whose hits and deliveries leave spans, and a vendor with these answers, the last for ever."""

    here: Site
    tracing: Tracing
    application: Application
    worker: Worker
    exporter: InMemorySpanExporter
    sent: list[httpx.Request] = field(default_factory=list)

    async def hit(self, name: str = "purchase", *, peer: str = "198.51.100.7", **headers: str) -> Answer:
        visit = {**VISIT, "headers": (*VISIT["headers"], *headers.items())}
        call = Call(**{**visit, "target": VISIT["target"].replace("purchase", name), "peer": peer})
        answer = await ask(self.application, call)
        assert answer is not None
        return answer

    async def deliver(self) -> None:
        await self.worker.turn()
        await self.worker.settled()

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """The latest of each name."""
        return {span.name: span for span in self.exporter.get_finished_spans()}


@asynccontextmanager
async def traced(folder: Path, *answers: int | Exception) -> AsyncIterator[Traced]:
    left = list(answers or [200])
    sent: list[httpx.Request] = []

    async def vendor(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)

    exporter = InMemorySpanExporter()
    spans = tracing(Proxies((network(f"{PROXY}/32"),)), SimpleSpanProcessor(exporter))
    async with site(folder) as here:
        ingest = replace(
            here.ingest, accept=spans.accept(here.ingest.accept), evaluate=spans.evaluate(here.ingest.evaluate)
        )
        transport = Transport(httpx.MockTransport(vendor), lambda _: None)
        worker = Worker(
            here.store,
            spans.sender(transport),
            spans.judges(lambda *_: by_status),
            surroundings=Surroundings(clock=lambda: int(NOW * 1000) + 5000),
        )
        yield Traced(here, spans, spans.application(public_app(ingest)), worker, exporter, sent)
        await transport.close()


def shown(span: ReadableSpan) -> Mapping[str, Any]:
    return dict(span.attributes or {})


def test_a_hit_is_evaluated_and_committed_within_its_span(tmp_path: Path) -> None:
    async def work() -> dict[str, ReadableSpan]:
        async with traced(tmp_path) as found:
            assert (await found.hit()).status == 204
            return found.spans

    spans = run_async(work())
    assert set(spans) == {"hit", "evaluate", "commit"}
    hit = spans["hit"]
    assert hit.parent is None
    for name in ("evaluate", "commit"):
        parent = spans[name].parent
        assert parent is not None
        assert parent.span_id == hit.context.span_id
        assert hit.start_time <= spans[name].start_time <= spans[name].end_time <= hit.end_time  # type: ignore[operator]  # all of them have ended
    assert shown(hit) == {"tag_container.client": "Test", "tag_container.events": 1, "http.response.status_code": 204}
    assert shown(spans["evaluate"])["tag_container.tags"] == ("Hook",)
    assert shown(spans["commit"]) == {"tag_container.rows": 1, "tag_container.letters": 0}


def test_a_delivery_is_a_trace_of_its_own_that_is_linked_to_its_hit(tmp_path: Path) -> None:
    async def work() -> dict[str, ReadableSpan]:
        async with traced(tmp_path) as found:
            await found.hit()
            await found.deliver()
            return found.spans

    spans = run_async(work())
    deliver = spans["deliver"]
    assert deliver.parent is None
    assert deliver.context.trace_id != spans["hit"].context.trace_id
    [link] = deliver.links
    assert link.context.span_id == spans["hit"].context.span_id
    assert {name: value for name, value in shown(deliver).items() if name != "tag_container.delivery"} == {
        "tag_container.type": "hook",
        "tag_container.tag": "Hook",
        "tag_container.rows": 1,
        "tag_container.attempt": 1,
        "http.response.status_code": 200,
        "tag_container.verdict": "delivered",
    }
    assert deliver.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (503, {"http.response.status_code": 503, "tag_container.verdict": "retry"}),
        (httpx.ConnectError("refused"), {"error.type": "no_answer"}),
    ],
)
def test_a_delivery_that_fails_says_why(tmp_path: Path, answer: int | Exception, expected: Mapping[str, Any]) -> None:
    async def work() -> ReadableSpan:
        async with traced(tmp_path, answer) as found:
            await found.hit()
            await found.deliver()
            return found.spans["deliver"]

    deliver = run_async(work())
    assert expected.items() <= shown(deliver).items()
    assert deliver.status.status_code is StatusCode.ERROR
    assert deliver.status.description is None
    assert len(deliver.links) == 1


def test_after_a_restart_a_delivery_has_no_link_and_says_which_it_is(tmp_path: Path) -> None:
    async def work() -> dict[str, ReadableSpan]:
        async with traced(tmp_path) as before:
            await before.hit()
        async with traced(tmp_path) as after:
            await after.deliver()
            return after.spans

    deliver = run_async(work())["deliver"]
    assert deliver.links == ()
    assert len(shown(deliver)["tag_container.delivery"]) == 32


@pytest.mark.parametrize(
    ("peer", "header", "believed"),
    [
        (PROXY, PARENT, True),
        ("198.51.100.7", PARENT, False),
        (PROXY, "nonsense", False),
        (PROXY, "", False),
    ],
)
def test_only_a_proxy_of_ours_may_say_of_which_trace_a_hit_is(
    tmp_path: Path, peer: str, header: str, believed: bool
) -> None:
    async def work() -> ReadableSpan:
        async with traced(tmp_path) as found:
            await found.hit(peer=peer, traceparent=header, tracestate="a=b")
            return found.spans["hit"]

    hit = run_async(work())
    assert (f"{hit.context.trace_id:032x}" in PARENT) is believed
    assert (hit.parent is not None) is believed


def test_vendors_are_told_nothing_of_traces(tmp_path: Path) -> None:
    async def work() -> Sequence[httpx.Request]:
        async with traced(tmp_path) as found:
            await found.hit(peer=PROXY, traceparent=PARENT, tracestate="a=b", baggage="c=d")
            await found.deliver()
            return found.sent

    [request] = run_async(work())
    whole = str(request.headers.raw) + str(request.url) + request.content.decode()
    assert not {"traceparent", "tracestate", "baggage"} & set(request.headers)
    assert PARENT[3:35] not in whole


def test_spans_hold_nothing_of_a_visitor(tmp_path: Path) -> None:
    async def work() -> str:
        async with traced(tmp_path, 400, 200) as found:
            for name in ("purchase", "raise_in_tag", "unsendable", "quiet", "raise_in_client"):
                await found.hit(name, peer=PROXY)
            await found.deliver()
            return "\n".join(span.to_json() for span in found.exporter.get_finished_spans())

    text = run_async(work())
    assert '"deliver"' in text
    assert not canaries.EVERYTHING.within(text)
    assert "?" not in text
    assert "hook.example" not in text


def test_what_is_no_hit_leaves_no_span(tmp_path: Path) -> None:
    async def work() -> Sequence[ReadableSpan]:
        async with traced(tmp_path) as found:
            for target in ("/healthy", "/wp-admin", "/collect?other=1"):
                await ask(found.application, Call(target=target))
            return found.exporter.get_finished_spans()

    assert run_async(work()) == ()


def test_a_commit_that_fails_is_an_error_by_its_class(tmp_path: Path) -> None:
    async def work() -> dict[str, ReadableSpan]:
        async with traced(tmp_path) as found:
            await found.here.store.close()
            assert (await found.hit()).status == 503
            return found.spans

    spans = run_async(work())
    assert spans["commit"].status.status_code is spans["hit"].status.status_code is StatusCode.ERROR
    assert shown(spans["commit"])["error.type"] == "StoreUnavailableError"
    assert spans["commit"].events == ()


def test_a_judge_that_raises_ends_the_span(tmp_path: Path) -> None:
    def judge(response: Response) -> Verdict:
        raise ValueError("ada@example.com")

    async def work() -> ReadableSpan:
        async with traced(tmp_path) as found:
            sender = found.worker._handling.transport
            worker = Worker(
                found.here.store,
                sender,
                found.tracing.judges(lambda *_: judge),
                surroundings=Surroundings(clock=lambda: int(NOW * 1000) + 5000),
            )
            await found.hit()
            await worker.turn()
            await worker.settled()
            return found.spans["deliver"]

    deliver = run_async(work())
    assert shown(deliver)["error.type"] == "ValueError"
    assert "ada@" not in deliver.to_json()


def test_a_component_that_is_missing_is_missing_as_before() -> None:
    spans = tracing(Proxies(), SimpleSpanProcessor(InMemorySpanExporter()))
    assert spans.judges(lambda *_: None)("hook", 1) is None


def test_what_is_remembered_to_link_to_is_bounded() -> None:
    spans = tracing(Proxies(), SimpleSpanProcessor(InMemorySpanExporter()))
    span = spans._tracer.start_span("hit")
    spans._remember((str(number) for number in range(MOST_REMEMBERED + 9)), span)
    assert len(spans._hits) == MOST_REMEMBERED
    span.end()
    spans._hits.clear()
    spans._remember(["1"], span)
    assert not spans._hits


def test_without_being_asked_nothing_is_wrapped() -> None:
    spans = find_spans({}, Proxies(), wanted=False)
    assert isinstance(spans, NoSpans)
    for wrap in (spans.application, spans.evaluate, spans.accept, spans.sender, spans.judges):
        thing: Any = object()
        assert wrap(thing) is thing
    asyncio.run(spans.close())


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_in_the_environment_is_being_asked(name: str) -> None:
    found = find_spans({name: "http://127.0.0.1:9"}, Proxies(), wanted=False)
    assert isinstance(found, Tracing)
    found.provider.shutdown()


def test_the_headers_of_an_exporter_are_secrets() -> None:
    environment = {HEADERS[0]: "authorization=Bearer%20abcdef, x-team = 7", HEADERS[1]: "nonsense"}
    assert set(header_secrets(environment).values()) == {"Bearer%20abcdef", "7"}
    assert header_secrets({}) == {}


def test_the_packages_are_not_even_loaded_when_nobody_asks() -> None:
    code = "import sys, container.cli.main; raise SystemExit('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=surroundings(), timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0


def without_packages(folder: Path) -> dict[str, str]:
    """An environment in which nobody installed the extra."""
    (folder / "lack").mkdir()
    text = "raise ModuleNotFoundError(\"No module named 'opentelemetry'\", name='opentelemetry')\n"
    (folder / "lack" / "opentelemetry.py").write_text(text, encoding="utf-8")
    return {"PYTHONPATH": os.pathsep.join([str(folder / "lack"), str(ROOT)]), "SERVED_TOKEN": "token"}


@pytest.mark.slow
def test_being_asked_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    environment = without_packages(tmp_path)
    with serving(tmp_path, environment={**environment, ENDPOINTS[1]: "http://127.0.0.1:9"}) as served:
        served.wait_for(r'WARNING otel\.missing install="tag-container\[otel\]"')
        assert served.stop() == 0
    done = run("serve", "--otel", "--port", "0", "--admin-port", "0", folder=tmp_path, environment=environment)
    assert done.returncode == 1
    assert (
        "did not start: --otel needs packages that are not installed: pip install 'tag-container[otel]'" in done.stderr
    )


def test_another_module_that_is_missing_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name="requests" if wanted else "opentelemetry.sdk")

    monkeypatch.setattr("container.cli.tracing.importlib.import_module", missing)
    wanted = False
    with pytest.raises(ExtraMissingError):
        find_spans({}, Proxies(), wanted=True)
    wanted = True
    with pytest.raises(ModuleNotFoundError):
        find_spans({}, Proxies(), wanted=True)


class Collector(BaseHTTPRequestHandler):
    """Takes spans as OTLP over HTTP."""

    def do_POST(self) -> None:
        taken.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        return


taken: list[tuple[str, bytes]] = []


@pytest.mark.slow
def test_spans_leave_a_real_process_at_its_end_at_the_latest(tmp_path: Path) -> None:
    taken.clear()
    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    environment = {
        "SERVED_TOKEN": "token",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }
    try:
        with serving(tmp_path, "--otel", environment=environment) as served:
            with httpx.Client(trust_env=False) as caller:
                assert caller.get(f"{served.public}/g/collect?{PURCHASE}").status_code == 204
            served.wait_for(r"delivery\.lane_held")
            assert served.stop() == 0
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert {path for path, _ in taken} == {"/v1/traces"}
    body = b"".join(sent for _, sent in taken)
    assert all(name in body for name in (b"hit", b"evaluate", b"commit", b"deliver", b"tag-container"))
    assert not canaries.EVERYTHING.within(body)


@pytest.mark.slow
def test_nobody_who_takes_spans_is_waited_for(tmp_path: Path) -> None:
    environment = {"SERVED_TOKEN": "token", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with serving(tmp_path, "--otel", environment=environment) as served:
        with httpx.Client(trust_env=False) as caller:
            assert caller.get(f"{served.public}/g/collect?{PURCHASE}").status_code == 204
        assert served.stop() == 0
        assert not [line for line in served.lines if "process.failed" in line]
