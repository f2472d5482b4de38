"""What the connection leans on of the server library and its parser. An upgrade that changes it fails here.

Whoever changes a line here reads `container/cli/connection.py` beside the library's `httptools_impl.py` first.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import tomllib
from typing import Any

import httptools
import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from container.cli import refusals
from container.cli.connection import Connection
from container.cli.refusals import unreadable
from container.cli.turns import InTurn
from tests.cli.processes import ROOT
from tests.web.parts import run

OVERRIDDEN = {
    "connection_made": ["self", "transport"],
    "connection_lost": ["self", "exc"],
    "data_received": ["self", "data"],
    "shutdown": ["self"],
    "pause_writing": ["self"],
    "on_message_begin": ["self"],
    "on_url": ["self", "url"],
    "on_header": ["self", "name", "value"],
    "on_headers_complete": ["self"],
    "on_body": ["self", "body"],
    "on_message_complete": ["self"],
    "on_response_complete": ["self"],
}
IN_TURN = {
    "_start_asgi_task": ["self", "cycle", "app"],
    "data_received": ["self", "data"],
    "on_body": ["self", "body"],
}
OF_PROTOCOL = {
    *("parser", "transport", "flow", "client", "cycle", "pipeline", "headers", "scope", "expect_100_continue"),
    *("server_state", "connections", "tasks", "timeout_keep_alive_task", "limit_concurrency"),
}
OF_CYCLE = {
    *("disconnected", "keep_alive", "more_body", "response_started", "response_complete", "message_event", "body"),
    "waiting_for_100_continue",
}


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Never called."""


def protocol() -> HttpToolsProtocol:
    config = uvicorn.Config(_app, http=HttpToolsProtocol, ws="none", lifespan="off", log_config=None)
    return HttpToolsProtocol(config, ServerState(), {}, _loop=asyncio.get_running_loop())


@pytest.mark.parametrize(("name", "parameters"), [*OVERRIDDEN.items(), *IN_TURN.items()])
def test_the_methods_are_there_and_take_what_they_took(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(HttpToolsProtocol, name)).parameters) == parameters


def test_nothing_else_of_the_library_is_replaced() -> None:
    for ours, overridden in ((Connection, OVERRIDDEN), (InTurn, IN_TURN)):
        own = {name for name in vars(ours) if not name.startswith("__") and hasattr(HttpToolsProtocol, name)}
        assert own == set(overridden)


def test_the_attributes_are_there() -> None:
    async def work() -> set[str]:
        return set(vars(protocol()))

    ours = {"heard", "since", "crowd", "half", "yields", "leave", "look", "_place", "_own", "_deaf", "_left", "_later"}
    ours |= {"ended", "answer", "_begin", "_turn_away", "complete", "is_coming", "_has_body"}
    ours |= {"_held", "_early", "_turned_away", "_read_early", "_ask"}
    found = run(work())
    assert found >= OF_PROTOCOL
    assert not found & (ours | {name for name in vars(Connection) if name not in OVERRIDDEN})
    source = inspect.getsource(RequestResponseCycle.__init__)
    assert set(re.findall(r"self\.(\w+) = ", source)) >= OF_CYCLE


def test_what_is_said_when_an_answer_is_complete_is_what_ours_says_without_the_timer() -> None:
    names = HttpToolsProtocol.on_response_complete.__code__.co_names
    timer = {"_unset_keepalive_if_required", "loop", "call_later", "timeout_keep_alive", "timeout_keep_alive_handler"}
    assert set(names) == timer | {
        *("server_state", "total_requests", "transport", "is_closing", "flow", "resume_reading"),
        *("pipeline", "pop", "_start_asgi_task", "timeout_keep_alive_task"),
    }


def test_every_request_begins_in_one_place_and_has_a_state_of_its_own() -> None:
    source = inspect.getsource(HttpToolsProtocol)
    begins = inspect.getsource(HttpToolsProtocol._start_asgi_task)
    assert source.count("create_task") == begins.count("create_task")
    assert '"state": self.app_state.copy()' in source


def test_what_has_its_answer_is_left_alone() -> None:
    for method in (HttpToolsProtocol.on_body, HttpToolsProtocol.on_message_complete):
        assert re.search(r"self\.cycle\.response_complete:\n\s+return", inspect.getsource(method))
    assert "if existing_cycle is None or existing_cycle.response_complete" in inspect.getsource(
        HttpToolsProtocol.on_headers_complete
    )


