"""Processes with a spool, one after the other, each killed at a step. They are forked: most of a start is imports.

`python -m tests.chaos.spool_lives`: each line that it reads is a life, `URL FOLDER FIRST LAST FAILPOINT:N`, of a
process as `tests.delivery.spool_process` describes it. It says the number of each hit that was taken, and `ended CODE`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.chaos.failpoints import arm
from tests.chaos.launcher import dying
from tests.delivery.spool_process import main, say


def live(url: str, folder: str, first: str, last: str, failpoint: str) -> None:
    """One life, which ends the process."""
    name, _, nth = failpoint.partition(":")
    arm(name, dying(name, int(nth)))
    code = 1
    try:
        asyncio.run(main(url, Path(folder), int(first), int(last)))
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    for line in sys.stdin:
        child = os.fork()
        if not child:
            live(*line.split())
        say(f"ended {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}")
