"""What the pages of preview ask of the rest of it, so that they know neither how a draft is made nor how a hit runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from container.component import Component
from container.preview.sessions import Session, Sessions

Json = Mapping[str, Any]
Source = Literal["composed", "replayed"]


class RefusedError(Exception):
    """What was asked is not done. The sentence says why, and is shown."""


class Bench(Protocol):
    """Drafts, hits by hand, and the file. What cannot be done raises `RefusedError` with a sentence."""

    sessions: Sessions
    public: str
    """The address of the public listener, such as `https://tags.shop.example`; empty when nobody said it."""
    prefix: str
    """The path under which the public listener answers, such as `/metrics`; empty for none."""

    @property
    def can_publish(self) -> bool:
        """Whether a draft may become the live file."""

    @property
    def tail(self) -> bool:
        """Whether somebody may look at a masked sample of live traffic."""

    def hide(self, record: Json, session: Session) -> dict[str, Any]:
        """The session's record as it is shown without reveal. May run in any thread."""

    def name(self) -> str:
        """The container's name."""

    def tags(self, session: Session) -> Sequence[Json]:
        """`name`, `type`, and `test_code`: whether the tag has a field for a vendor's test code.

        `switch`: what it has instead, with `field` and `does`; empty where there is nothing.
        """

    def tag_type(self, name: str) -> Component | None:
        """What is installed as this type of tag, if anything is."""

    async def draft(self, session: Session, text: str, filename: str) -> Sequence[Json]:
        """Takes the draft unless it has errors; all its problems, as `validate` gives them. Empty: the live file."""

    async def draft_file(self, session: Session, content: bytes) -> Sequence[Json]:
        """The same for a file as it was sent. One that is empty has the problem that `validate` finds."""

    async def tests(self, session: Session) -> Json | None:
        """What the own tests of the session's draft give, `None` without one: `count`, `failed`, and what is `said`."""

    def live_changed(self, session: Session) -> bool:
        """Whether the live file has become another one since the session's draft was made."""

    def text(self, session: Session) -> str:
        """The draft's text, the live file's when there is none."""

    async def difference(self, session: Session) -> Sequence[Json]:
        """By named thing: `kind`, `name`, `what`, and `lines` of a unified diff."""

    async def publish(self, session: Session, *, by: str, note: str = "", shown: str = "") -> None:
        """The draft becomes the live file. `note`: what is said about it.

        `shown`: the digest of the draft that somebody has looked at, if any.
        """

    async def versions(self) -> Sequence[Json]:
        """Earlier files: `number`, `until`, `version`, `by`, `note`."""

    async def restoring(self, number: int) -> Json:
        """What would differ if an earlier file were live: `things`, and the live file's `digest`."""

    async def restore(self, number: int, *, by: str, note: str = "", shown: str = "") -> None:
        """An earlier file becomes the live one again. `shown`: the digest of the live file that was looked at."""

    async def run(self, session: Session, hit: Json, *, source: Source) -> int:
        """Runs a hit as if it had come in with the session's mark. The number of its record."""

    async def compared(self, session: Session, hit: Json) -> Json:
        """What `live` and `draft` would do with the hit, each as it is traced, cut like a record. Nothing is sent."""
