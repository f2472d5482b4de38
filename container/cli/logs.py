"""Log lines on stderr: one line per thing that happened, the event's name first, nothing that a terminal obeys.

Our own lines are written in the knowledge of what may stand in them. Of what a library says only the beginning is
shown, since it may go on with whatever it stumbled on; and no line shows the value of a secret.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
import traceback
from pathlib import Path
from types import TracebackType

from container.delivery.told import one_line, quoted
from container.secret import Known

OURS = ("container", "clients", "variables", "triggers", "tags")
"""The names of our own packages, and so of our loggers."""

QUIET = ("httpx", "httpcore", "aiohttp", "asyncio", "watchfiles")
"""Libraries that would log addresses with tokens in them, or every small thing that they do."""

_VALUES = re.compile(r"[\n\r({\[<'\"=].*", re.DOTALL)
"""Where a library's own words end, and the values that it speaks of may begin."""

logger = logging.getLogger("container.cli")


class LineFormatter(logging.Formatter):
    """`2026-01-01T10:00:00.000Z INFO config.reloaded version=…`. An exception is its class and place, not its text.

    `known`: the secrets that no line shows.
    """

    def __init__(self, known: Known | None = None) -> None:
        super().__init__()
        self._known = known or Known()

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = f"{moment}.{int(record.msecs):03}Z {record.levelname} {_said(record, self._known)}"
        if record.exc_info and record.exc_info[1] is not None:
            line += _place(record.exc_info[1])
        return one_line(self._known.masked(line))


def log_to_stderr(level: str, known: Known | None = None) -> None:
    """Sets up logging for this process. `level`: DEBUG, INFO, WARNING or ERROR, of our own lines.

    `known`: the secrets that no line shows. Of libraries warnings and errors are shown, whatever the level.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(known))
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


def _said(record: logging.LogRecord, known: Known) -> str:
    """What one of ours says, or what a library says as far as that is its own words."""
    try:
        said = record.getMessage().strip()
    except (TypeError, ValueError):
        # Its values do not fit into its text: a mistake of ours, but no reason to lose the line.
        return f"log.failed line={Path(record.pathname).name}:{record.lineno}"
    if record.name.partition(".")[0] in OURS:
        return said
    # Before it is cut: half of a secret would not be found.
    return f"library.said name={record.name} text={quoted(_VALUES.sub('', known.masked(said)).strip())}"


def _place(problem: BaseException) -> str:
    """Messages of exceptions quote values, and values may be personal."""
    frames = traceback.extract_tb(problem.__traceback__)
    where = f" at={Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f" error={type(problem).__name__}{where}"


def _ended(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
    """An exception that nobody caught ends the process."""
    if not issubclass(kind, KeyboardInterrupt):
        _crashed(problem.with_traceback(trace))


def _crashed(problem: BaseException | None) -> None:
    logger.error("process.failed", exc_info=problem)
