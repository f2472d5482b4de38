"""What hits show that somebody should look after: a proxy that is not named, or that names nobody; a flood.

No reason to send traffic elsewhere: the hits are taken, or were not meant to be. Nothing that a hit says is repeated.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from container.delivery.told import Line, Repeats

Unset = Literal["unnamed_proxy", "no_forwarded_for", "no_address"]
"""Why a visitor has no address: the proxy is none of ours, names its visitors elsewhere, or names what is none."""

AboutProxy = Literal["unnamed_proxy", "no_forwarded_for", "no_address", "lost_host"]
"""What may be wrong with a proxy; `lost_host`: it names itself, and not the host that was asked for."""

Refused = Literal["flood", "other_host", "no_room"]
"""Of requests that are refused those that somebody should know of."""

RECENT_SECONDS = 3600.0
"""What was seen is shown for so long after the last time."""

MOST_PEERS = 20
"""So many proxies are told apart, since somebody may send from any address of a network."""

OTHERS = "others"

logger = logging.getLogger("container.web")


@dataclass(slots=True)
class _Seen:
    last: float
    hits: int = 0


@dataclass(frozen=True, slots=True)
class Noticed:
    """What was seen, by kind and by the proxy's address. `clock`: monotonic, in seconds."""

    clock: Callable[[], float] = time.monotonic
    _repeats: Repeats = field(default_factory=Repeats)
    _seen: dict[tuple[AboutProxy | Refused, str], _Seen] = field(default_factory=dict)

    def proxy(self, why: AboutProxy, peer: str) -> None:
        """A hit lacks something, because of the proxy at `peer`; logged when that begins, and now and then."""
        peer = self._count(why, peer)

        def line(number: int, _since: str) -> None:
            if why == "unnamed_proxy":
                stated = 'proxy.unnamed peer=%s hits=%d "Its visitors have no address: see /ready."'
                logger.warning(stated, peer, number)
            elif why == "lost_host":
                stated = 'proxy.lost_host peer=%s hits=%d "Cookies and CORS need the host: see /ready."'
                logger.warning(stated, peer, number)
            else:
                stated = 'proxy.unread peer=%s hits=%d reason=%s "Its visitors have no address: see /ready."'
                logger.warning(stated, peer, number, why)

        self._happened(f"{why} {peer}", line)

    def refused(self, why: Refused) -> None:
        """A request was refused; logged when that begins, and now and then."""
        self._count(why, "")

        def line(number: int, _since: str) -> None:
            if why == "flood":
                logger.warning('hits.limited hits=%d "See /ready."', number)
            elif why == "other_host":
                logger.warning('hits.misdirected hits=%d "See /ready."', number)
            else:
                logger.warning('connections.full requests=%d "See /ready."', number)

        self._happened(why, line)

    def tell_rest(self) -> None:
        """Logs what was only counted: the process ends."""
        self._repeats.tell_rest()

    def sentences(self) -> list[str]:
        """What was seen of late, and what to do about it."""
        self._forget()
        return [_sentence(kind, peer, seen.hits) for (kind, peer), seen in self._seen.items()]

    def _count(self, kind: AboutProxy | Refused, peer: str) -> str:
        """Counts the hit, and returns the address under which it is told of."""
        seen = self._seen.get((kind, peer))
        if seen is None:
            self._forget()
            if len(self._seen) >= MOST_PEERS and peer:
                peer = OTHERS
            seen = self._seen.setdefault((kind, peer), _Seen(0.0))
        seen.last = self.clock()
        seen.hits += 1
        return peer

    def _forget(self) -> None:
        oldest = self.clock() - RECENT_SECONDS
        for key in [key for key, seen in self._seen.items() if seen.last < oldest]:
            del self._seen[key]

    def _happened(self, subject: str, line: Line) -> None:
        self._repeats.happened(subject, "", line, now=int(self.clock() * 1000))


def _sentence(kind: AboutProxy | Refused, peer: str, hits: int) -> str:
    counted = f"{hits} {'hit' if hits == 1 else 'hits'}"
    proxy = "Other proxies" if peer == OTHERS else f"The proxy at {peer}"
    match kind:
        case "unnamed_proxy":
            network = "CIDR" if peer == OTHERS else f"{peer}/{128 if ':' in peer else 32}"
            return (
                f"{proxy} forwarded {counted} and may not name the visitor, who is left without an address. "
                f"If it is yours, start with --trusted-proxy {network}."
            )
        case "no_forwarded_for":
            return (
                f"{proxy} forwarded {counted} without X-Forwarded-For, so the visitor is left without an address. "
                "Let it send that header: no other one is read."
            )
        case "no_address":
            return (
                f"{proxy} forwarded {counted} with something in X-Forwarded-For that is no address, so the visitor is "
                "left without one. Let it append the address that it was called from."
            )
        case "lost_host":
            return (
                f"{proxy} forwarded {counted} with an address of its own for a host: cookies are not the site's, "
                "and its pages may not read answers. Let it hand on the host that was asked for, "
                "as Host or X-Forwarded-Host."
            )
        case "other_host":
            return (
                f"Refused because their host is not in --allow-host: {counted}. If it is yours, add it; "
                "if it is the address of this server, let the proxy hand on the host that was asked for."
            )
        case "no_room":
            return (
                f"Refused because all connections are taken: {hits} {'request' if hits == 1 else 'requests'}. "
                "See who holds them, or run more."
            )
        case "flood":
            return (
                f"Refused because their address sends too many: {counted}. "
                "If they are your own backend's, raise --rate-limit."
            )
