"""Sets up the log of a process: where its lines go, in which form, and whose are shown."""

from __future__ import annotations

import logging
import sys
import threading
from io import TextIOWrapper
from types import TracebackType
from typing import Literal

from container.cli.log_json import JsonFormatter
from container.cli.log_limit import limited
from container.cli.logs import OURS, LineFormatter
from container.secret import Known

Format = Literal["text", "json"]

QUIET = ("httpx", "httpcore", "aiohttp", "asyncio", "watchfiles")
"""Libraries that would log addresses with tokens in them, or every small thing that they do."""

logger = logging.getLogger("container.cli")


def log_to_stderr(level: str, known: Known | None = None, format: Format = "text") -> None:
    """Sets up logging for this process. `level`: DEBUG, INFO, WARNING or ERROR, of our own lines.

    `known`: the secrets that no line shows. Of libraries warnings and errors are shown, whatever the level.
    """
    if isinstance(sys.stderr, TextIOWrapper):
        # Whatever the locale is: a line that is cut in half by its encoding would be no JSON.
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(known) if format == "json" else LineFormatter(known))
    limited(handler)
    logging.basicConfig(level=max(logging.WARNING, logging.getLevelName(level)), handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns of each request that is no HTTP, so that anybody could fill the log; we count those.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    # What Python itself would print about a mistake of ours holds values.
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    sys.excepthook = _ended
    threading.excepthook = lambda ended: _crashed(ended.exc_value)
    sys.unraisablehook = lambda ignored: _crashed(ignored.exc_value)


def speak_as(process: str) -> None:
    """Has each line say which of several processes it is of."""
    for handler in logging.root.handlers:
        if isinstance(handler.formatter, LineFormatter | JsonFormatter):
            handler.formatter.process = process


def _ended(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
    """An exception that nobody caught ends the process."""
    if not issubclass(kind, KeyboardInterrupt):
        _crashed(problem.with_traceback(trace))


def _crashed(problem: BaseException | None) -> None:
    logger.error("process.failed", exc_info=problem)
