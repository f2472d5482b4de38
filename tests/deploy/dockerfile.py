"""The Dockerfile as data, and what its instructions bring into the image."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cli.processes import ROOT


@dataclass(frozen=True, slots=True)
class Instruction:
    name: str
    text: str

    @property
    def listed(self) -> list[str]:
        """The words of an instruction in its JSON form, else of its plain one."""
        found = self.text[self.text.index("[") :] if self.text.endswith("]") else ""
        return list(json.loads(found)) if found else shlex.split(self.text)


def instructions() -> list[Instruction]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    return [Instruction(name.upper(), rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def stages() -> list[list[Instruction]]:
    """The instructions by stage, each of which begins with its FROM."""
    found: list[list[Instruction]] = []
    for each in instructions():
        if each.name == "FROM":
            found.append([])
        if found:
            found[-1].append(each)
    return found


def only(stage: list[Instruction], name: str) -> Instruction:
    """The one instruction of that name."""
    [found] = [each for each in stage if each.name == name]
    return found


def sources(stage: list[Instruction]) -> Iterator[tuple[Path, str]]:
    """What is copied from the checkout, and where to."""
    for instruction in stage:
        words = instruction.listed
        if instruction.name == "COPY" and not words[0].startswith("--from="):
            *given, target = words
            yield from ((ROOT / each, f"{target}{each}" if target.endswith("/") else target) for each in given)


def ignored(path: Path) -> bool:
    """Whether `.dockerignore` keeps a file out: the last line that matches it or a folder above it decides."""
    relative = path.relative_to(ROOT)
    parts = [relative, *relative.parents][:-1]
    kept_out = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            names = pattern.removeprefix("!")
            below = names.removeprefix("**/")
            matched = any(fnmatch.fnmatch(part.name if below != names else part.as_posix(), below) for part in parts)
            kept_out = not pattern.startswith("!") if matched else kept_out
    return kept_out


def copy_sources(folder: Path) -> None:
    """Makes the folder in which the image's package is built."""
    for source, target in sources(stages()[0]):
        to = folder / target
        to.parent.mkdir(parents=True, exist_ok=True)
        for file in [source] if source.is_file() else [each for each in source.rglob("*") if each.is_file()]:
            if not ignored(file):
                here = to if source.is_file() else to / file.relative_to(source)
                here.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, here)
