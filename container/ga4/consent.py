"""What a hit says about consent: `gcd` and its copy `sst.gcd` by their bits, then `gcs`, then `npa`.

Where two disagree, denied wins. A type that no signal names stays unset: the container's default decides about it, and
shows that it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from container.event import CONSENT_TYPES, Consent, Signal

_CODES = {code: index for index, code in enumerate("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")}
_DENIED, _GRANTED = 2, 3
_SHORTEST_GCD, _LONGEST_GCD = 9, 32
"""A version and four pairs are the least. Today's have 12 characters; longer ones are cut."""

_GCS_STATES = {
    "G1": {"1": True, "0": False},
    "G2": {"G": True, "D": False, "d": False},
}
"""By version. Any other sign means that nothing was set; `g` of version 2 may be granted by implication only."""

_SIGNS = {"granted": "1", "denied": "0", "unset": "-"}


def consent_of(parameters: Mapping[str, str]) -> Consent:
    """The consent that the parameters of an event state. Neither missing nor unreadable ones say anything."""
    stated = parameters.get
    no_personalisation = stated("npa") == "1" or stated("up._npa") == "1"
    gcd, copy = stated("gcd", "")[:_LONGEST_GCD], stated("sst.gcd", "")[:_LONGEST_GCD]
    return _consent(gcd, copy, stated("gcs", "")[:4], no_personalisation)


# Sites send a few dozen combinations; the signals are frozen, so events may share them.
@lru_cache(maxsize=1024)
def _consent(gcd: str, copy: str, gcs: str, no_personalisation: bool) -> Consent:
    signals = {name: Signal(granted, "gcd") for name, granted in _gcd_states(gcd)}
    _add(signals, _gcd_states(copy) if copy != gcd else (), "gcd")
    stated = dict(_gcs_states(gcs))
    _add(signals, stated.items(), "gcs")
    if "ad_storage" in stated:
        # `gcs` knows the two older types only: the newer ones follow, where nothing else is said about them.
        for name in ("ad_user_data", "ad_personalization"):
            signals.setdefault(name, Signal(stated["ad_storage"], "gcs"))
    personalised = signals.get("ad_personalization")
    if no_personalisation and (personalised is None or personalised.granted):
        signals["ad_personalization"] = Signal(False, "npa")
    return Consent(MappingProxyType(signals))


def written_gcs(consent: Consent) -> str | None:
    """`gcs` for a consent that came some other way; `None` where nothing is known of what it can say."""
    signs = [_SIGNS[consent.state(name)] for name in ("ad_storage", "analytics_storage")]
    return None if signs == ["-", "-"] else "".join(["G1", *signs])


def _add(signals: dict[str, Signal], states: Iterable[tuple[str, bool]], source: str) -> None:
    for name, granted in states:
        if name not in signals or (signals[name].granted and not granted):
            signals[name] = Signal(granted, source)


def _gcd_states(gcd: str) -> Iterator[tuple[str, bool]]:
    """The types that `gcd` declares. Per type two characters of six bits: implicit; declare, default, update.

    The latest word counts: update, default, declare. The implicit state counts as a denial only: an implicit grant is
    what pages send that use no consent mode at all.
    """
    if len(gcd) < _SHORTEST_GCD or gcd[0] != "1" or not _CODES.keys() >= set(gcd):
        return
    codes = [_CODES[sign] for sign in gcd]
    for position, name in enumerate(CONSENT_TYPES):
        implicit, explicit = codes[1 + 2 * position], codes[2 + 2 * position]
        for state in (explicit & 3, explicit >> 2 & 3, explicit >> 4):
            if state in (_DENIED, _GRANTED):
                yield name, state == _GRANTED
                break
        else:
            if implicit & 3 == _DENIED:
                yield name, False


def _gcs_states(gcs: str) -> Iterator[tuple[str, bool]]:
    states = _GCS_STATES.get(gcs[:2], {})
    for name, sign in zip(("ad_storage", "analytics_storage"), gcs[2:], strict=False):
        if sign in states:
            yield name, states[sign]
