"""A draft takes the place of the file as a whole, or nothing has changed."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from stat import S_IMODE

import orjson
import pytest

from container.cli.rewrite_file import rewrite_file
from container.preview.drafts import Draft, Live, drafted, text_digest
from container.preview.publishing import FOLDER, LONGEST_NOTE, MOST_VERSIONS, Publisher, PublishError
from tests.preview.lives import TEXT, live

SECOND = TEXT.replace("id: L-1", "id: L-2")


@dataclass
class Server:
    """What publishing needs of one: a file, the container in force, a clock, a reload."""

    folder: Path
    live: Live = field(default_factory=live)
    now: int = 1_800_000_000_000
    taken: bool = True
    reloads: int = 0
    write: Callable[[Path, bytes], None] = rewrite_file
    name: str = "container.yaml"

    def __post_init__(self) -> None:
        self.file.write_bytes(TEXT.encode())

    @property
    def file(self) -> Path:
        return self.folder / self.name

    @property
    def publisher(self) -> Publisher:
        return Publisher(self.file, self.folder / "data", lambda: self.live, self.write, self.reload, lambda: self.now)

    async def reload(self) -> bool:
        self.reloads += 1
        text = self.file.read_bytes().decode("utf-8-sig")
        if self.taken or text == self.live.text:
            self.live = live(text)
            return True
        return False

    def draft(self, text: str = SECOND) -> Draft:
        found = drafted(text, self.live)
        assert isinstance(found, Draft)
        return found

    def publish(self, text: str = SECOND, *, by: str = "admin_token") -> str:
        return asyncio.run(self.publisher.publish(self.draft(text), by=by))

    def versions(self) -> list[tuple[int, str, str]]:
        return [(each.until, each.by, each.text) for each in asyncio.run(self.publisher.versions())]


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def kept_in(server: Server) -> Path:
    """Where the versions of its file are."""
    return server.folder / "data" / FOLDER / text_digest(str(server.file))[:12]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "container.preview"]


def test_a_draft_is_written_and_in_force(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    was = server.live.model.version
    server.file.chmod(0o640)
    version = server.publish(by="ada")
    assert server.file.read_text(encoding="utf-8") == SECOND
    assert (server.live.model.id, server.live.model.version, server.reloads) == ("L-2", version, 1)
    assert S_IMODE(server.file.stat().st_mode) == 0o640
    assert lines(caplog) == [f'preview.published version={version} was={was} by="ada" note=""']


def test_what_it_said_before_is_kept_for_the_owner_alone(server: Server) -> None:
    server.publish(by="ada")
    assert server.versions() == [(server.now, "ada", TEXT)]
    folder = kept_in(server)
    assert {S_IMODE(each.stat().st_mode) for each in (folder, folder.parent)} == {0o700}
    assert [S_IMODE(each.stat().st_mode) for each in folder.iterdir()] == [0o600]


def test_a_list_of_versions_holds_no_texts(server: Server) -> None:
    was = server.live.model.version
    server.publish()
    (found,) = asyncio.run(server.publisher.versions())
    assert found.as_json() == {
        "number": found.number,
        "until": server.now,
        "version": was,
        "by": "admin_token",
        "note": "",
    }
    assert "pixel_id" not in repr(found)


def test_the_last_ten_are_kept_the_latest_first(server: Server) -> None:
    for number in range(MOST_VERSIONS + 3):
        server.publish(TEXT.replace("id: L-1", f"id: P-{number}"))
    kept = [text for _, _, text in server.versions()]
    assert (
        kept
        == [TEXT.replace("id: L-1", f"id: P-{number}") for number in reversed(range(1, MOST_VERSIONS + 2))][
            :MOST_VERSIONS
        ]
    )
    assert len(list(kept_in(server).iterdir())) == MOST_VERSIONS


def test_versions_are_in_order_also_when_the_clock_goes_back(server: Server) -> None:
    server.publish(by="first")
    server.now -= 1_000_000
    server.publish(TEXT, by="second")
    assert [by for _, by, _ in server.versions()] == ["second", "first"]


def test_a_version_is_put_back_and_that_can_be_undone(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    second = server.publish()
    (kept,) = asyncio.run(server.publisher.versions())
    version = asyncio.run(server.publisher.restore(kept.number, by="grace", base=server.live.digest))
    assert server.file.read_text(encoding="utf-8") == TEXT
    assert [(by, text) for _, by, text in server.versions()] == [("grace", SECOND), ("admin_token", TEXT)]
    assert lines(caplog)[-1] == f'preview.restored version={version} was={second} by="grace" note=""'


def test_a_version_that_is_not_there_is_not_put_back(server: Server) -> None:
    server.publish()
    with pytest.raises(PublishError, match="no such version"):
        asyncio.run(server.publisher.restore(1, by="ada"))
    assert server.file.read_text(encoding="utf-8") == SECOND


def test_a_version_is_not_put_back_over_what_nobody_has_seen(server: Server) -> None:
    server.publish()
    (kept,) = asyncio.run(server.publisher.versions())
    with pytest.raises(PublishError, match="Another file is in force"):
        asyncio.run(server.publisher.restore(kept.number, by="ada", base="0" * 64))


def refused(server: Server, draft: Draft, sentence: str) -> None:
    before = server.file.read_bytes() if server.file.is_file() else b""
    with pytest.raises(PublishError, match=sentence):
        asyncio.run(server.publisher.publish(draft, by="ada"))
    assert (server.file.read_bytes() if server.file.is_file() else b"") == before


def test_a_file_that_somebody_changed_on_the_disk_is_not_written_over(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    draft = server.draft()
    server.file.write_text(TEXT + "# mine\n", encoding="utf-8")
    refused(server, draft, "somebody has changed it. Send SIGHUP to the server")
    assert server.versions() == []
    assert lines(caplog)[0].startswith('preview.publish_refused by="ada" reason="The file on the disk')


def test_a_draft_that_was_made_before_a_reload_is_not_written(server: Server) -> None:
    draft = server.draft()
    server.publish(TEXT.replace("id: L-1", "id: L-3"))
    refused(server, draft, "Another file is in force")


def test_of_two_drafts_that_are_published_at_once_one_wins(server: Server) -> None:
    drafts = [server.draft(TEXT.replace("id: L-1", f"id: {name}")) for name in ("A", "B")]

    async def both() -> list[str | BaseException]:
        publisher = server.publisher
        return await asyncio.gather(*(publisher.publish(each, by="ada") for each in drafts), return_exceptions=True)

    found = asyncio.run(both())
    assert [isinstance(each, PublishError) for each in found] == [False, True]
    assert server.file.read_text(encoding="utf-8") == drafts[0].text


def test_a_file_with_a_byte_order_mark_counts_as_the_one_in_force(server: Server) -> None:
    server.file.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    server.publish()
    assert server.file.read_bytes() == SECOND.encode()


def test_what_the_reload_does_not_take_is_undone(server: Server) -> None:
    server.taken = False
    refused(server, server.draft(), "as it was before")
    assert (server.live.text, server.reloads) == (TEXT, 2)


def test_a_disk_that_says_no_changes_nothing(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    def full(_path: Path, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    server.write = full
    refused(server, server.draft(), "No space left on device")
    assert "No space left" in lines(caplog)[0]


def test_what_failed_takes_the_place_of_no_version(server: Server) -> None:
    for number in range(MOST_VERSIONS):
        server.publish(TEXT.replace("id: L-1", f"id: P-{number}"))
    known, write = server.versions(), server.write

    def full(_path: Path, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    server.write = full
    refused(server, server.draft(), "No space left on device")
    assert server.versions() == known
    server.write, server.taken = write, False
    refused(server, server.draft(), "as it was before")
    assert server.versions() == known


def test_what_could_not_be_undone_is_said_to_be_so(server: Server) -> None:
    def once(path: Path, content: bytes) -> None:
        if content == TEXT.encode():
            raise OSError(errno.ENOSPC, "No space left on device")
        rewrite_file(path, content)

    server.write, server.taken = once, False
    with pytest.raises(PublishError, match=r"could not be written either \(No space left on device\)"):
        server.publish()
    # What it said before is not lost.
    assert [text for _, _, text in server.versions()] == [TEXT]


def test_versions_that_cannot_be_read_are_told_of(server: Server) -> None:
    folder = server.folder / "data" / FOLDER
    folder.parent.mkdir()
    folder.write_text("no folder", encoding="utf-8")
    with pytest.raises(PublishError, match="is no folder of ours"):
        server.versions()
    with pytest.raises(PublishError, match="is no folder of ours"):
        asyncio.run(server.publisher.restore(1, by="ada"))
    refused(server, server.draft(), "is no folder of ours")
    folder.unlink()
    folder.mkdir(mode=0o700)
    server.publish()


def test_versions_that_the_disk_does_not_give_are_told_of(server: Server) -> None:
    folder = kept_in(server)
    folder.parent.mkdir(parents=True)
    folder.symlink_to(folder)
    with pytest.raises(PublishError, match="cannot be read: Too many levels"):
        server.versions()


def test_each_file_has_its_own_versions(server: Server) -> None:
    server.publish(by="of the first")
    other = Server(server.folder, name="other.yaml")
    assert other.versions() == []
    for number in range(MOST_VERSIONS + 1):
        other.publish(TEXT.replace("id: L-1", f"id: P-{number}"))
    assert [by for _, by, _ in server.versions()] == ["of the first"]
    link = server.folder / "link.yaml"
    link.symlink_to(server.file)
    assert len(asyncio.run(replace(server.publisher, path=link).versions())) == 1


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_version_comes_back_byte_for_byte(server: Server, mark: bytes) -> None:
    before = mark + TEXT.replace("\n", "\r\n").encode()
    server.file.write_bytes(before)
    server.live = live(before.decode("utf-8-sig"))
    server.publish()
    (version,) = asyncio.run(server.publisher.versions())
    asyncio.run(server.publisher.restore(version.number, by="ada"))
    assert server.file.read_bytes() == before


def test_an_error_without_words_is_told_all_the_same(server: Server) -> None:
    def broken(_path: Path, _content: bytes) -> None:
        raise OSError

    server.write = broken
    refused(server, server.draft(), "the disk says no")


def test_a_folder_is_no_single_file(server: Server) -> None:
    draft = server.draft()
    server.file.unlink()
    server.file.mkdir()
    refused(server, draft, "not a single file")


def test_a_file_that_has_become_huge_is_not_read(server: Server) -> None:
    draft = server.draft()
    with server.file.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(PublishError, match="larger than 1 MB"):
        asyncio.run(server.publisher.publish(draft, by="ada"))


def test_nothing_is_kept_before_anything_is_published(server: Server) -> None:
    assert server.versions() == []


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"until": "x"}', b"\xff", b'{"until": null}'])
def test_a_version_that_cannot_be_read_does_not_hide_the_others(server: Server, content: bytes) -> None:
    server.publish()
    folder = kept_in(server)
    (folder / f"{server.now + 5:016d}-aaaaaaaaaaaa.json").write_bytes(content)
    assert [text for _, _, text in server.versions()] == [TEXT]


def test_other_files_in_the_folder_are_left_alone(server: Server) -> None:
    folder = kept_in(server)
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    for number in range(MOST_VERSIONS + 3):
        server.publish(TEXT.replace("id: L-1", f"id: P-{number}"))
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_note_is_one_line_that_is_kept_and_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    note = '  No "test"\norders \udcff ' + "x" * LONGEST_NOTE
    asyncio.run(server.publisher.publish(server.draft(SECOND), by="ada", note=note))
    (kept,) = asyncio.run(server.publisher.versions())
    assert kept.note.startswith('No "test" orders ? xxx')
    assert len(kept.note) == LONGEST_NOTE
    assert kept.as_json()["note"] == kept.note
    assert 'by="ada" note="No \\"test\\" orders ? xxx' in lines(caplog)[-1]
    asyncio.run(server.publisher.restore(kept.number, by="grace", note="Back."))
    assert lines(caplog)[-1].endswith('by="grace" note="Back."')


def test_a_version_of_before_there_were_notes_is_still_read(server: Server) -> None:
    server.publish()
    [file] = server.publisher._files()
    said = orjson.loads(file.read_bytes())
    del said["note"]
    file.write_bytes(orjson.dumps(said))
    assert [each.note for each in asyncio.run(server.publisher.versions())] == [""]


def test_who_published_is_one_quoted_word_of_a_line(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    server.publish(by='ada" version=x\nERROR fake')
    assert lines(caplog)[0].endswith('by="ada\\" version=x\\nERROR fake" note=""')


def test_a_link_to_the_file_stays_one(server: Server) -> None:
    real = server.folder / "real.yaml"
    server.file.replace(real)
    server.file.symlink_to(real)
    server.publish()
    assert server.file.is_symlink()
    assert real.read_text(encoding="utf-8") == SECOND
