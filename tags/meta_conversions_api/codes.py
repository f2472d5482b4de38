"""Meta's error codes, as data: what each says, and about whom."""

from __future__ import annotations

from collections.abc import Mapping

CREDENTIAL: Mapping[int, str] = {
    3: "the app may not do this",
    10: "no permission",
    102: "the session is over",
    104: "the proof of the app's secret is missing or wrong",
    190: "the access token is wrong or has expired",
    **dict.fromkeys(range(200, 300), "no permission"),
    368: "blocked for a time, for breaking Meta's rules",
    2500: "the access token is missing, or the address is wrong",
}
"""Key or account are refused: later events would fare no better, and this one is not to blame."""

ADDRESS: Mapping[int, str] = {
    12: "this part of the interface was taken down",
    803: "there is no such pixel",
    2635: "this version of the interface is retired (api_version)",
}
"""The address of all requests is refused, whichever event it holds."""

TEMPORARY: Mapping[int, str] = {
    1: "an error at Meta's side",
    2: "Meta's service is down for a moment",
    4: "too many requests of the app",
    17: "too many requests of the user",
    32: "too many requests of the page",
    341: "too many requests",
    613: "too many requests",
    **dict.fromkeys(range(80000, 80015), "too many requests of the account"),
}

PARAMETER = 100
NO_OBJECT = 33
"""Subcode: there is no such pixel, or the token may not see it."""

SUBCODES: Mapping[int, str] = {
    2804003: "the time of an event is too old, or lies ahead",
    2804010: "a purchase has no currency",
    2804050: "too little is known of the customer",
}
"""What is known of the subcodes about events: an event is bad, and all of its request are refused with it."""
