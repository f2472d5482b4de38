"""Log lines on stderr: one line per thing that happened, the event's name first, nothing that a terminal obeys."""

from __future__ import annotations

import logging
import time
import traceback
from pathlib import Path

from container.config.problem import printable

QUIET = ("httpx", "httpcore", "aiohttp", "asyncio", "watchfiles")
"""Libraries that would log addresses with tokens in them, or every small thing that they do."""

_LINE_BREAKS = dict.fromkeys((0x2028, 0x2029), "\ufffd")
"""Unicode's own, which some readers of logs take for the end of a line."""


class LineFormatter(logging.Formatter):
    """`2026-01-01T10:00:00.000Z INFO config.reloaded version=…`. An exception is its class and place, not its text."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = f"{moment}.{int(record.msecs):03}Z {record.levelname} {record.getMessage().strip()}"
        if record.exc_info and record.exc_info[1] is not None:
            line += _place(record.exc_info[1])
        return printable(line).translate(_LINE_BREAKS)


def log_to_stderr(level: str) -> None:
    """Sets up logging for this process. `level`: DEBUG, INFO, WARNING or ERROR."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns of each request that is no HTTP, so that anybody could fill the log; we count those.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def _place(problem: BaseException) -> str:
    """Messages of exceptions quote values, and values may be personal."""
    frames = traceback.extract_tb(problem.__traceback__)
    where = f" at={Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f" error={type(problem).__name__}{where}"
