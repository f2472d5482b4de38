"""What was tried with a delivery: its last attempts, a line each."""

from __future__ import annotations

from container.delivery.store import Answer

MOST_ATTEMPTS = 10
"""Of a delivery that is tried for two days the latest say enough."""

LONGEST_EXCERPT = 200


def history_line(tried: Answer | None) -> str:
    """An attempt as it is kept, without its end of line; empty for none."""
    if tried is None:
        return ""
    excerpt = " ".join(tried.excerpt.split())[:LONGEST_EXCERPT]
    return f"{tried.at}\t{tried.status}\t{tried.verdict}\t{excerpt}"


def appended(history: str, line: str) -> str:
    """The history with one more line, and without what is too long ago. Called by SQLite, row by row."""
    lines = [*filter(None, history.split("\n")), *filter(None, (line,))]
    return "\n".join(lines[-MOST_ATTEMPTS:])


def attempts_of(history: str) -> tuple[Answer, ...]:
    """The attempts of a history, the oldest first."""
    found = []
    for line in history.split("\n"):
        at, _, rest = line.partition("\t")
        status, _, rest = rest.partition("\t")
        verdict, _, excerpt = rest.partition("\t")
        if at.isdigit() and status.isdigit():
            found.append(Answer(int(at), int(status), verdict, excerpt))
    return tuple(found)
