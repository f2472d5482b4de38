"""What the reference page says beside the fields."""

from tags.ga4.settings import RELAY_COOKIES

_COOKIES = ", ".join(f"`{name}`" for name in RELAY_COOKIES)

PAGE = """## What goes out

A hit of Google's library leaves as one: to `/g/collect`, with the names it came with, and everything that was in it.
Parameters that the container does not know keep their names. The visitor's user agent and client hints go as headers,
the address as `_uip`, if it is a public one. With `redact_ip` that is `_uip=::`, an address of nobody: without any,
Google would take this server's for the visitor's. Left behind is what is meant for a server container alone:
`richsstsse`, `sst.…`, `_fplc` and the browser's own client id where the container keeps one. User data goes as `em`: as
the browser hashed it, else hashed by Google's rules. One request holds one event; where its address would be longer
than 2048 characters, the event's parameters are a line of the body.

Everything else leaves by the Measurement Protocol, to `/mp/collect`: events of servers and apps, which need
`api_secret`, and a `client_id` (or `app_instance_id`); without them they are `incomplete`. Up to 25 events of one
visitor and one moment share a request.

| GA4 takes, by the Measurement Protocol | what is beyond it |
|---|---|
| 25 parameters of an event (100 of Analytics 360) | the essential ones stay, the rest is left out with a note |
| values of 100 characters (500), `page_title` 300, `page_referrer` 420, `page_location` 1000 | cut, as GA4 does |
| 25 user properties, names of 24 and values of 36 characters | left out or cut, with a note |
| requests below 130,000 bytes | the largest members are left out, with a note, or the event is `skipped` |
| events of the last 72 hours | `skipped`, or given up as too old |
| no names such as `session_start`, and none that begin with `_`, `ga_`, `google_`, `firebase_` | `skipped` |

`parameters` and `drop_parameters` use the names of event data, as `{{ event.… }}` does, and not those of the wire:
`page_location` and not `dl`, `coupon` and not `ep.coupon`, `x-ga-mp2-tt` for a parameter `tt` that the container does
not know. Whole parameters are dropped; a part of one, such as `items.coupon`, is for the transformation
`exclude_parameters`. What GA4 counts nothing without, such as `client_id`, cannot be dropped.

`debug_mode: "{{ Debug Mode }}"` shows in DebugView what a preview sends, and only that. A preview sends to GA4 in its
mode Send; in Dry run and Test events it stays here, since GA4 has no test codes. `debug_mode: true` shows everything,
also outside of preview.

GA4 answers "taken" to everything. A wrong secret or a wrong measurement ID shows in GA4's own reports alone.

## Consent

The tag needs `analytics_storage`. What a hit says about consent (`gcs`, `gcd`, `npa`, `dma` …) goes along as it came.
Where consent is known from elsewhere only, `gcs` says it; by the Measurement Protocol it is `consent`. User data stays
out where `ad_user_data` is denied.

Orders of a backend say nothing about `analytics_storage`: the Measurement Protocol has no word for it. With the
container's `consent: {default: denied}` GA4 never gets them, unless their client says `consent: {default: granted}`, or
the tag `consent: not_needed` (or `consent: [ad_user_data]`, which the protocol does know).

With consent mode in its advanced form, browsers send hits without cookies before a visitor has agreed, from which GA4
models what it cannot see. To forward those as well, write `consent: not_needed` in the tag: they say `gcs=G100`
themselves, and hold no id that lasts.

## Beside another server container

With `relay: true`, `endpoint` is another server container, which gets each hit as if the browser had sent it there:
user data as it came (where `ad_user_data` is not denied), `sst.…`, the cookies of `relay_cookies`, and the address in
`X-Forwarded-For`. The hit's answer waits up to one second for the cookies that it sets, and passes them on. Whoever
runs both and lets both send to GA4 counts twice.

```yaml
version: 1
clients: {GA4: {type: ga4}}
triggers: {Everything: {}}
tags:
  The other container:
    type: ga4
    triggers: [Everything]
    endpoint: https://sgtm.shop.example
    relay: true
```

The cookies are those of analytics and advertising: @COOKIES@. None of them goes where `analytics_storage` is denied.
Log-ins and baskets stay here; `relay_cookies: ["*"]` hands on everything.

Events of servers go to the other container's `/mp/collect`, with `api_secret` if the tag has one: that is the secret
which the other container asks of its senders, and not Google's. Without one they go too, and it is up to the other
container whether it takes them.

## Twice the same order

GA4 counts an order once for each `transaction_id` and visitor. So a shop may send `purchase` from the browser and from
its server: give both the same `transaction_id` and `client_id`. Other events are not deduplicated by GA4; `once_per`
does that.
""".replace("@COOKIES@", _COOKIES)
