"""Runs the command with a failpoint: at its nth passing the process ends at once, as if it was killed.

    python -m tests.chaos.launcher NAME:N serve …

Nothing of the product knows of it: named functions are wrapped before the command is read.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

EXIT_CODE = 137
"""What a shell says of a process that was killed."""

REACHED = "failpoint.reached"


def dying(name: str, nth: int) -> Callable[..., None]:
    """Counts, and ends the process when it is called for the nth time, from whichever thread.

    `first`: what is done just before.
    """
    left, lock = [nth], threading.Lock()

    def die(first: Callable[[], object] = lambda: None) -> None:
        with lock:
            left[0] -= 1
            if left[0] == 0:
                first()
                os.write(2, f"{REACHED} name={name}\n".encode())
                os._exit(EXIT_CODE)

    return die


def main(failpoint: str, *arguments: str) -> None:
    """The command with these arguments."""
    # The command looks at its arguments as soon as it is imported.
    sys.argv = ["tag-container", *arguments]
    from container.cli import main as command
    from tests.chaos.failpoints import arm

    name, _, nth = failpoint.partition(":")
    arm(name, dying(name, int(nth or 1)))
    command()


if __name__ == "__main__":
    main(*sys.argv[1:])
