"""What the system knows about processes and its disk. Linux only; nothing here measures wall time of a server."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.figures import median, percentile

_TICKS = os.sysconf("SC_CLK_TCK")
FLUSHED_BYTES, FLUSHES = 8192, 300


def cores() -> tuple[set[int], set[int]]:
    """The core of the server, and those of the load. With one core it is the same one, which figures show."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others) or {first}


def processor_seconds(pid: int) -> float:
    """CPU time of a process, of its children that live and of those that ended."""
    return sum(_own_seconds(each) for each in family(pid))


def loop_seconds(pid: int) -> float:
    """CPU time of the first thread of a process, in which its event loop runs."""
    return _ticks(Path(f"/proc/{pid}/task/{pid}/stat"), 11, 13) / _TICKS


def spent_seconds() -> float:
    """CPU time of the whole machine since it started, also what its host took away."""
    user, nice, system, _idle, _waiting, *others = map(
        int, Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]
    )
    return (user + nice + system + sum(others)) / _TICKS


def memory_mb(pid: int) -> float:
    """Memory of a process and its children, what they share divided by who shares it (PSS)."""
    return sum(_pss_kb(each) for each in family(pid)) / 1024


def resident_mb(pid: int) -> float:
    """Memory of a process alone, with all that it shares (RSS). Quick to know."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


def family(pid: int) -> list[int]:
    """A process and the children of it that live, theirs too."""
    parents = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit() and (fields := _fields(int(each.name))):
            parents[int(each.name)] = int(fields[1])
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def flush_ms(folder: Path) -> tuple[float, float]:
    """How long the disk takes to have 8 kB for certain: median and 99th percentile."""
    path = folder / "flushed"
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        times = []
        for _ in range(FLUSHES):
            os.pwrite(file, os.urandom(FLUSHED_BYTES), 0)
            began = time.perf_counter()
            os.fdatasync(file)
            times.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(file)
        path.unlink()
    return median(times), percentile(times, 0.99)


def processor() -> str:
    """What the machine calls its processor."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def _own_seconds(pid: int) -> float:
    # utime, stime, cutime, cstime: fields 14 to 17, counted from the process's number; the state is field 3.
    return _ticks(Path(f"/proc/{pid}/stat"), 11, 15) / _TICKS


def _ticks(path: Path, first: int, end: int) -> int:
    return sum(map(int, _fields_of(path)[first:end]))


def _fields(pid: int) -> list[str]:
    return _fields_of(Path(f"/proc/{pid}/stat"))


def _fields_of(path: Path) -> list[str]:
    """The fields of a process or thread behind its name, which may hold anything. Empty when it has ended."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
