"""What fixed values of the settings have to look like, for Meta to make anything of them."""

from __future__ import annotations

from container.api import Form
from tags.meta_conversions_api.settings import MetaConversionsApi


def _is_number(written: str, _settings: MetaConversionsApi) -> bool:
    return written.isascii() and written.isdigit()


FORMS = (
    Form(
        "pixel_id",
        _is_number,
        "is no id of Meta's, which has digits alone",
        "write the number that Events Manager shows, such as 1234567890123456",
    ),
)
