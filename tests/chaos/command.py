"""What the programs of this folder have in common: their options, and where they keep what they write."""

from __future__ import annotations

import argparse
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def options(doc: str | None) -> argparse.ArgumentParser:
    """The options of a program with this docstring, so far a folder."""
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0] if doc else "")
    parser.add_argument("--folder", type=Path, help="where everything is kept, to look at it afterwards")
    return parser


def options_of_load(doc: str | None) -> argparse.ArgumentParser:
    """The same with a rate and a seed."""
    parser = options(doc)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    return parser


@contextmanager
def kept(chosen: argparse.Namespace) -> Iterator[Path]:
    """The folder that was chosen, or one that is gone afterwards. A seed is printed before anything can go wrong."""
    if "seed" in chosen:
        print(f"seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as made:
        folder = chosen.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
