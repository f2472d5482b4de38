"""What the fault sink writes down: a line of JSON for each request, on disk before the request is answered."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Line:
    """One request, or a connection on which none came.

    `at`: when it came, Unix milliseconds. `lane`: the port's name. `of`: what the events say whose they are.
    `events`: id and SHA-256 of each event's bytes, in order. `verdict`: what was meant to become of it. `taken`: places
    of the events that the vendor took. `unheard`: its answer may have got lost. `wait`: seconds that it asked to be
    left alone. `beside`: ids of the events that another request, not answered yet, held at that moment.
    """

    at: float
    lane: str
    size: int
    of: Sequence[str]
    events: Sequence[tuple[str, str]]
    verdict: str
    taken: Sequence[int]
    unheard: bool = False
    wait: float = 0.0
    beside: Sequence[str] = ()

    def accepted(self) -> Iterator[tuple[str, str]]:
        """Id and hash of the events that the vendor took."""
        return (self.events[place] for place in self.taken)


class Ledger:
    """Appends lines. What is written together is flushed together."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def write(self, line: Line) -> None:
        """Returns when the line is on disk."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((json.dumps(asdict(line)).encode() + b"\n", done))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await done

    def close(self) -> None:
        """Nothing is written afterwards."""
        os.close(self._file)

    async def _flush(self) -> None:
        while self._waiting:
            together, self._waiting = self._waiting, []
            await asyncio.get_running_loop().run_in_executor(None, self._append, b"".join(each for each, _ in together))
            for _, done in together:
                if not done.done():
                    done.set_result(None)

    def _append(self, content: bytes) -> None:
        written = os.write(self._file, content)
        assert written == len(content), "the ledger is cut short"
        os.fdatasync(self._file)


def lines_of(path: Path) -> list[Line]:
    """What a ledger holds. The sink is not killed, so a line that is cut short is a fault of the test."""
    return [_line_of(each) for each in path.read_bytes().splitlines()]


class Following:
    """A ledger that is still written: each call of `read` gives the lines that are new."""

    def __init__(self, path: Path) -> None:
        self._path, self._place = path, 0

    def read(self) -> list[Line]:
        with self._path.open("rb") as file:
            file.seek(self._place)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._place += len(whole)
        return [_line_of(each) for each in whole.splitlines()]


def _line_of(written: bytes) -> Line:
    stated = json.loads(written)
    return Line(**stated | {"events": [(name, digest) for name, digest in stated["events"]]})


def events_in(body: bytes) -> list[tuple[str, str, str]]:
    """Id, owner and SHA-256 of each event of a request: the items of `data`, or the whole body as one event."""
    text = body.decode("utf-8", "replace")
    return [(*_said(each), hashlib.sha256(each.encode()).hexdigest()) for each in _pieces(text) if each]


_LIST = '"data":['


def _pieces(text: str) -> list[str]:
    """The items as they stand in the request, not as a parser would write them again."""
    place = text.find(_LIST)
    if place < 0:
        return [text]
    place += len(_LIST)
    decoder, found = json.JSONDecoder(), []
    try:
        while text[place] != "]":
            _, end = decoder.raw_decode(text, place)
            found.append(text[place:end])
            place = end + (text[end] == ",")
    except (ValueError, IndexError):
        return [text]
    return found


def _said(text: str) -> tuple[str, str]:
    """The event's id and whose it is, empty where it does not say."""
    try:
        event = json.loads(text)
    except ValueError:
        return "", ""
    if not isinstance(event, dict):
        return "", ""
    properties = event.get("properties")
    described = properties.get("description", "") if isinstance(properties, dict) else ""
    return str(event.get("event_id", "")), str(event.get("lane", described))
