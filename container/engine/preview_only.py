"""Settings that may take a value from a hit in preview only."""

from __future__ import annotations

from container.fields import Settings, is_preview_only
from container.template import Reference, Template

_PREVIEW = Reference("Debug Mode")
"""Who writes this alone asks for just that: on in preview, and else not there."""


def without_preview_only(settings: Settings | None) -> tuple[Settings | None, tuple[str, ...]]:
    """The settings as they count outside preview, and a note for each value that does not.

    Whoever sends hits could otherwise turn conversions into test events.
    """
    if settings is None:
        return None, ()
    written = {
        name: getattr(settings, name) for name, info in type(settings).model_fields.items() if is_preview_only(info)
    }
    found = {name: value for name, value in written.items() if isinstance(value, Template)}
    told = [name for name, value in found.items() if value.whole != _PREVIEW]
    notes = tuple(f'"{name}" is left out: outside preview it takes fixed text, and no reference' for name in told)
    return (settings.model_copy(update=dict.fromkeys(found)) if found else settings), notes
