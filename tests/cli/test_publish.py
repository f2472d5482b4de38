"""A draft that is published through a real reload; and what plays in a demonstration."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from container.cli.build import Built, build
from container.cli.publish import check_publish, publisher_of
from container.cli.reload import Reloader
from container.cli.sources import Sources
from container.config.registry import discover
from container.preview.drafts import Draft, Live, drafted
from container.preview.publishing import Publisher, PublishError
from container.web.current import Current
from container.web.metrics import new_metrics
from tests.cli.processes import FILE

SECOND = FILE.replace("S-1", "S-2")
REGISTRY = discover()


async def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Running:
    """A container in force, and what publishes into its file."""

    file: Path
    current: Current
    publisher: Publisher

    @property
    def live(self) -> Live:
        assert self.current.live is not None
        return self.current.live

    def draft(self, text: str) -> Draft:
        found = drafted(text, self.live)
        assert isinstance(found, Draft), found
        return found


def built_of(file: Path, secrets: Mapping[str, str], endpoints: Mapping[str, str] | None = None) -> Built:
    return build(Sources(file, REGISTRY, {}, secrets.get, strict=True), endpoints)


def running(folder: Path, secrets: Mapping[str, str]) -> Running:
    file = folder / "container.yaml"
    file.write_text(FILE, encoding="utf-8")
    built = built_of(file, secrets)
    assert built.container is not None
    current = Current(built.container, live=built.live)
    reloader = Reloader(lambda: built_of(file, secrets), current, new_metrics(), lambda _built: "", _nothing)
    return Running(file, current, publisher_of(file, folder / "data", reloader, lambda: 1_800_000_000_000))


def test_a_published_draft_is_what_takes_the_next_hit(tmp_path: Path) -> None:
    found = running(tmp_path, {"SERVED_TOKEN": "token"})
    version = asyncio.run(found.publisher.publish(found.draft(SECOND), by="ada"))
    assert (found.current.container.id, found.current.container.version) == ("S-2", version)
    assert (found.live.text, found.file.read_text(encoding="utf-8")) == (SECOND, SECOND)
    assert found.current.container.debug is False


def test_a_restored_version_is_what_takes_the_next_hit(tmp_path: Path) -> None:
    found = running(tmp_path, {"SERVED_TOKEN": "token"})
    asyncio.run(found.publisher.publish(found.draft(SECOND), by="ada"))
    (kept,) = asyncio.run(found.publisher.versions())
    asyncio.run(found.publisher.restore(kept.number, by="ada"))
    assert (found.current.container.id, found.file.read_text(encoding="utf-8")) == ("S-1", FILE)


def test_a_draft_that_cannot_be_taken_leaves_file_and_container_as_they_were(tmp_path: Path) -> None:
    secrets = {"SERVED_TOKEN": "token"}
    found = running(tmp_path, secrets)
    draft, container = found.draft(SECOND), found.current.container
    del secrets["SERVED_TOKEN"]
    with pytest.raises(PublishError, match="as it was before"):
        asyncio.run(found.publisher.publish(draft, by="ada"))
    assert (found.current.container, found.file.read_text(encoding="utf-8")) == (container, FILE)


def test_in_a_demonstration_a_draft_sends_to_the_sandbox_too(tmp_path: Path) -> None:
    file = tmp_path / "container.yaml"
    file.write_text(FILE.replace('    endpoint: "http://127.0.0.1:9/track/"\n', ""), encoding="utf-8")
    live = built_of(file, {}, {"tiktok": "http://127.0.0.1:8082/tiktok/"}).live
    assert live is not None
    finished = live.finish(live.model)
    assert finished.tags["TikTok"].address == "http://127.0.0.1:8082/tiktok/"
    found = drafted(live.text.replace("S-1", "S-2"), live)
    assert isinstance(found, Draft)


def test_without_the_flag_nothing_is_checked(tmp_path: Path) -> None:
    check_publish(tmp_path / "none.yaml", allow=False, workers=9)


def test_a_file_that_is_there_and_may_be_written_will_do(tmp_path: Path) -> None:
    (tmp_path / "container.yaml").touch()
    check_publish(tmp_path / "container.yaml", allow=True, workers=1)


def test_what_is_no_file_or_may_not_be_written_will_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "container.yaml").touch()
    with pytest.raises(typer.BadParameter, match="read-only"):
        check_publish(tmp_path, allow=True, workers=1)
    # Whoever is root may write everything, so that it has to be said here.
    monkeypatch.setattr(os, "access", lambda path, _mode: not Path(path).is_dir())
    with pytest.raises(typer.BadParameter, match="read-only"):
        check_publish(tmp_path / "container.yaml", allow=True, workers=1)
