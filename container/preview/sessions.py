"""Sessions of preview: who may open one, which hits are of one, and when it is over.

Three different secrets lead to a session: its mark (in the cookie and the header of hits), single-use codes (in the
link that sets the cookie), and its share token (for looking only). Each is looked up by its SHA-256, so that no
comparison takes longer for a guess that is nearly right. `now` is Unix time in seconds.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

from container.preview.lock import Lock
from container.preview.ring import Ring
from container.preview.rules import Rule
from container.preview.tail import Tail
from container.secret import digest

logger = logging.getLogger("container.preview")

Mode = Literal["dry", "test", "send"]
Standing = Literal["dry", "test", "send", "tail"]

MOST_SESSIONS = 10
IDLE_SECONDS = 2 * 3600
LONGEST_SECONDS = 12 * 3600
CODE_SECONDS = 5 * 60
MOST_CODES = 10
"""Links of a session that wait for their use; of more, the oldest ends."""

LONGEST_SECRET = 100
"""No secret of ours is longer. What is longer is wrong, without a look."""


TOO_MANY = f"{MOST_SESSIONS} previews are open already. End one of them first."
NO_TAIL = "Tails are off. Start the server with --tail to look at a masked sample of its live traffic."


class SessionError(Exception):
    """No session is opened. The text says why, and what to do."""


class TooManyError(SessionError):
    """There are as many sessions as there may be."""


class NoTailError(SessionError):
    """This process opens no tails."""


class NotSharedError(SessionError):
    """The other processes could not be told. What is so here may be otherwise there until they are."""


@dataclass(frozen=True, slots=True)
class Unready:
    """A draft that this process cannot compile, though another one could. `why`: a sentence."""

    text: str
    filename: str
    why: str


@dataclass(eq=False)
class Session:
    """One session, in one event loop.

    `id`: in addresses of the admin's pages. `mark`: what hits carry. `share`: what somebody shows who may look only.
    `test_codes`: of vendors, by the name of the tag. `draft`: what hits run through, `None` for the live file.
    `ends`: when it is over unless something happens before. `tail`: what it takes of the live traffic where that is all
    it does; it then has no mark, no draft, no rules, no codes, and its mode stays `dry`. `unready`: the draft, where
    only others can run it; hits then run through the live file here, and nothing is sent.
    """

    id: str
    mark: str = field(repr=False)
    share: str = field(repr=False)
    started: float
    seen: float
    ends: float
    mode: Mode = "dry"
    test_codes: dict[str, str] = field(default_factory=dict, repr=False)
    draft: Any = field(default=None, repr=False)
    rules: list[Rule] = field(default_factory=list)
    records: Ring = field(default_factory=Ring, repr=False)
    tail: Tail | None = None
    unready: Unready | None = field(default=None, repr=False)

    def touch(self, now: float) -> None:
        """Something happened: the session lasts on, though not for ever."""
        self.seen = max(self.seen, now)
        self.ends = min(self.seen + IDLE_SECONDS, self.started + LONGEST_SECONDS)


@dataclass
class Wrong:
    """How often something led to no session, or no longer. `refused`: codes that were not looked at."""

    marks: int = 0
    codes: int = 0
    shares: int = 0
    refused: int = 0


class Others(Protocol):
    """The other processes that have the same sessions. All but `read` raise `NotSharedError`."""

    @property
    def unsure(self) -> str:
        """Why this process cannot tell whether a session's mode is still what it was, empty while it can."""
        ...

    async def started(self, session: Session) -> None:
        """Returns when all of them know the session. Raises `SessionError`, and then it is over."""
        ...

    async def told(self, session: Session) -> None:
        """Returns when what was changed of the session, if anything, is where they look. So it is when it is over."""
        ...

    async def offered(self, session: Session, code: bytes, now: float) -> None:
        """Returns when all of them know the code, of which this is the digest."""
        ...

    async def used(self, code: bytes, now: float) -> bool:
        """Uses the code up for all of them. Whether none of them had."""
        ...

    async def read(self, session: Session) -> None:
        """Gets what they have recorded, as far as it can be had."""
        ...


