"""Whether each commit is flushed to the disk once before it is answered: system calls counted against commits."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

from benchmarks.servers import DATABASE

STRACE = shutil.which("strace")
_HEADER, _FRAME_HEADER = struct.Struct(">8I"), struct.Struct(">6I")


def traced(report: Path) -> list[str]:
    """What runs a command so that its flushes are written to the report."""
    assert STRACE is not None
    return [STRACE, "-D", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(report)]


def flushed(report: Path) -> int:
    """How often the write-ahead log was flushed."""
    lines = report.read_text(encoding="utf-8", errors="replace").splitlines()
    return sum(f"{DATABASE}-wal>" in line and "resumed" not in line for line in lines)


def commits(wal: Path) -> int:
    """The commits in a write-ahead log that was not begun anew: frames that say how large the file is after them."""
    content = wal.read_bytes()
    _, _, page_bytes, _, *salts = _HEADER.unpack_from(content)[:6]
    found = 0
    for start in range(
        _HEADER.size, len(content) - _FRAME_HEADER.size - page_bytes + 1, _FRAME_HEADER.size + page_bytes
    ):
        _, size_after, *frame_salts = _FRAME_HEADER.unpack_from(content, start)[:4]
        if frame_salts != salts:
            break
        found += size_after != 0
    return found
