"""The stand-ins that there are, in the order in which the page shows them."""

from __future__ import annotations

from container.sandbox.ga4 import ga4
from container.sandbox.meta import meta
from container.sandbox.tiktok import tiktok
from container.sandbox.vendor import Vendor


def vendors() -> tuple[Vendor, ...]:
    """All of them, each as it stands in for its vendor by default."""
    return tiktok(), meta(), ga4()
