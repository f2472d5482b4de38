"""The example container as the benchmarks run it, and variants with more tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from container.cli.build import build
from container.cli.sources import Sources, secrets_from
from container.config.registry import discover
from container.engine.container import Container

ROOT = Path(__file__).resolve().parents[1]
SECRETS: Mapping[str, str] = {"TIKTOK_TOKEN": "a-token-of-the-benchmark"}
VENDOR_PATH = "/open_api/v1.3/event/track/"

_TYPE = "    type: tiktok_events_api\n"
_TAGS = re.compile(r"^tags:\n(.*?)^(?=\S|\Z)", re.MULTILINE | re.DOTALL)


def example(vendor: str, *, firing: int = 1, silent: int = 0) -> str:
    """The text of container.yaml without its tests, with a vendor at this address.

    `firing`: how many tags fire, each a copy of the one with a pixel of its own. `silent`: tags that hear events which
    never come.
    """
    whole = (ROOT / "container.yaml").read_text(encoding="utf-8").partition("\ntests:\n")[0] + "\n"
    found = _TAGS.search(whole)
    if found is None or found[1].count(_TYPE) != 1:
        raise ValueError("the example container is not the one that the benchmarks know: one tag of TikTok")
    tag = found[1].replace(_TYPE, f"{_TYPE}    endpoint: {vendor}{VENDOR_PATH}\n")
    tags = [tag, *(_another(tag, number) for number in range(2, firing + 1))]
    tags += [_silent(tag, number) for number in range(1, silent + 1)]
    triggers = "".join(f"  Never {number}: {{events: never_{number}}}\n" for number in range(1, silent + 1))
    text = f"{whole[: found.start(1)]}{''.join(tags)}{whole[found.end(1) :]}"
    return text.replace("triggers:\n", f"triggers:\n{triggers}", 1)


def compiled(text: str, folder: Path) -> Container:
    """The container of this text, read from a file in the folder."""
    file = folder / "container.yaml"
    file.write_text(text, encoding="utf-8")
    built = build(Sources(file, discover(), SECRETS, secrets_from(None, SECRETS), strict=True))
    if built.container is None:
        raise ValueError(built.loaded.report())
    return built.container


def _another(tag: str, number: int) -> str:
    named = tag.replace("TikTok - events:", f"TikTok - events {number}:")
    return named.replace("PIXEL000000", f"PIXEL{number:06d}")


def _silent(tag: str, number: int) -> str:
    named = tag.replace("TikTok - events:", f"TikTok - silent {number}:")
    return re.sub(r"triggers: \[.*\]", f"triggers: [Never {number}]", named)
