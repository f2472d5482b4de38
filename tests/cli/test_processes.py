"""A test that follows a process never waits for ever, whatever that does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.processes import following

SHORT_SECONDS, LONG_SECONDS = 0.5, 600.0
SILENT = f"import time\ntime.sleep({LONG_SECONDS})"
LEAVES_ANOTHER = f"""
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep({LONG_SECONDS})"])
print("left", left.pid, flush=True)
"""


def started(program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-c", program]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_one_that_says_nothing_is_waited_for_as_long_as_stated_and_is_ended_with_the_block() -> None:
    began = time.monotonic()
    process = started(SILENT)
    with (
        pytest.raises(AssertionError, match="nothing of it is not in"),
        following(process, patience=SHORT_SECONDS) as it,
    ):
        it.wait_for("nothing of it")
    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < LONG_SECONDS / 10


def test_what_it_started_and_left_behind_with_its_output_fails_the_test_and_is_not_waited_for() -> None:
    process = started(LEAVES_ANOTHER)
    assert process.stdout is not None
    left = int(process.stdout.readline().removeprefix("left "))
    try:
        assert process.wait(LONG_SECONDS / 10) == 0
        began, followed = time.monotonic(), following(process, patience=SHORT_SECONDS)
        it = followed.__enter__()
        with pytest.raises(AssertionError, match="still has its output"):
            followed.__exit__(None, None, None)
        assert time.monotonic() - began < LONG_SECONDS / 10
    finally:
        os.kill(left, signal.SIGKILL)
    with it.changed:
        assert it.changed.wait_for(lambda: it.ended == 2, LONG_SECONDS / 10)
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def test_the_last_that_it_says_is_kept() -> None:
    with following(started("print('first')\nprint('last')")) as it:
        it.wait_for("last")
        it.process.wait(LONG_SECONDS / 10)
    assert it.lines == ["first", "last"]
    assert it.process.stdout is not None
    assert it.process.stdout.closed
