"""Settings that may take a value from a hit in preview only."""

from __future__ import annotations

from container.fields import Settings, is_preview_only
from container.template import Template


def without_preview_only(settings: Settings | None) -> tuple[Settings | None, tuple[str, ...]]:
    """The settings as they count outside preview, and a note for each value that does not.

    Whoever sends hits could otherwise turn conversions into test events.
    """
    if settings is None:
        return None, ()
    model = type(settings)
    found = [
        name
        for name, info in model.model_fields.items()
        if is_preview_only(info) and isinstance(getattr(settings, name), Template)
    ]
    notes = tuple(f'"{name}" is left out: outside preview it takes fixed text, and no reference' for name in found)
    return (settings.model_copy(update=dict.fromkeys(found)) if found else settings), notes