class Alone:
    """There is no other process."""

    unsure = ""

    async def started(self, session: Session) -> None:
        """Everybody knows it."""

    async def told(self, session: Session) -> None:
        """There is nobody to tell."""

    async def offered(self, session: Session, code: bytes, now: float) -> None:
        """Everybody knows it."""

    async def used(self, code: bytes, now: float) -> bool:  # noqa: ARG002 - as the protocol has it
        return True

    async def read(self, session: Session) -> None:
        """Everything is here."""


class Sessions:
    """All sessions of a process. `changed`: called when the first one opens and when the last one is over.

    `tails`: whether this process may look at live traffic that carries no mark. Only here a tail is opened. `others`:
    the processes that have the same sessions.
    """

    def __init__(self, changed: Callable[[bool], None] = lambda _open: None, *, tails: bool = False) -> None:
        self.wrong, self.tails = Wrong(), tails
        self.others: Others = Alone()
        self._changed = changed
        self._sessions: dict[str, Session] = {}
        self._marks: dict[bytes, Session] = {}
        self._shares: dict[bytes, Session] = {}
        self._codes: OrderedDict[bytes, tuple[Session, float]] = OrderedDict()
        self.lock = Lock()

    @property
    def open(self) -> bool:
        """Whether there is any."""
        return bool(self._sessions)

    def start(self, now: float) -> Session:
        """A new session: a dry run of the live file. Raises `TooManyError`."""
        session = self._opened(secrets.token_urlsafe(32), now)
        self._marks[digest(session.mark)] = session
        return session

    def tail(self, percent: float, now: float) -> Session:
        """A new tail: no mark leads to it. Raises `NoTailError` and `TooManyError`."""
        if not self.tails:
            raise NoTailError(NO_TAIL)
        session = self._opened("", now)
        session.tail = Tail(percent)
        return session

    def code(self, session: Session, now: float) -> str:
        """A code that leads to the session once, within five minutes. A tail has none: there is no mark to set."""
        if session.tail is not None:
            raise ValueError("a tail has no mark")
        self.expire(now)
        own = [key for key, (whose, _) in self._codes.items() if whose is session]
        for key in own[: max(len(own) - MOST_CODES + 1, 0)]:
            del self._codes[key]
        made = secrets.token_urlsafe(32)
        self._codes[digest(made)] = (session, now + CODE_SECONDS)
        return made

    async def link(self, session: Session, now: float) -> str:
        """Such a code, good at all processes. Raises `NotSharedError`."""
        made = self.code(session, now)
        try:
            await self.others.offered(session, digest(made), now)
        except NotSharedError:
            self._codes.pop(digest(made), None)
            raise
        return made

    async def redeemed(self, code: str, now: float, sender: str = "") -> Session | None:
        """The same as `redeem`, where another process may have used the code up."""
        session = self.redeem(code, now, sender)
        if session is None:
            return None
        try:
            if await self.others.used(digest(code), now):
                return session
        except NotSharedError:
            self.wrong.refused += 1
            return None
        self.wrong.codes += 1
        self.lock.wrong(sender, now)
        return None

    def redeem(self, code: str, now: float, sender: str = "") -> Session | None:
        """The session of a code, which is used up by this. `sender`: the address whose wrong codes are counted."""
        session = self.leads_to(code, now, sender)
        if session is not None:
            del self._codes[_key(code)]
            session.touch(now)
        return session

    def leads_to(self, code: str, now: float, sender: str = "") -> Session | None:
        """The session of a code, which stays good: a wrong one counts as when it is redeemed."""
        self.expire(now)
        if self.lock.holds(sender, now):
            self.wrong.refused += 1
            return None
        session, _ = self._codes.get(_key(code), (None, 0.0))
        if session is None or session.id not in self._sessions:
            self.wrong.codes += 1
            self.lock.wrong(sender, now)
            return None
        return session

    def marked(self, mark: str, now: float) -> Session | None:
        """The session of a hit with this mark. A wrong mark is counted, and means nothing else."""
        session = self._living(self._marks.get(_key(mark)), now)
        if session is None:
            self.wrong.marks += 1
            return None
        session.touch(now)
        return session

    def of(self, id: str, now: float) -> Session | None:
        """The session of this id, for somebody who may do anything with it."""
        session = self._living(self._sessions.get(id), now)
        if session is not None:
            session.touch(now)
        return session

    def shared(self, share: str, now: float) -> Session | None:
        """The session of a share token, for looking only. That somebody looks does not make it last longer."""
        session = self._living(self._shares.get(_key(share)), now)
        if session is None:
            self.wrong.shares += 1
        return session

    def share_anew(self, session: Session) -> str:
        """Another share token; the one before leads nowhere any more."""
        self._shares.pop(digest(session.share), None)
        session.share = secrets.token_urlsafe(32)
        if session.id in self._sessions:
            self._shares[digest(session.share)] = session
        return session.share

    def end(self, session: Session) -> None:
        """The session is over, and its records are gone. Whoever waits for some wakes up."""
        if self._sessions.pop(session.id, None) is None:
            return
        self._marks.pop(digest(session.mark), None)
        self._shares.pop(digest(session.share), None)
        for key in [key for key, (whose, _) in self._codes.items() if whose is session]:
            del self._codes[key]
        session.draft = session.unready = None
        session.rules.clear()
        session.test_codes.clear()
        session.records.clear()
        if not self._sessions:
            self._changed(False)

    def adopt(self, session: Session) -> None:
        """A session that another process has started."""
        self._add(session)
        if session.mark:
            self._marks[digest(session.mark)] = session

    def adopt_share(self, session: Session, share: str) -> None:
        """The share token that another process has made."""
        self._shares.pop(digest(session.share), None)
        session.share = share
        self._shares[digest(share)] = session

    def adopt_code(self, session: Session, code: bytes, until: float) -> None:
        """A code that another process has made, by its digest."""
        self._codes[code] = (session, until)

    def drop_code(self, code: bytes) -> None:
        """The code was used up by another process."""
        self._codes.pop(code, None)

    def has(self, session: Session) -> bool:
        """Whether the session is not over, as far as anybody has looked."""
        return self._sessions.get(session.id) is session

    def forget_records(self, *, dry_run: bool) -> int:
        """How many records all sessions have. Unless it is a dry run they are gone then."""
        found = sum(len(session.records) for session in self._sessions.values())
        if not dry_run:
            for session in self._sessions.values():
                session.records.clear()
        return found

    def all(self, now: float) -> Sequence[Session]:
        """Those that are not over, in the order in which they were started."""
        self.expire(now)
        return list(self._sessions.values())

    def standing(self, now: float) -> Mapping[Standing, int]:
        """How many stand in each mode, tails apart. Nothing is ended by this."""
        living = [each for each in self._sessions.values() if now < each.ends]
        found = Counter[Standing]("tail" if each.tail is not None else each.mode for each in living)
        return {kind: found[kind] for kind in get_args(Standing)}

    def expire(self, now: float) -> None:
        """Ends what is over. To be called from time to time, since nothing else may happen."""
        for session in [each for each in self._sessions.values() if now >= each.ends]:
            self._expired(session)
        for key in [key for key, (_, until) in self._codes.items() if now >= until]:
            del self._codes[key]

    def _opened(self, mark: str, now: float) -> Session:
        self.expire(now)
        if len(self._sessions) >= MOST_SESSIONS:
            raise TooManyError(TOO_MANY)
        share = secrets.token_urlsafe(32)
        session = Session(secrets.token_hex(8), mark, share, started=now, seen=now, ends=now + IDLE_SECONDS)
        self._add(session)
        return session

    def _add(self, session: Session) -> None:
        self._sessions[session.id] = session
        self._shares[digest(session.share)] = session
        if len(self._sessions) == 1:
            self._changed(True)

    def _living(self, session: Session | None, now: float) -> Session | None:
        if session is not None and now >= session.ends:
            self._expired(session)
            return None
        return session

    def _expired(self, session: Session) -> None:
        if self.has(session):
            logger.info("preview.expired session=%s", session.id)
        self.end(session)


def _key(shown: str) -> bytes:
    return digest(shown) if len(shown) <= LONGEST_SECRET else b""
