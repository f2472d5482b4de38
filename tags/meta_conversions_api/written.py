"""What fixed values of the settings have to look like, for Meta to make anything of them."""

from __future__ import annotations

import re
from collections.abc import Callable

from container.api import Form, normalise
from tags.meta_conversions_api.currencies import CURRENCIES
from tags.meta_conversions_api.custom import CONTENT_TYPES, DELIVERY_CATEGORIES
from tags.meta_conversions_api.forms import birthday, gender
from tags.meta_conversions_api.settings import MetaConversionsApi

_WITH_VERSION = re.compile(r"/v[0-9]+\.[0-9]+$", re.ASCII)


def _is_number(written: str, _settings: MetaConversionsApi) -> bool:
    return written.isascii() and written.isdigit()


def _of(normal: Callable[[str], object]) -> Callable[[str, MetaConversionsApi], bool]:
    """What the tag itself can bring into Meta's form, and hashes of that."""
    return lambda written, _settings: normalise.is_hash(written) or normal(written) is not None


def _is_public(written: str, _settings: MetaConversionsApi) -> bool:
    return normalise.public_address(written) is not None


def _is_currency(written: str, _settings: MetaConversionsApi) -> bool:
    return normalise.currency(written) in CURRENCIES


def _is_content_type(written: str, _settings: MetaConversionsApi) -> bool:
    return written in CONTENT_TYPES


def _is_delivery(written: str, _settings: MetaConversionsApi) -> bool:
    return written in DELIVERY_CATEGORIES


def _has_no_version(written: str, _settings: MetaConversionsApi) -> bool:
    return _WITH_VERSION.search(written.partition("?")[0].rstrip("/")) is None


FORMS = (
    Form(
        "pixel_id",
        _is_number,
        "is no id of Meta's, which has digits alone",
        "write the number that Events Manager shows, such as 1234567890123456",
    ),
    Form("user.country", _of(normalise.country), "is no country in two letters", "write it as in ISO 3166, such as DE"),
    Form("user.ge", _of(gender), "is no gender that Meta knows", "write m or f"),
    Form("user.db", _of(birthday), "is no date of birth", "write it as 1990-05-21 or 19900521"),
    Form("user.client_ip_address", _is_public, "is no public address", "take it out: the visitor's is found by itself"),
    Form("custom.currency", _is_currency, "is no currency of ISO 4217", "write three letters, such as EUR"),
    Form("custom.content_type", _is_content_type, "is no word of Meta's", f"write {' or '.join(CONTENT_TYPES[:2])}"),
    Form(
        "custom.delivery_category",
        _is_delivery,
        "is no word of Meta's",
        f"write one of {', '.join(sorted(DELIVERY_CATEGORIES))}",
    ),
    Form(
        "endpoint",
        _has_no_version,
        "ends in a version, and the version is put behind it once more",
        "write it without, and the version as `api_version`",
    ),
)
