"""What the reference page says beside the fields."""

PAGE = """## What goes out

A hit of Google's library leaves as one: to `/g/collect`, with the names it came with, and everything that was in it.
Parameters that the container does not know keep their names. The visitor's user agent and client hints go as headers,
the address as `_uip` (`::` with `redact_ip`). Left behind is what is meant for a server container alone: `richsstsse`,
`sst.…`, `_fplc` and the browser's own client id where the container keeps one. User data goes as `em`: as the browser
hashed it, else hashed by Google's rules. One request holds one event; where its address would be longer than 2048
characters, the event's parameters are a line of the body.

Everything else leaves by the Measurement Protocol, to `/mp/collect`: events of servers and apps, which need
`api_secret`, and a `client_id` (or `app_instance_id`). Up to 25 events of one visitor and one moment share a request.

| GA4 takes, by the Measurement Protocol | what is beyond it |
|---|---|
| 25 parameters of an event (100 of Analytics 360) | the essential ones stay, the rest is left out with a note |
| values of 100 characters (500), `page_title` 300, `page_referrer` 420, `page_location` 1000 | cut, as GA4 does |
| 25 user properties, names of 24 and values of 36 characters | left out or cut, with a note |
| requests below 130,000 bytes | the largest members are left out, with a note, or the event is `skipped` |
| events of the last 72 hours | `skipped`, or given up as too old |
| no names such as `session_start`, and none that begin with `_`, `ga_`, `google_`, `firebase_` | `skipped` |

GA4 answers "taken" to everything. A wrong secret or a wrong measurement ID shows in GA4's own reports alone.

## Consent

The tag needs `analytics_storage`. What a hit says about consent (`gcs`, `gcd`, `npa`, `dma` …) goes along as it came.
Where consent is known from elsewhere only, `gcs` says it; by the Measurement Protocol it is `consent`. User data stays
out where `ad_user_data` is denied.

With consent mode in its advanced form, browsers send hits without cookies before a visitor has agreed, from which GA4
models what it cannot see. To forward those as well, write `consent: not_needed` in the tag: they say `gcs=G100`
themselves, and hold no id that lasts.

## Beside another server container

With `relay: true`, `endpoint` is another server container, which gets each hit as if the browser had sent it there:
user data as it came, `sst.…`, the visitor's cookies, and the address in `X-Forwarded-For`. The hit's answer waits up
to one second for the cookies that it sets, and passes them on. Whoever runs both and lets both send to GA4 counts
twice.

## Twice the same order

GA4 counts an order once for each `transaction_id` and visitor. So a shop may send `purchase` from the browser and from
its server: give both the same `transaction_id` and `client_id`. Other events are not deduplicated by GA4; `once_per`
does that.
"""
