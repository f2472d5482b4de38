"""What fixed values of the settings have to look like, for GA4 to make anything of them."""

from __future__ import annotations

import re

from container.api import Form
from tags.ga4.settings import Ga4Tag

_MEASUREMENT_ID = re.compile(r"G-[A-Z0-9]+", re.ASCII)


def _is_measurement_id(written: str, _settings: Ga4Tag) -> object:
    return _MEASUREMENT_ID.fullmatch(written)


def _has_its_secret(written: str, settings: Ga4Tag) -> bool:
    return written != "measurement_protocol" or settings.relay or settings.api_secret is not None


FORMS = (
    Form(
        "measurement_id",
        _is_measurement_id,
        "is no measurement ID, and GA4 answers the same to a wrong one",
        "write one like G-ABC123XYZ9, as the data stream in GA4 shows it",
    ),
    Form(
        "protocol",
        _has_its_secret,
        "sends nothing without api_secret",
        'write `api_secret: "${secret:NAME}"`, with the secret that the data stream in GA4 shows',
    ),
)
