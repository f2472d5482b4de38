"""What the corpus tests of all destinations share: its records, and how two requests in neutral form are compared."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / os.environ.get("CORPUS_DIR", "../shared/corpus")
ABSENT_REASON = f"there is no mapping_cases.json in {CORPUS.name}; CORPUS_DIR says where it is"

POINTERS = ("volatile", "ignore", "not_from_input", "peer_fields")
_LEFT_OUT = object()


def records_of(platform: str, name: str) -> list[dict[str, Any]]:
    """The records for a platform in a file of the corpus, none where there is no corpus."""
    path = CORPUS / name
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [record for record in found if record["platform"] == platform]


def comparable(record: Mapping[str, Any]) -> Any:
    """The peer's body, in which what cannot be compared is marked."""
    body = json.loads(json.dumps(record["expected"]["json"]))
    for pointer in (pointer for kind in POINTERS for pointer in record.get(kind) or ()):
        _leave_out(body, pointer.split("/")[1:])
    return body


def usable(found: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, `None` for those that are marked."""
    unusable = {path for path, value in found.items() if _LEFT_OUT in (value if isinstance(value, list) else [value])}
    return {path: None if path in unusable else value for path, value in found.items()}


def compared(
    mine: Mapping[str, Any], others: Mapping[str, Any], *, but: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """Where two requests differ: the field, and how. Fields that cannot be compared are none."""
    for field in sorted({*mine, *others} - {*but}):
        if field in others and others[field] is None:
            continue
        if field not in others:
            yield field, "only ours"
        elif field not in mine:
            yield field, "empty there" if others[field] in ("", []) else "only theirs"
        elif mine[field] != others[field]:
            yield field, "other value"


def _leave_out(found: Any, steps: list[str]) -> None:
    *way, last = [int(step) if step.isdigit() else step for step in steps]
    for step in way:
        found = found[step]
    found[last] = _LEFT_OUT


def fields(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """By dot path. A list of one is its member; the fields of all contents are lists."""
    for name, member in value.items():
        if name == "contents" and isinstance(member, list):
            for inner in {key: None for line in member if isinstance(line, dict) for key in line}:
                yield f"{prefix}contents.{inner}", [line.get(inner) for line in member]
        elif isinstance(member, Mapping):
            yield from fields(member, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", member[0] if isinstance(member, list) and len(member) == 1 else member
