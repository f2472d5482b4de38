"""The board on which processes say how they stand: what is on it is whole, and outlives whoever wrote it."""

from __future__ import annotations

import os
import random
import signal
import time

from container.cli.board import MOST_BYTES, Place, board


def forked_writer(place: Place) -> int:
    """A process that writes again and again, each time one byte, repeated."""
    process = os.fork()
    if not process:
        try:
            for number in range(1 << 30):
                place.write(bytes([number % 256]) * (1 + number % 70_000))
        finally:
            os._exit(1)
    return process


def test_what_was_written_last_is_read_and_each_place_is_its_own() -> None:
    first, second = board(2)
    assert first.read() == second.read() == b""
    for content in (b"one", b"two, and longer", b"3", b""):
        assert first.write(content)
        assert first.read() == content
    assert second.read() == b""


def test_what_is_too_long_is_not_written() -> None:
    [place] = board(1)
    assert place.write(b"x" * MOST_BYTES)
    assert not place.write(b"y" * (MOST_BYTES + 1))
    assert place.read() == b"x" * MOST_BYTES


def test_whoever_is_killed_while_it_writes_leaves_what_was_whole() -> None:
    [place] = board(1)
    chance = random.Random(7)
    for _ in range(20):
        process = forked_writer(place)
        try:
            deadline = time.monotonic() + 30
            before = place.read()
            while place.read() == before:
                assert time.monotonic() < deadline
            for _ in range(chance.randrange(50)):
                content = place.read()
                # While it is being written to, too.
                assert content
                assert content == content[:1] * len(content)
        finally:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        content = place.read()
        assert content == content[:1] * len(content) != b""
        # Who comes after it goes on.
        assert place.write(b"next")
        assert place.read() == b"next"
