"""Asks the admin listener of a running server. Follows no redirect, so that the token goes nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import orjson

TIMEOUT_SECONDS = 30.0
LARGEST_ANSWER = 32 << 20


class ApiError(Exception):
    """The server did not do what it was asked for; the text says why."""


class UnreachableError(ApiError):
    """Nobody answers, or only a proxy: it may be different soon."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body. Raises `ApiError` when it is no object of JSON."""
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise ApiError("what answers there is no preview of tag-container")
        return found

    def said(self, otherwise: str) -> str:
        """The sentence in `problem`, if there is one."""
        try:
            found = self.json().get("problem")
        except ApiError:
            return otherwise
        return found if isinstance(found, str) else otherwise


@dataclass(frozen=True, slots=True)
class AdminApi:
    """`address`: of the listener, with the path under which a proxy has it, without a slash at its end."""

    address: str
    token: str

    @property
    def is_plain(self) -> bool:
        """Whether the token could be read on the way."""
        parts = urlsplit(self.address)
        return parts.scheme == "http" and not _is_loopback(parts.hostname or "")

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> Answer:
        """What the server answers. Raises `UnreachableError` when nobody does."""
        parts = urlsplit(self.address)
        connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = connect(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
        headers = {"authorization": f"Bearer {self.token}", "accept": "application/json"}
        try:
            connection.request(
                method, parts.path + path, body or None, headers | ({"content-type": kind} if kind else {})
            )
            response = connection.getresponse()
            return Answer(response.status, response.read(LARGEST_ANSWER))
        except (OSError, HTTPException) as problem:
            reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
            raise UnreachableError(f"nobody answers at {self.address} ({reason}): is the server running?") from None
        finally:
            connection.close()


def server_address(stated: str) -> str:
    """The address as it is used. Raises `ValueError` with a sentence."""
    try:
        parts = urlsplit(stated.strip())
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("write the address of the admin listener, such as http://127.0.0.1:8081")
    if parts.username or parts.password or parts.query or parts.fragment or not stated.strip().isascii():
        raise ValueError("write scheme, host and port only; the token comes from the environment")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
