"""What fixed values of the settings have to look like, for TikTok to make anything of them."""

from __future__ import annotations

from container.api import Form
from tags.tiktok_events_api.settings import TikTokEventsApi


def _can_be_a_pixel(written: str, settings: TikTokEventsApi) -> bool:
    """Apps and event sets have numbers, pixels of websites letters and digits."""
    return settings.event_source != "web" or not (written.isdigit() or written.startswith("G-"))


FORMS = (
    Form(
        "pixel_id",
        _can_be_a_pixel,
        "is no code of a TikTok pixel, which has letters and digits",
        "write the code that Events Manager shows, such as C1EXAMPLEPIXEL000000",
    ),
)
