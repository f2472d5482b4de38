"""Bodies rest encrypted: AES-256-GCM, the row's id bound to it, under a key of the data folder or of the environment.

A key file is made once, readable by its owner only. `TAG_CONTAINER_KEY` overrides it and may hold several keys: the
first one seals, all of them open, which is how a key is changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES, SALT_BYTES, NONCE_BYTES = 32, 16, 12
KEY_FILE = "key"


class KeyringError(Exception):
    """A key that is none, or one that is missing. The text says what to do."""


class Keyring:
    """Seals with the first key, opens with any. `keys`: 32 bytes each.

    Each process derives a key of its own from a random salt and counts its nonces, so that none ever repeats however
    many rows are sealed.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {name_of(key): key for key in keys}
        self.kid = name_of(keys[0])
        self._salt = secrets.token_bytes(SALT_BYTES)
        self._nonces = count()
        self._cipher = lru_cache(maxsize=64)(self._derived)

    @property
    def kids(self) -> Sequence[str]:
        """The names of all keys, that of the one that seals first."""
        return [*self._keys]

    def __contains__(self, kid: str) -> bool:
        return kid in self._keys

    def seal(self, row_id: str, body: bytes) -> bytes:
        """The body sealed under `kid`: salt, nonce, cipher text and tag."""
        nonce = next(self._nonces).to_bytes(NONCE_BYTES, "big")
        sealed = self._cipher(self.kid, self._salt).encrypt(nonce, body, row_id.encode())
        return self._salt + nonce + sealed

    def open(self, kid: str, row_id: str, sealed: bytes) -> bytes:
        """The body. Raises `KeyringError` when the key is not here, `ValueError` when this is not what was sealed."""
        if kid not in self._keys:
            raise KeyringError(f'the key "{kid}" is not here')
        salt, nonce = sealed[:SALT_BYTES], sealed[SALT_BYTES : SALT_BYTES + NONCE_BYTES]
        try:
            return self._cipher(kid, salt).decrypt(nonce, sealed[SALT_BYTES + NONCE_BYTES :], row_id.encode())
        except InvalidTag as problem:
            raise ValueError("the bytes are not what was sealed") from problem

    def _derived(self, kid: str, salt: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._keys[kid], b"row" + salt, hashlib.sha256))


def keyring(folder: Path, stated: str | None = None) -> Keyring:
    """The keys of a data folder. `stated`: what `TAG_CONTAINER_KEY` holds, base64 of 32 bytes each, by commas.

    Without it the folder's key file is read, or made when there is none; with it a key file still opens older rows.
    Raises `KeyringError` when a key is none.
    """
    return Keyring(keys_here(folder, stated) or [made_key(folder)])


def keys_here(folder: Path, stated: str | None = None) -> list[bytes]:
    """The same, without making one."""
    path = folder / KEY_FILE
    keys = _stated(stated)
    if path.exists():
        keys.append(_key(path.read_text("ascii", errors="replace").strip(), str(path)))
    return keys


def made_key(folder: Path) -> bytes:
    """A new key, in the folder's key file."""
    key = secrets.token_bytes(KEY_BYTES)
    _write(folder / KEY_FILE, key)
    return key


def name_of(key: bytes) -> str:
    """The name of a key, which says nothing of it."""
    return hmac.digest(key, b"name", hashlib.sha256).hex()[:8]


def shared_keyring(stated: str | None) -> Keyring:
    """The keys that several processes share: what `TAG_CONTAINER_KEY` holds. Raises `KeyringError` when it is none."""
    keys = _stated(stated)
    if not keys:
        raise KeyringError(
            "with PostgreSQL the processes share the key that encrypts deliveries. Make one with "
            "openssl rand -base64 32, and give it to all of them as TAG_CONTAINER_KEY."
        )
    return Keyring(keys)


def sync_folder(folder: Path) -> None:
    """What was made, renamed or taken away in it is so on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stated(stated: str | None) -> list[bytes]:
    return [_key(part.strip(), "TAG_CONTAINER_KEY") for part in (stated or "").split(",") if part.strip()]


def _key(stated: str, place: str) -> bytes:
    try:
        key = base64.b64decode(stated, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyringError(f"{place} does not hold base64 of {KEY_BYTES} bytes. Make one with: openssl rand -base64 32")
    return key


def _write(path: Path, key: bytes) -> None:
    """Written aside and renamed, so that a crash never leaves half a key."""
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(base64.b64encode(key) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    sync_folder(path.parent)
