"""What the preview page can have done: for its session, with a draft, and with hits by hand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException

from container.preview.answers import hit_in, kept, number_in, text_in, whole
from container.preview.bench import Bench
from container.preview.rules import rules_of
from container.preview.sessions import Session

BY = "admin_token"
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

    async def link(self, session: Session, _stated: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"path": f"/_preview/{await self._bench.sessions.link(session, self._clock())}"}

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
        session.test_codes.clear()
        session.test_codes.update({tag: code.strip() for tag, code in codes.items() if tag in known and code.strip()})
        return {"codes": dict(session.test_codes)}

    async def rules(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        session.rules[:] = rules_of(stated.get("rules"))
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
        problems = await self._bench.draft(session, text, text_in(stated, "filename") or "draft.yaml")
        return {"problems": list(problems), "draft": session.draft is not None}

    async def publish(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        self._is_allowed()
        await self._bench.publish(session, by=BY, note=text_in(stated, "note"), seen=text_in(stated, "seen"))
        return {}

    async def restore(self, _session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        self._is_allowed()
        note, seen = text_in(stated, "note"), text_in(stated, "seen")
        await self._bench.restore(number_in(stated, "number"), by=BY, note=note, seen=seen)
        return {}

    async def compose(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"number": await self._bench.run(session, hit_in(stated), source="composed")}

    async def replay(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        hit = kept(session, number_in(stated, "number"))["hit"]
        return {"number": await self._bench.run(session, hit, source="replayed")}

    async def compare(self, session: Session, stated: Mapping[str, Any]) -> Mapping[str, Any]:
        number = stated.get("number")
        hit = hit_in(stated) if number is None else kept(session, number_in(stated, "number"))["hit"]
        is_draft = session.draft is not None
        told = await self._bench.compared(session, hit)
        sides = {side: await asyncio.to_thread(self._shown, told[side], session) for side in ("live", "draft")}
        return {**sides, "is_draft": is_draft}

    def _shown(self, told: Mapping[str, Any], session: Session) -> Any:
        return self._bench.hide({"told": told}, session)["told"]

    def _is_allowed(self) -> None:
        if not self._bench.can_publish:
            raise HTTPException(403, "This server does not publish. Start it with --allow-publish.")
