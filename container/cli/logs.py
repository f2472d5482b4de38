"""Log lines on stderr: one line per thing that happened, the event's name first, nothing that a terminal obeys.

Our own lines are written in the knowledge of what may stand in them. Of what a library says only the beginning is
shown, since it may go on with whatever it stumbled on; and no line shows the value of a secret. `log_json` writes the
same lines as JSON, `log_setup` chooses.
"""

from __future__ import annotations

import logging
import re
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

from container.delivery.told import one_line, quoted
from container.secret import Known

OURS = ("container", "clients", "variables", "triggers", "tags")
"""The names of our own packages, and so of our loggers."""

_VALUES = re.compile(r"[\n\r({\[<'\"=].*", re.DOTALL)
"""Where a library's own words end, and the values that it speaks of may begin."""

did_not_fit = "log.failed"
"""A line whose values do not fit into its text: a mistake of ours, but no reason to lose it."""


class LineFormatter(logging.Formatter):
    """`2026-01-01T10:00:00.000Z INFO config.reloaded version=…`. An exception is its class and place, not its text.

    `known`: the secrets that no line shows. `process`: which of several says it, empty where there is one.
    """

    def __init__(self, known: Known | None = None) -> None:
        super().__init__()
        self._known = known or Known()
        self.process = ""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{moment(record)} {record.levelname} {_said(record, self._known)}"
        if record.exc_info and record.exc_info[1] is not None:
            line += "".join(f" {name}={value}" for name, value in place(record.exc_info[1]).items())
        if self.process:
            line += f" process={self.process}"
        return one_line(self._known.masked(line))


def moment(record: logging.LogRecord) -> str:
    """`2026-01-01T10:00:00.000Z`."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03}Z"


def is_ours(record: logging.LogRecord) -> bool:
    """Whether one of our own packages says it."""
    return record.name.partition(".")[0] in OURS


def event_of(record: logging.LogRecord) -> str:
    """What happened, as the line's text has it: nothing that fills the text belongs to it."""
    return str(record.msg).strip().partition(" ")[0] if is_ours(record) else "library.said"


def their_words(said: str, known: Known) -> str:
    """Of what a library says, as far as that is its own words."""
    # Before it is cut: half of a secret would not be found.
    return _VALUES.sub("", known.masked(said.strip())).strip()


def at_line(record: logging.LogRecord) -> str:
    """Where in the code it was said."""
    return f"{Path(record.pathname).name}:{record.lineno}"


def place(problem: BaseException) -> Mapping[str, str]:
    """The class of an exception, and where it was raised. Messages quote values, and values may be personal."""
    frames = traceback.extract_tb(problem.__traceback__)
    where = {"at": f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"} if frames else {}
    return {"error": type(problem).__name__, **where}


def _said(record: logging.LogRecord, known: Known) -> str:
    try:
        said = record.getMessage().strip()
    except (TypeError, ValueError):
        return f"{did_not_fit} line={at_line(record)}"
    return said if is_ours(record) else f"library.said name={record.name} text={quoted(their_words(said, known))}"
