"""A record as the recorder writes it, with a visitor's values in each place where they may come to stand."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

from tests import canaries

URL = "https://vendor.example/v1/events"
TAG, TRIGGER, VARIABLE = "TikTok - Purchase", "Purchase by Dutch visitors", "Mail of the visitor"


def record(body: str = "", *, name: str = "purchase", said: str = canaries.EMAIL) -> dict[str, Any]:
    """`body`: of the hit and of the request. `name`: of the event. `said`: what sentences quote."""
    data = {
        "event_name": name,
        "currency": "EUR",
        "value": 19.95,
        "client_id": canaries.CLIENT_ID,
        "user_id": canaries.USER_ID,
        "page_location": canaries.PAGE,
        "search_term": canaries.SEARCH,
        "user_data": canaries.USER_DATA,
        "ip_override": canaries.IP,
        "x-ga-ip6": canaries.IP6,
        "user_agent": canaries.USER_AGENT,
        "ttclid": canaries.CLICK_ID,
        "ttp": canaries.COOKIE,
    }
    headers = [[each, value] for each, value in canaries.HEADERS.items()]
    request = {"method": "POST", "url": URL, "headers": {"Authorization": "Bearer ${secret:TIKTOK}"}, "json": data}
    return {
        "number": 7,
        "at": 1_700_000_000_000,
        "source": "marked",
        "mode": "dry",
        "draft": True,
        "hit": {
            "method": "POST",
            "path": "/g/collect",
            "query": canaries.QUERY,
            "headers": headers,
            "body": body,
            "ip": canaries.IP,
        },
        "told": {
            "id": "0f" * 16,
            "client": "GA4",
            "reply": _reply(),
            "events": [
                {
                    "name": name,
                    "data": data,
                    "consent": {"ad_storage": {"granted": True, "source": "gcd"}},
                    "sender_id": canaries.USER_ID,
                    "event_id_source": "the event's event_id",
                    "variables": [
                        {
                            "name": VARIABLE,
                            "type": "event_data",
                            "value": said,
                            "kind": "text",
                            "from": 'event data "user_data.email_address"',
                            "notes": [f'"{said}" is no number'],
                        },
                        {"name": "Event Name", "type": "event_name", "value": name, "from": "the event"},
                    ],
                    "tags": [_tag(said, data, request)],
                }
            ],
        },
        "reply": _reply(),
        "outgoing": [
            {
                "tag": TAG,
                "event": name,
                "row": 1,
                "mode": "dry",
                "method": "POST",
                "url": f"{URL}/{quote(said, safe='')}?mail={quote(said, safe='')}",
                "headers": [["content-type", "application/json"], ["user-agent", canaries.USER_AGENT]],
                "body": body or json.dumps({"data": [data]}),
                "answer": {
                    "status": 200,
                    "headers": [["set-cookie", f"sid={canaries.COOKIE}; Path=/"], ["x-echo", said]],
                    "body": json.dumps({"code": 0, "message": f"got {said}"}),
                    "seconds": 0.25,
                    "attempt": 1,
                    "verdict": "delivered",
                    "reason": f"took {said}",
                },
            }
        ],
        "console": [f'tag "{TAG}": "{said}" was left out', {"tag": TAG, "text": f"{said} is odd"}],
    }


def _reply() -> dict[str, Any]:
    cookie = {"name": "FPID", "value": f"FPID2.1.{canaries.CLIENT_ID}", "max_age": 63_072_000, "path": "/"}
    return {"status": 200, "headers": [["content-type", "image/gif"]], "cookies": [cookie], "body": "GIF89a"}


def _tag(said: str, data: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    condition = {"text": 'page_location contains "/account"', "holds": True, "value": canaries.PAGE}
    return {
        "tag": TAG,
        "type": "tiktok_events_api",
        "status": "fired",
        "why": f'trigger "{TRIGGER}" fired: user_data.email_address "{said}" is set',
        "notes": [f"phone {canaries.PHONE} has no country"],
        "settings": [
            {"field": "pixel_code", "written": "C0FFEE47TCODE", "value": "C0FFEE47TCODE", "notes": []},
            {"field": "email", "written": f"{{{{ {VARIABLE} }}}}", "value": said, "notes": [f'"{said}"']},
        ],
        "triggers": [{"name": TRIGGER, "hears": "purchase", "holds": True, "conditions": [condition]}],
        "exceptions": [],
        "consent": [{"type": "ad_storage", "granted": True, "source": "gcd"}],
        "view": {
            "transformations": [
                {
                    "name": "Without the page",
                    "type": "exclude_parameters",
                    "applied": True,
                    "changes": [{"key": "page_location", "before": canaries.PAGE, "after": None}],
                }
            ],
            "data": data,
        },
        "identifiers": ["email", {"name": "email", "value": said}],
        "requests": [request, {**request, "json": None, "body": urlencode({"mail": said, "currency": "EUR"})}],
    }
