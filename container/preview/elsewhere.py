"""A draft that was made at another process, as far as it runs at this one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from container.config.problem import Problem
from container.preview.bench import RefusedError
from container.preview.drafts import Draft, Live, drafted
from container.preview.sessions import Unready

COMPILING = "The draft is still being compiled at this process, so the live file ran, and nothing was sent."
_NOT_HERE = "The draft does not run at this process, so the live file did, and nothing was sent"


async def compiled(draft: Unready, live: Live) -> Draft | Unready:
    """The draft beside the file in force, or why it cannot be had, such as for a secret that only others have."""
    found = await asyncio.to_thread(drafted, draft.text, live, filename=draft.filename)
    return found if isinstance(found, Draft) else Unready(draft.text, draft.filename, _why(found))


def file_in_force(live: Callable[[], Live]) -> Live | None:
    """The file, `None` where this process has none."""
    try:
        return live()
    except RefusedError:
        return None


def without_file(draft: Unready) -> Unready:
    """The draft where there is no file beside which it could be compiled."""
    return Unready(draft.text, draft.filename, f"{_NOT_HERE}: it has no container file of its own.")


def _why(problems: Sequence[Problem]) -> str:
    first, *rest = [each for each in problems if each.level == "error"]
    more = f" There are {len(rest)} more problems." if rest else ""
    return f"{_NOT_HERE}: line {first.line}, {first.sentence}{more}"
