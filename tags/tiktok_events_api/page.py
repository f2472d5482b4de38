"""What the reference page says about TikTok's names for events, made from the maps themselves."""

from __future__ import annotations

from collections.abc import Iterator

from tags.tiktok_events_api.names import APP, AUTOMATIC, AUTOMATIC_PREFIX, CURRENT, LEGACY


def names_of_events() -> str:
    """The built-in map and what is not in it, as Markdown."""
    skipped = ", ".join(f"`{name}`" for name in sorted({*AUTOMATIC, f"{AUTOMATIC_PREFIX}*"} - CURRENT.keys()))
    also = ", ".join(f"`{name}`" for name in sorted(AUTOMATIC & CURRENT.keys()))
    return f"""## Which name an event gets

The first of these that names the event: `event`, `event_map`, `browser.events`, the map below. In the map,
`browser.event_names: legacy` takes the second column where it has a name; `event_source: app` takes the last one. An
event that has one of TikTok's own names already keeps it.

{_table()}

- Sent under their own name, as custom events: all other events. With `unmapped: skip` they are `skipped`.
- `skipped` unless `event_map` or `browser.events` names them: GA4's automatic events, which are {skipped}
  (for apps {also} too), and `refund`, for which TikTok has no event.
- `event_source: offline` takes TikTok's standard events only, and no `Pageview`; the rest is `skipped`."""


def _table() -> str:
    return "\n".join(["| GA4's name | TikTok's name | with `legacy` | of an app |", "|---|---|---|---|", *_rows()])


def _rows() -> Iterator[str]:
    for name in [*CURRENT, *sorted(APP.keys() - CURRENT.keys())]:
        legacy = LEGACY.get(name) if LEGACY.get(name) != CURRENT.get(name) else None
        found = (CURRENT.get(name), legacy, APP.get(name))
        yield f"| `{name}` | " + " | ".join(f"`{each}`" if each else "" for each in found) + " |"
