"""What the preview page can have done: for its session, with a draft, and with hits by hand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException

from container.preview.answers import hit_in, kept, number_in, text_in, whole
from container.preview.bench import Bench, Source
from container.preview.codes import codes_of
from container.preview.comparing import differing
from container.preview.drafts import NAME, Draft
from container.preview.rules import rules_of
from container.preview.sessions import Session
from container.preview.stated import stated_address

BY = "admin_token"
LONGEST_FILENAME = 200
MODES = ("dry", "test", "send")

OF_TAILS = frozenset({"clear", "end"})
"""All that can be changed of a tail."""

TAIL_ONLY_LOOKS = "A tail only looks on at live traffic. Start a preview to try, to send or to change something."
REVEAL_REFUSED = (
    "A tail stays masked: nobody sees visitors of the live traffic whole, not even with the admin token. "
    "To see everything of a request, send it yourself in a preview."
)

logger = logging.getLogger("container.web")

Change = Callable[[Session, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class Changes:
    """By name in `all`. Each takes what was sent, and gives what is answered."""

    def __init__(self, bench: Bench, clock: Callable[[], float]) -> None:
        self._bench, self._clock = bench, clock
        self.all: Mapping[str, Change] = {
            "reveal": self.reveal,
            "link": self.link,
            "mode": self.mode,
            "codes": self.codes,
            "rules": self.rules,
            "clear": self.clear,
            "end": self.end,
            "draft": self.draft,
            "publish": self.publish,
            "restore": self.restore,
            "compose": self.compose,
            "replay": self.replay,
            "compare": self.compare,
        }

    async def reveal(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        number = number_in(stated, "number")
        record = kept(session, number)
        logger.info("preview.revealed session=%s record=%d by=%s", session.id, number, BY)
        return whole(record)

    async def link(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        """A link's path, and all of it where the address is stated that it begins with."""
        address = _address_in(stated) if "address" in stated else None
        code = await self._bench.sessions.link(session, self._clock())
        logger.info("preview.link_made session=%s by=%s", session.id, BY)
        # Behind an address that somebody has stated, its own path is there already.
        mounted = "" if self._bench.public else self._bench.prefix
        path = f"{mounted}/_preview/{code}"
        return {"path": path} if address is None else {"path": path, "link": f"{address}{path}"}

    async def mode(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        mode = stated.get("mode")
        if mode not in MODES:
            raise HTTPException(422, 'A mode is "dry", "test" or "send".')
        if mode != session.mode:
            session.mode = mode
            logger.info("preview.mode session=%s mode=%s by=%s", session.id, mode, BY)
        return {"mode": session.mode}

    async def codes(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        codes = stated.get("codes")
        if not isinstance(codes, dict) or not all(isinstance(code, str) for code in codes.values()):
            raise HTTPException(422, "The codes are texts by name of the tag.")
        known = {tag["name"] for tag in self._bench.tags(session) if tag.get("test_code")}
        found = codes_of(codes, known)
        session.test_codes.clear()
        session.test_codes.update(found)
        return {"codes": dict(session.test_codes)}

    async def rules(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        session.rules[:] = rules_of(stated.get("rules"))
        logger.info("preview.rules session=%s count=%d by=%s", session.id, len(session.rules), BY)
        return {"rules": [each.told() for each in session.rules]}

    async def clear(self, session: Session, _stated: Mapping[str, Any]) -> Mapping[str, Any]:
        session.records.clear()
        return {}

    async def end(self, session: Session, _stated: Mapping[str, Any]) -> Mapping[str, Any]:
        self._bench.sessions.end(session)
        logger.info("preview.ended session=%s by=%s", session.id, BY)
        return {}

    async def draft(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        text = text_in(stated, "text")
        # It stands beside each problem.
        filename = text_in(stated, "filename")[:LONGEST_FILENAME] or NAME
        problems = await self._bench.draft(session, text, filename)
        tell_draft(session, problems)
        tests = await self._bench.tests(session)
        return {"problems": list(problems), "draft": session.draft is not None, "tests": tests}

    async def publish(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        self._is_allowed()
        await self._bench.publish(session, by=BY, note=text_in(stated, "note"), shown=text_in(stated, "digest"))
        return {}

    async def restore(self, _session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        self._is_allowed()
        note, shown = text_in(stated, "note"), text_in(stated, "digest")
        await self._bench.restore(number_in(stated, "number"), by=BY, note=note, shown=shown)
        return {}

    async def compose(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"number": await self._run(session, hit_in(stated), "composed")}

    async def replay(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        hit = _hit_of(session, number_in(stated, "number"))
        return {"number": await self._run(session, hit, "replayed")}

    async def compare(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        number = None if stated.get("number") is None else number_in(stated, "number")
        hit = hit_in(stated) if number is None else _hit_of(session, number)
        is_draft, reveals = session.draft is not None, number is not None and stated.get("whole") is True
        told = await self._bench.compared(session, hit)
        if reveals:
            logger.info("preview.revealed session=%s record=%d by=%s", session.id, number, BY)
        return {**await asyncio.to_thread(self._sides, told, session, whole=reveals), "is_draft": is_draft}

    async def _run(self, session: Session, hit: Mapping[str, Any], source: Source) -> int:
        mode = session.mode
        number = await self._bench.run(session, hit, source=source)
        # Something of it may have left.
        if mode != "dry" and source == "composed":
            logger.info("preview.composed session=%s record=%d mode=%s by=%s", session.id, number, mode, BY)
        elif mode != "dry":
            logger.info("preview.replayed session=%s record=%d mode=%s by=%s", session.id, number, mode, BY)
        return number

    def _sides(self, told: Mapping[str, Any], session: Session, *, whole: bool) -> Mapping[str, Any]:
        """What live and draft would do, and where they differ: by the real values, also where they are masked."""
        live, draft = told["live"], told["draft"]
        shown = (
            [live, draft] if whole else [self._bench.hide({"told": side}, session)["told"] for side in (live, draft)]
        )
        return {"live": shown[0], "draft": shown[1], "differing": differing(live, draft, *shown)}

    def _is_allowed(self) -> None:
        if not self._bench.can_publish:
            raise HTTPException(403, "This server does not publish. Start it with --allow-publish.")


def _address_in(stated: Mapping[str, Any]) -> str:
    try:
        return stated_address(text_in(stated, "address"))
    except ValueError as problem:
        raise HTTPException(422, str(problem)) from None


def _hit_of(session: Session, number: int) -> Mapping[str, Any]:
    """The hit of a record, and when it came."""
    record = kept(session, number)
    return {**record["hit"], "at": record.get("at")}


def tell_draft(session: Session, problems: Sequence[Mapping[str, Any]]) -> None:
    """Says in the log which draft the session runs from now on, or that it runs the live file again."""
    if any(each["level"] == "error" for each in problems):
        return
    draft: Draft | None = session.draft
    version = "live" if draft is None else draft.container.version
    logger.info("preview.draft session=%s version=%s by=%s", session.id, version, BY)
