"""What the reference page says about Meta's names for events, made from the map itself."""

from __future__ import annotations

from container.api import conversion
from tags.meta_conversions_api.names import NAMES


def names_of_events() -> str:
    """The built-in map and what is not in it, as Markdown."""
    automatic = sorted({*NAMES.automatic, f"{conversion.AUTOMATIC_PREFIX}*"})
    skipped = ", ".join(f"`{name}`" for name in automatic)
    rows = "\n".join(f"| `{name}` | `{meta}` |" for name, meta in NAMES.standard.items())
    return f"""## Which name an event gets

The first of these that names the event: `event`, `event_map`, `browser.events`, the map below. An event that has one of
Meta's own names already keeps it.

| GA4's name | Meta's name |
|---|---|
{rows}

- Sent under their own name, as custom events: all other events. With `unmapped: skip` they are `skipped`.
- `skipped` unless `event_map` or `browser.events` names them: GA4's automatic events, which are {skipped},
  and `refund`, for which Meta has no event.

## What Meta demands

Meta refuses a whole request for one event that lacks something, so such an event is `incomplete` and stays here: a
`Purchase` without value or currency; an event of a `website` without page and user agent; one of an `app` without its
two switches and `extinfo`; one of `business_messaging` without `messaging_channel`; and any of which no more is known
than where somebody lives, a first or last name, a birthday and a user agent. One that is older than seven days (62 for
`physical_store`) is `skipped`, and one that grows older while it waits is given up."""
