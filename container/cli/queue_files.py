"""Files of rows: written by `queue export`, read by `queue import`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, get_args

import orjson

from container.cli.control import Control, ControlError
from container.cli.working import progress
from container.delivery.selection import Place

ROWS_AT_ONCE, BYTES_AT_ONCE = 500, 4 << 20


async def export_rows(
    control: Control, file: Path, *, place: Place | None = None, lane: int | None = None, reason: str | None = None
) -> tuple[int, int]:
    """How many rows were written, and how many of those that are there could not be read. All that is not said: any."""
    places = get_args(Place) if place is None else (place,)
    total = sum([(await control.ask("/count", place=each, lane=lane, reason=reason))["rows"] for each in places])
    written = 0
    with _written(file) as output, progress("export") as shown:
        # The last line is no row: it says how many there were.
        last = b""
        async for piece in control.stream("/export", place=place, lane=lane, reason=reason, end=1):
            last += piece
            whole = last.rfind(b"\n", 0, len(last) - 1) + 1
            output.write(last[:whole])
            written += last.count(b"\n", 0, whole)
            last = last[whole:]
            shown(written, max(total, written))
        said = _end(last)
        if said is None or said["rows"] != written:
            raise ControlError("The export was cut off, so it is not complete: begin it again.")
    return written, said["unreadable"]


async def import_rows(control: Control, file: Path) -> dict[str, int]:
    """What became of the lines of a file."""
    size = _size(file)
    number: int | None = None
    found = {"taken": 0, "known": 0, "damaged": 0, "full": 0}
    damaged = done = 0
    with _read(file) as lines, progress("import") as shown:
        for rows, unreadable, read in _slices(lines):
            damaged += unreadable
            done += read
            found = await control.ask("/import", {"rows": rows, "import": number})
            number = found["import"]
            shown(done, max(size, done))
        if number is not None:
            found = await control.ask("/import", {"rows": [], "import": number, "last": True, "unreadable": damaged})
    return {**found, "damaged": found["damaged"] + damaged}


def _size(file: Path) -> int:
    """In bytes, 0 where that is not known."""
    return file.stat().st_size if str(file) != "-" and file.exists() else 0


def _end(line: bytes) -> dict[str, int] | None:
    """What the last line of an export says, `None` when it is a row, or none at all."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    end = found.get("end")
    return end if isinstance(end, dict) else None


@contextmanager
def _written(file: Path) -> Iterator[BinaryIO]:
    """The file, readable by its owner only, there as a whole or not at all. `-` is the standard output.

    What is there and no plain file, such as a pipe, is written to as it is.
    """
    if str(file) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        if file.exists() and not file.is_file():
            with file.open("wb") as output:
                yield output
            return
        with _replaced(file.resolve()) as output:
            yield output
    except OSError as problem:
        raise ControlError(f'"{file}" cannot be written ({problem.strerror or problem}).') from None


@contextmanager
def _replaced(file: Path) -> Iterator[BinaryIO]:
    aside = file.with_name(f"{file.name}.part")
    try:
        aside.unlink(missing_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
            yield output
            output.flush()
            os.fsync(output.fileno())
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def _read(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        with file.open("rb") as lines:
            yield lines
    except OSError as problem:
        raise ControlError(f'"{file}" cannot be read ({problem.strerror or problem}).') from None


def _slices(lines: BinaryIO) -> Iterator[tuple[list[dict[str, Any]], int, int]]:
    """Some rows at a time, with how many lines were none, and the bytes that were read."""
    rows: list[dict[str, Any]] = []
    unreadable = read = size = 0
    for line in lines:
        read += len(line)
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            row = None
        if not isinstance(row, dict):
            unreadable += 1
            continue
        rows.append(row)
        size += len(line)
        if len(rows) >= ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
            yield rows, unreadable, read
            rows, unreadable, read, size = [], 0, 0, 0
    if rows or unreadable:
        yield rows, unreadable, read