def test_an_address_is_gathered_and_a_head_starts_a_cycle() -> None:
    head = inspect.getsource(HttpToolsProtocol.on_headers_complete)
    assert "httptools.parse_url(self.url)" in head
    assert "expect_100_continue=self.expect_100_continue" in head
    assert "self.pipeline.appendleft((self.cycle, app))" in head
    assert "self.url += url" in inspect.getsource(HttpToolsProtocol.on_url)
    assert 'self.url = b""' in inspect.getsource(HttpToolsProtocol.on_message_begin)


def test_a_sender_that_is_gone_gets_no_answer_and_no_complaint() -> None:
    source = inspect.getsource(RequestResponseCycle)
    assert re.search(r"if self\.disconnected:\n\s+return", source)
    assert 'return {"type": "http.disconnect"}' in source
    assert "not self.response_started and not self.disconnected" in source


def test_the_flow_says_whether_it_is_paused() -> None:
    source = inspect.getsource(FlowControl)
    assert {"read_paused", "write_paused"} <= set(re.findall(r"self\.(\w+) = ", source))


HEAD = b"POST / HTTP/1.1\r\nhost: a\r\n"
OF_PARSER = [
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refusals.OTHER_VERSION),
    (b"GET / HTTP/1.2\r\n\r\n", refusals.OTHER_VERSION),
    (HEAD + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", refusals.UNCLEAR_END),
    (HEAD + b"transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n", refusals.UNCLEAR_END),
    (HEAD + b"content-length: 1\r\ncontent-length: 1\r\n\r\n", refusals.UNCLEAR_END),
    (HEAD + b"content-length: -1\r\n\r\n", refusals.UNCLEAR_END),
    (HEAD + b"transfer-encoding: chunked, identity\r\n\r\n", refusals.UNCLEAR_END),
    (HEAD + b"transfer-encoding: chunked\r\n\r\nz\r\n", refusals.BAD_CHUNKS),
    (HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\nab\r\n", refusals.BAD_CHUNKS),
    (HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 20 + b"\r\n", refusals.BAD_CHUNKS),
    (HEAD + b"x: a\0\r\n\r\n", refusals.BAD_HEADER),
    (HEAD + b"x: a\r\n b\r\n\r\n", refusals.BAD_HEADER),
    (HEAD + b"x\r\n\r\n", refusals.BAD_HEADER),
    (b"GET / HTTP/1.1\r\n x: y\r\n\r\n", refusals.BAD_HEADER),
    (b"GET a HTTP/1.1\r\n\r\n", refusals.BAD_ADDRESS),
    (b"BREW / HTTP/1.1\r\n\r\n", refusals.UNKNOWN_METHOD),
    (b"\x16\x03\x01\x02\x00", refusals.TLS),
    (b"\xff\xff", refusals.NOT_HTTP),
    (b"GET /\n\n", refusals.BAD_HEADER),
]


class Nothing:
    """A parser's owner that leaves everything alone."""


@pytest.mark.parametrize(("sent", "refused"), OF_PARSER)
def test_the_parser_refuses_in_words_that_are_understood(sent: bytes, refused: refusals.Refused) -> None:
    with pytest.raises(httptools.HttpParserError) as problem:
        httptools.HttpRequestParser(Nothing()).feed_data(sent)
    assert unreadable(str(problem.value), sent) is refused


def test_what_a_callback_raises_ends_the_parsing() -> None:
    class Raises:
        def on_header(self, name: bytes, value: bytes) -> None:
            raise ValueError(name)

    with pytest.raises(httptools.HttpParserCallbackError):
        httptools.HttpRequestParser(Raises()).feed_data(HEAD + b"\r\n")


def test_an_upgrade_says_where_the_rest_begins() -> None:
    ask = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 3\r\n\r\n"
    with pytest.raises(httptools.HttpParserUpgrade) as upgrade:
        httptools.HttpRequestParser(Nothing()).feed_data(ask + b"abc")
    assert upgrade.value.args[0] == len(ask)


def test_no_older_library_is_installed_than_was_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"uvicorn>=0.54", "httptools>=0.9"} <= set(project["dependencies"])
