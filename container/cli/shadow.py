"""Our packages have common names. A folder of the same name in the working directory can come first on the path."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("clients", "variables", "triggers", "tags", "container")


def shadowed(home: Path, packages: Sequence[str] = PACKAGES) -> list[str]:
    """A sentence for each of our packages that Python would take from elsewhere. `home`: the folder they are in."""
    found = []
    for name in packages:
        spec = find_spec(name)
        places = list(spec.submodule_search_locations or [spec.origin or ""]) if spec else []
        expected = home / name
        if places and Path(places[0]).resolve() == expected:
            continue
        where = f'"{Path(places[0])}"' if places else "nowhere"
        found.append(f'Python finds the package "{name}" in {where}, not in "{expected}". Start from another folder.')
    return found
