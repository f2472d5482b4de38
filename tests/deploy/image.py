"""What the Dockerfile makes, made without Docker: the same files, in a folder that its process may only read.

As root the process gets a mount namespace in which everything but its data is read-only, the image's user, and no
capability. Where that is not possible the modes have to do: files are another user's, or nobody may write to them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cli.processes import PATIENCE_SECONDS
from tests.deploy.dockerfile import copy_sources, only, stages

RUNTIME = stages()[1]
USER = only(RUNTIME, "USER").text.partition(":")[0]
WRITABLE = ("data", "tmp")

_DROP = f"""setpriv --reuid {USER} --regid {USER} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all"""
_CONTAINED = f"""set -e
image=$1 interpreter=$2 dependencies=$3
shift 3
mount --bind "$image" "$image"
mount --bind "$interpreter" "$image/interpreter"
mount --bind "$dependencies" "$image/dependencies"
for each in data tmp; do mount --bind "$image/$each" "$image/$each"; done
for each in "$image/interpreter" "$image/dependencies" "$image" /; do mount -o remount,bind,ro "$each"; done
cd "$image/etc"
exec {_DROP} "$@"
"""


@dataclass(frozen=True, slots=True)
class Image:
    """`contained`: whether a mount namespace keeps everything else read-only."""

    folder: Path
    contained: bool

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self, *command: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        """Runs a command of the image as its user, in its working directory."""
        return subprocess.Popen(
            [*self._prefix(), *self._placed(command)],
            cwd=self.folder / "etc",
            env=dict(environment) | {"PATH": f"{self.folder}/venv/bin:/usr/bin:/bin", **self._set()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def snapshot(self) -> dict[str, tuple[int, int, int]]:
        """Mode, size and time of change of everything that must stay as it is, its /tmp among it."""
        kept = [path for path in self.folder.rglob("*") if not path.is_relative_to(self.data)]
        return {
            str(path): (found.st_mode, 0 if path.is_dir() else found.st_size, found.st_mtime_ns)
            for path, found in ((path, path.lstat()) for path in kept)
        }

    def _placed(self, command: tuple[str, ...]) -> list[str]:
        places = {"/data": str(self.data), "/etc/tag-container": str(self.folder / "etc")}
        return [f"{self.folder}/venv/bin/{command[0]}", *(places.get(each, each) for each in command[1:])]

    def _prefix(self) -> list[str]:
        if self.contained:
            inside = [str(self.folder), sys.base_prefix, sysconfig.get_path("purelib")]
            return ["unshare", "--mount", "sh", "-c", _CONTAINED, "sh", *inside]
        return _DROP.split() if os.geteuid() == 0 else []

    def _set(self) -> dict[str, str]:
        """What the image itself sets, without its PATH, and a home that is not there."""
        stated = dict(word.split("=", 1) for word in only(RUNTIME, "ENV").listed)
        del stated["PATH"]
        found = stated | {"HOME": "/nonexistent", "TMPDIR": str(self.folder / "tmp")}
        # A shared libpython is looked for where the interpreter was installed.
        return found | {"LD_LIBRARY_PATH": str(self.folder / "interpreter" / "lib")} if self.contained else found


@contextmanager
def built(folder: Path, container: str) -> Iterator[Image]:
    """An image with this container file. `folder`: an empty one that every user may enter."""
    contained = os.geteuid() == 0 and _can_contain()
    wheel = _wheel(folder)
    _install(wheel, folder / "venv", folder, contained=contained)
    for name in ("etc", "data", "tmp", "interpreter", "dependencies"):
        (folder / name).mkdir()
    (folder / "etc" / "container.yaml").write_text(container, encoding="utf-8")
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    (folder / "data").chmod(0o700)
    (folder / "tmp").chmod(0o1777)
    if os.geteuid() == 0:
        os.chown(folder / "data", int(USER), int(USER))
    writable = {folder / name for name in WRITABLE}
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink() and path not in writable:
            path.chmod(path.stat().st_mode & ~0o222)
    try:
        yield Image(folder, contained)
    finally:
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


def _can_contain() -> bool:
    probe = ["unshare", "--mount", "sh", "-c", f"mount -o remount,bind,ro / && exec {_DROP} true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _wheel(folder: Path) -> Path:
    """The package as the image's build stage makes it, from nothing but the files that are copied there."""
    source, wheels = folder / "source", folder / "wheels"
    copy_sources(source)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(wheels), str(source))
    [wheel] = wheels.iterdir()
    shutil.rmtree(source)
    return wheel


def _install(wheel: Path, place: Path, folder: Path, *, contained: bool) -> None:
    """A fresh environment with the package. Its dependencies are those of this test's own environment."""
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    _pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    found = sysconfig.get_path("purelib")
    [packages] = (place / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{folder / 'dependencies' if contained else found}\n")
    if contained:
        # The interpreter may be where only root can read; in the namespace it is here as well.
        inside = folder / "interpreter" / "bin"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        for link in (place / "bin").glob("python*"):
            link.unlink()
            link.symlink_to(inside / version)
        settings = place / "pyvenv.cfg"
        lines = [line for line in settings.read_text("utf-8").splitlines() if not line.startswith("home")]
        settings.write_text("\n".join([f"home = {inside}", *lines, ""]), encoding="utf-8")


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", "--isolated", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
