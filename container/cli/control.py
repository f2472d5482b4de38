"""The control socket of a data folder: a running server answers on it, to whoever may open the folder's files.

Where no server runs, the same interface is asked within this process, over the store itself.
"""

from __future__ import annotations

import asyncio
import fcntl
import http.client
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

import orjson

from container.cli.build import build
from container.cli.crowd import Crowd
from container.cli.demo import FOLDER as DEMO_FOLDER
from container.cli.listeners import listening
from container.cli.sources import Sources, own_secret, secrets_from
from container.config.load import Secrets
from container.config.registry import discover
from container.delivery.remedies import advice
from container.delivery.schema import FILE, LOCK_FILE
from container.delivery.seal import KEY_FILE
from container.delivery.sqlite import open_store
from container.delivery.store import Store, StoreError, StoreRefusedError
from container.engine.container import Container
from container.web.caretaker import Caretaker
from container.web.ingest import Limits
from container.web.jobs import Jobs
from container.web.queue_api import LARGEST_BODY, PATH, Application, QueueApi, queue_app

SOCKET = "control.sock"
KEY = "TAG_CONTAINER_KEY"
LONGEST_PATH = 100
"""Bytes of an address of a socket: on every system a few more are allowed."""

BACKLOG = 16
ANSWER_SECONDS = 120.0
PIECE = 64 * 1024

Document = Mapping[str, Any]
T = TypeVar("T")


class ControlError(Exception):
    """Nobody could be asked, or the answer was no. The text says why, and what to do.

    `status`: of the answer, 0 without one. `elsewhere`: the other place, if that has a row of the number asked for.
    """

    def __init__(self, text: str, *, status: int = 0, elsewhere: str = "") -> None:
        super().__init__(text)
        self.status, self.elsewhere = status, elsewhere


class Control(Protocol):
    """The JSON interface of the queue, wherever it is. `running`: it is a server's. `shared`: over a database."""

    running: bool
    shared: bool

    async def ask(self, path: str, document: Document | None = None, **query: object) -> Any:
        """What a GET answers, or with a document a POST. Raises `ControlError`."""
        ...

    def stream(self, path: str, **query: object) -> AsyncIterator[bytes]:
        """The same, piece by piece. Raises `ControlError`."""
        ...


def control_socket(folder: Path) -> socket.socket:
    """A socket of this folder that listens, for its owner only. Raises `OSError`.

    To be called by the process that holds the folder's lock: a socket that is there belongs to one that is dead.
    """
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listening(bound, BACKLOG):
        remove_socket(folder)
        with _address(folder) as address:
            before = os.umask(0o177)
            try:
                bound.bind(address)
            finally:
                os.umask(before)
        (folder / SOCKET).chmod(0o600)
    return bound


def control_crowd() -> Crowd:
    """The connections of the socket: its requests may be slices of an import."""
    return Crowd(limits=Limits(body_bytes=LARGEST_BODY))


def remove_socket(folder: Path) -> None:
    """Nobody answers there any more."""
    with suppress(FileNotFoundError):
        (folder / SOCKET).unlink()


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def reached(data: Path, config: Path | None = None, *, secrets_dir: Path | None = None) -> AsyncIterator[Control]:
    """The interface of a data folder: its server's, or one in this process. Raises `ControlError`.

    `config`: the container file, for what only a container knows where no server runs. `secrets_dir`: where secrets
    are, and the key that seals the folder.
    """
    if not (data / FILE).exists():
        raise ControlError(f'"{data}" holds no deliveries. {_where_they_are(data)}')
    if await asyncio.to_thread(_answers, data):
        yield _Remote(data)
        return
    # Before anything else is found wrong: what a command would need where no server runs is no remedy then.
    _refuse_what_is_held(data)
    secrets = secrets_from(secrets_dir, os.environ)
    key = own_secret(secrets, KEY, secrets_dir)
    _refuse_what_would_be_made(data, key)
    container = None if config is None else container_for(config, secrets)
    try:
        # What the last server was sending is for the next one to find, and to tell of.
        opened = open_store(data, now=now_ms(), key=key, recover=False)
    except StoreRefusedError as problem:
        raise ControlError(f"No server answers on {data / SOCKET}, and {problem}") from None
    async with within(opened, container, folder=data) as control:
        yield control


@asynccontextmanager
async def within(
    store: Store,
    container: Container | None,
    *,
    folder: Path | None = None,
    clock: Callable[[], int] = now_ms,
    running: bool = False,
) -> AsyncIterator[Control]:
    """The interface over a store of this process, which is closed afterwards. `running`: others work on it too."""
    jobs = Jobs()
    try:
        caretaker = Caretaker(store, lambda: container, jobs=jobs, folder=folder, clock=clock)
        yield _Local(queue_app(QueueApi(caretaker, lambda _header: True, by="command")), running=running)
    finally:
        await jobs.close()
        await store.close()


class _Remote:
    """A server on its control socket."""

    running = True
    shared = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def ask(self, path: str, document: Document | None = None, **query: object) -> Any:
        def exchange() -> Any:
            with closing(_Connection(self._folder)) as connection:
                answer = _sent(connection, path, document, query)
                return _read(answer.status, answer.read())

        return await _in_thread(exchange)

    async def stream(self, path: str, **query: object) -> AsyncIterator[bytes]:
        with closing(_Connection(self._folder)) as connection:
            answer = await _in_thread(partial(_sent, connection, path, None, query))
            if answer.status != 200:
                _read(answer.status, await _in_thread(answer.read))
            while piece := await _in_thread(partial(answer.read1, PIECE)):
                yield piece


