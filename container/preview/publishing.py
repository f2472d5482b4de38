"""A draft takes the place of the container file: written as a whole, in force at once, or nothing has changed.

What the file said before is kept in the data folder, the last ten of it, and can be put back.
Why: docs/decisions/preview-publishing.md.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from container.config.load import DIGEST_LENGTH
from container.config.source import LARGEST_FILE
from container.delivery.told import quoted
from container.preview.drafts import Draft, Live, text_digest

FOLDER = "versions"
MOST_VERSIONS = 10
LONGEST_NOTE = 200
"""Characters of what somebody says about a version."""

_NO_FOLDER = (
    f'"{FOLDER}" in the data folder is no folder of ours, so earlier versions cannot be kept. Nothing is '
    "published. Move it away: it is made anew."
)
_NAME = re.compile(r"[0-9]{16}-[0-9a-f]{12}\.json", re.ASCII)
_STAMP = 16
"""Digits of a moment in a name, so that names are in the order of time."""

logger = logging.getLogger("container.preview")


class PublishError(Exception):
    """The file was not changed; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Version:
    """What the file said until a moment in Unix milliseconds, when somebody put something else in its place.

    `number` names it, and the later one is the higher. `version`: the digest that the container showed as its version.
    `by`, `note`: who replaced it, and what they said about that. `marked`: whether it began with a byte order mark.
    """

    number: int
    until: int
    version: str
    by: str
    text: str = field(repr=False)
    note: str = ""
    marked: bool = False

    @property
    def content(self) -> bytes:
        """The file, byte for byte."""
        return BOM_UTF8 * self.marked + _encoded(self.text)

    def as_json(self) -> dict[str, Any]:
        """What a list of versions shows: the text is asked for by number."""
        return {
            "number": self.number,
            "until": self.until,
            "version": self.version,
            "by": self.by,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Publisher:
    """`path`: the container file. `folder`: the data folder. `live`: gives the file in force. `clock`: Unix ms.

    `write`: puts a file's content in place as a whole. `reload`: whether the file, as it stands, is in force then.
    """

    path: Path
    folder: Path
    live: Callable[[], Live]
    write: Callable[[Path, bytes], None]
    reload: Callable[[], Awaitable[bool]]
    clock: Callable[[], int]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def publish(self, draft: Draft, *, by: str, note: str = "") -> str:
        """Writes the draft and has it in force; the new version. `by`: who did it. Raises `PublishError`."""
        said = _one_line(note)
        version, was = await self._put(draft.text, _encoded(draft.text), draft.base, by=by, note=said)
        logger.info("preview.published version=%s was=%s by=%s note=%s", version, was, quoted(by), quoted(said))
        return version

    async def restore(self, number: int, *, by: str, base: str | None = None, note: str = "") -> str:
        """Puts a version back. `base`: the digest of the live text that was seen, if any. Raises `PublishError`."""
        found, said = await self.version(number), _one_line(note)
        seen = self.live().digest if base is None else base
        version, was = await self._put(found.text, found.content, seen, by=by, note=said)
        logger.info("preview.restored version=%s was=%s by=%s note=%s", version, was, quoted(by), quoted(said))
        return version

    async def version(self, number: int) -> Version:
        """One that is kept. Raises `PublishError`."""
        for each in await self.versions():
            if each.number == number:
                return each
        raise PublishError("There is no such version any more: the last ten are kept. Load the list anew.")

    async def versions(self) -> list[Version]:
        """What is kept, the latest first. Raises `PublishError`."""
        try:
            return await asyncio.to_thread(self._versions)
        except NotADirectoryError:
            raise PublishError(_NO_FOLDER) from None
        except OSError as problem:
            reason = problem.strerror or "the disk says no"
            raise PublishError(f"The earlier versions in the data folder cannot be read: {reason}.") from None

    async def _put(self, text: str, content: bytes, base: str, *, by: str, note: str) -> tuple[str, str]:
        """The versions that are in force now, and before."""
        async with self._turn:
            was = self.live()
            try:
                before, kept = await asyncio.to_thread(self._replace, content, base, was, by=by, note=note)
                refused = "" if await self.reload() else await self._put_back(before, kept)
                await asyncio.to_thread(self._forget)
            except OSError as problem:
                refused = f"The file could not be written: {problem.strerror or 'the disk says no'}."
            except PublishError as problem:
                refused = str(problem)
            if refused:
                logger.warning("preview.publish_refused by=%s reason=%s", quoted(by), quoted(refused))
                raise PublishError(refused)
            return text_digest(text)[:DIGEST_LENGTH], was.digest[:DIGEST_LENGTH]

    async def _put_back(self, before: bytes, kept: Path) -> str:
        """Undoes what was written and could not be taken. Why nothing has changed."""
        try:
            await asyncio.to_thread(self.write, self.path, before)
        except OSError as problem:
            reason = problem.strerror or "the disk says no"
            return (
                f"The file could not be taken, and what it said before could not be written either ({reason}). What "
                "was in force still is: put the file right by hand before this server starts anew. What it said "
                "before is in the list of earlier versions."
            )
        await self.reload()
        await asyncio.to_thread(kept.unlink, missing_ok=True)
        return "The file could not be taken, so it is as it was before: the log says what is wrong with it."

    def _replace(self, content: bytes, base: str, was: Live, *, by: str, note: str) -> tuple[bytes, Path]:
        """Keeps what the file says, and then writes it anew. What it said before, and where that is kept."""
        if not self.path.is_file():
            raise PublishError("The container is not a single file, so nothing can be published into it.")
        before = _content(self.path)
        on_disk = text_digest(before.decode("utf-8-sig", "replace"))
        if base != was.digest:
            raise PublishError(
                "Another file is in force by now. Use the draft once more, so that it is compared with that one, "
                "and publish it then."
            )
        if on_disk != base:
            raise PublishError(
                "The file on the disk is not the one in force: somebody has changed it. Send SIGHUP to the server, as "
                "`systemctl reload` does, so that it reads the file. Then use the draft, or choose the version, once "
                "more: it is compared with that file."
            )
        kept = self._keep(before, {"version": on_disk[:DIGEST_LENGTH], "by": by, "note": note})
        try:
            self.write(self.path, content)
        except OSError:
            # Else every failure would take the place of a version that was live.
            kept.unlink(missing_ok=True)
            raise
        return before, kept

    def _keep(self, content: bytes, about: Mapping[str, str]) -> Path:
        """One file for each version, for its owner only. `about`: of the version."""
        folder = self._made()
        known = self._files()
        until = max(self.clock(), *(int(each.name[:_STAMP]) + 1 for each in known[:1]), 0)
        said = {"until": until, **about, "text": content.decode("utf-8-sig", "replace")}
        said["marked"] = content.startswith(BOM_UTF8)
        path = folder / f"{until:0{_STAMP}d}-{about['version']}.json"
        made = path.with_suffix(".new")
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(said))
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
        return path

    @property
    def _kept_in(self) -> Path:
        """Of this file alone: a server may be started with another one over the same data folder."""
        return self.folder / FOLDER / text_digest(str(self.path.resolve()))[:DIGEST_LENGTH]

    def _made(self) -> Path:
        folder = self._kept_in
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            for each in (folder.parent, folder):
                each.mkdir(mode=0o700, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise PublishError(_NO_FOLDER) from None
        return folder

    def _forget(self) -> None:
        """Only the latest stay."""
        for each in self._files()[MOST_VERSIONS:]:
            # One too many is no reason to say that nothing was published.
            with suppress(OSError):
                each.unlink()

    def _files(self) -> list[Path]:
        """Newest first."""
        try:
            found = [each for each in self._kept_in.iterdir() if _NAME.fullmatch(each.name)]
        except FileNotFoundError:
            return []
        return sorted(found, key=lambda each: each.name, reverse=True)

    def _versions(self) -> list[Version]:
        return [found for each in self._files()[:MOST_VERSIONS] if (found := _version(each)) is not None]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _one_line(note: str) -> str:
    return " ".join(note.encode(errors="replace").decode().split())[:LONGEST_NOTE]


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 4)
    if len(content) > LARGEST_FILE + 3:
        raise PublishError("The file on the disk is larger than 1 MB: it is not the one in force.")
    return content


def _version(path: Path) -> Version | None:
    """`None` for a file that cannot be read: the others can be put back all the same."""
    try:
        said = orjson.loads(path.read_bytes())
        version, by, text = (str(said[name]) for name in ("version", "by", "text"))
        # Whoever kept one before there were notes said none.
        about = (str(said.get("note", "")), bool(said.get("marked")))
        return Version(int(path.stem[:_STAMP]), int(said["until"]), version, by, text, *about)
    except (OSError, ValueError, TypeError, KeyError):
        return None
