"""TikTok's return codes, as data: what each says, and about whom."""

from __future__ import annotations

from collections.abc import Mapping

ACCEPTED: Mapping[int, str] = {0: "", 40050: "a duplicate of a request that TikTok has"}
PARTIAL = 20001
BATCH_SIZE = 40061
TOO_FREQUENT = 40100

CREDENTIAL: Mapping[int, str] = {
    40001: "no permission for this event source",
    40003: "forbidden",
    40101: "a partner is not allowed",
    40102: "the access token has expired",
    40103: "the refresh token has expired",
    40104: "the access token is empty",
    40105: "the access token is wrong",
    40106: "the app or the user is not allowed",
    40107: "the refresh token is wrong",
    **dict.fromkeys((40110, 40113, *range(40115, 40120), 40124, 40125, 40130, 40131), "app or token are not allowed"),
    40300: "the advertiser is missing",
    40301: "the advertiser's role does not allow this",
    41000: "blocked",
}
"""Key or account are refused: later events would fare no better, and this one is not to blame."""

ADDRESS: Mapping[int, str] = {
    40006: "this version of the interface is no longer available",
    40007: "the interface does not exist",
    40008: "the interface is not implemented",
    40010: "the domain is not supported",
    40051: "the version of the interface is wrong",
    40063: "the partner name is wrong",
    40400: "there is no such address",
    41001: "the interface was taken down",
    41002: "a field was taken down",
}
"""The address or the form of all requests is refused, whichever event it holds."""

TEMPORARY: Mapping[int, str] = {
    TOO_FREQUENT: "too many requests",
    40132: "too many requests",
    40201: "a task is not ready",
    40202: "a write conflict",
    61000: "too many requests",
}

UNCLEAR: Mapping[int, str] = {40016: "a business rule is broken", 40700: "an inner check failed"}
"""Event or account: nobody says. Tried again; a batch on which it happens is split until the one event stands alone."""

REFUSED: Mapping[int, str] = {
    40000: "a parameter is wrong",
    40002: "a parameter is wrong",
    BATCH_SIZE: "the batch has a wrong size",
    40062: "personal data is not hashed",
}
"""An event is bad, and all of its request are refused with it."""