class _Local:
    """The interface as an application in this process."""

    def __init__(self, application: Application, *, running: bool = False) -> None:
        self._application = application
        self.running = self.shared = running

    async def ask(self, path: str, document: Document | None = None, **query: object) -> Any:
        messages = [message async for message in self._messages(path, document, query)]
        body = b"".join(message.get("body", b"") for message in messages[1:])
        return _read(messages[0]["status"], body)

    async def stream(self, path: str, **query: object) -> AsyncIterator[bytes]:
        async for message in self._messages(path, None, query):
            if message["type"] == "http.response.body":
                yield message.get("body", b"")

    async def _messages(
        self, path: str, document: Document | None, query: Mapping[str, object]
    ) -> AsyncIterator[Mapping[str, Any]]:
        coming: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(1)
        ended = asyncio.Event()
        bodies = [b"" if document is None else orjson.dumps(document)]

        async def receive() -> dict[str, Any]:
            if bodies:
                return {"type": "http.request", "body": bodies.pop(), "more_body": False}
            await ended.wait()
            return {"type": "http.disconnect"}

        target, _, asked = _target(path, query).partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET" if document is None else "POST",
            "path": target,
            "raw_path": target.encode(),
            "query_string": asked.encode(),
            "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
            "client": None,
            "root_path": "",
        }
        working = asyncio.ensure_future(self._application(scope, receive, coming.put))
        try:
            while True:
                taking = asyncio.ensure_future(coming.get())
                await asyncio.wait({taking, working}, return_when=asyncio.FIRST_COMPLETED)
                if not taking.done() and coming.empty():
                    taking.cancel()
                    _raise_what_failed(working)
                    return
                message = await taking
                yield message
                if message["type"] == "http.response.body" and not message.get("more_body", False):
                    return
        finally:
            ended.set()
            working.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({working})


def _raise_what_failed(working: asyncio.Future[None]) -> None:
    """A store that fails while an answer is on its way can only end it."""
    problem = working.exception()
    while isinstance(problem, ExceptionGroup):
        problem = problem.exceptions[0]
    if isinstance(problem, StoreError):
        raise ControlError(f"The store does not answer ({problem}).{advice(str(problem))}") from None
    if problem is not None:
        raise problem


class _Connection(http.client.HTTPConnection):
    """HTTP over the socket of a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._folder = folder

    def connect(self) -> None:
        self.sock = _connected(self._folder)
        self.sock.settimeout(ANSWER_SECONDS)


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    """Where the socket is. A path that is too long for an address is shortened, by way of the open folder."""
    path = str(folder / SOCKET)
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield path
        return
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{number}/{SOCKET}"
    finally:
        os.close(number)


def _connected(folder: Path) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(folder) as address:
            connected.connect(address)
    except OSError:
        connected.close()
        raise
    return connected


def _answers(folder: Path) -> bool:
    """Whether a server listens there."""
    try:
        _connected(folder).close()
    except OSError:
        return False
    return True


def _target(path: str, query: Mapping[str, object]) -> str:
    stated = urlencode({name: value for name, value in query.items() if value is not None})
    return f"{PATH}{path}?{stated}" if stated else f"{PATH}{path}"


def _sent(
    connection: _Connection, path: str, document: Document | None, query: Mapping[str, object]
) -> http.client.HTTPResponse:
    body = None if document is None else orjson.dumps(document)
    headers = {} if body is None else {"content-type": "application/json"}
    connection.request("GET" if body is None else "POST", _target(path, query), body, headers)
    return connection.getresponse()


async def _in_thread(work: Callable[[], T]) -> T:
    """What the work returns that waits for the server. Raises `ControlError` when that is gone."""
    try:
        return await asyncio.to_thread(work)
    except (OSError, http.client.HTTPException) as problem:
        said = f"The server does not answer any more ({type(problem).__name__})"
        raise ControlError(f"{said}: it was stopped, or is stopping. Try again in half a minute.") from None


def _read(status: int, body: bytes) -> Any:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ControlError(f"The server answered with {status}.") from None
    if status >= 400:
        said, elsewhere = str(document.get("error", status)), str(document.get("elsewhere", ""))
        raise ControlError(said, status=status, elsewhere=elsewhere)
    return document


def _where_they_are(data: Path) -> str:
    demonstration = data / DEMO_FOLDER
    if (demonstration / FILE).exists():
        return f"Those of a demonstration are in another folder: --data {demonstration}"
    return "Name the folder of the server with --data."


def _refuse_what_is_held(data: Path) -> None:
    """A process that works with the folder and answers nobody: nothing can be done until it does, or has ended."""
    try:
        with (data / LOCK_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ControlError(
            f'No server answers on {data / SOCKET}, and another process works with the data folder "{data}": a server '
            "that is starting or stopping, or another command. Try again in half a minute. If it stays like that, use "
            "the admin page; the server's log says why (control.closed)."
        ) from None
    except OSError:
        return


def _refuse_what_would_be_made(data: Path, key: str) -> None:
    """Nothing may come into a folder that its server would stumble on: another key, or files of another user."""
    if not key and not (data / KEY_FILE).exists():
        raise ControlError(
            f'"{data}" holds no key: either its file "{KEY_FILE}" was not copied with the rest, or it is sealed with '
            f"{KEY}. Put the file back; or set that, or name the folder of its file with --secrets-dir."
        )
    owner = (data / FILE).stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        raise ControlError(
            f"No server answers on {data / SOCKET}, and what root writes there the server could not read. Start the "
            f"server, or run this as its user: sudo -u '#{owner}' …"
        )


def container_for(config: Path, secrets: Secrets) -> Container:
    """The container of a file. Raises `ControlError` with what is wrong with it."""
    sources = Sources(config, discover(), os.environ, secrets)
    found = build(sources)
    if found.container is None:
        raise ControlError(found.loaded.report())
    return found.container
