"""Every container that we show: the example, those of the documentation and those of its pages; and hits for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

import orjson

from container.config.load import load
from container.config.model import ContainerModel
from container.config.registry import discover
from container.engine.story import secret_text
from container.event import Hit
from tests.docs.test_yaml_blocks import ELSEWHERE, containers
from tests.test_containers import EXAMPLES, ROOT, name_of

REGISTRY = discover()
FILES = [*EXAMPLES, *sorted((ROOT / "docs" / "examples" / "types").glob("*.yaml"))]
SHOWN: Mapping[str, str] = {
    **{name_of(path): path.read_text(encoding="utf-8") for path in FILES},
    **{name: text for name, text in containers() if re.search(r"^tags:", text, re.MULTILINE)},
}
"""The text of each container with tags, by where it stands. Those in `ELSEWHERE` use a tag that is not installed."""

NEEDED = frozenset({"container.yaml", "README.md-0", "docs/examples/two-markets.yaml", "docs/how-to/once-per-key.md-0"})
USUAL = ("page_view", "purchase", "generate_lead", "add_to_cart", "sign_up")
_EVENTS = re.compile(r"events: \[?([a-z_, ]+)")
_SECRET = re.compile(r"\$\{secret:([A-Z0-9_]+)\}")
_API_SECRET = re.compile(r"api_secret: .*?\$\{secret:([A-Z0-9_]+)\}")
_PATHS = ("/p/thanks", "/p/12", "/c/tea", "/checkout", "/sale")

__all__ = ["ELSEWHERE", "FILES", "NEEDED", "REGISTRY", "SHOWN"]


def model_of(name: str) -> ContainerModel:
    folder = (ROOT / name).parent
    found = load(
        SHOWN[name],
        filename=name,
        registry=REGISTRY,
        environment={},
        secrets=secret_text,
        strict_environment=False,
        folder=folder if folder.is_dir() else ROOT,
    )
    assert found.model is not None, found.report()
    return found.model


def value_of(name: str) -> str:
    """The value of a secret, as the transport knows it."""
    return f"value-of-{name.lower()}"


def secrets_of(text: str) -> Mapping[str, str]:
    """The environment of a process: those of vendors as above, and those that hits show as they show them."""
    return {name: value_of(name) for name in _SECRET.findall(text)} | {
        # Those of clients: a tag's is a vendor's.
        name: secret_text(name)
        for name in _API_SECRET.findall(text.partition("\ntags:")[0])
    }


def hits_of(name: str) -> list[Hit]:
    """Those of the container's own tests, and one of a browser and of a server for each event that it speaks of."""
    model = model_of(name)
    hits = [hit for story in model.tests for hit in story.hits]
    hits += [story.event.hit for story in model.tests if story.event is not None]
    received = max((hit.received for hit in hits), default=1_800_000_000_000)
    return [*hits, *_made(name, received)]


def over_http(name: str) -> list[Hit]:
    """The hits that came, or could have come, over HTTP."""
    model = model_of(name)
    return [hit for story in model.tests for hit in story.hits] + [*_made(name, 1_800_000_000_000)]


def _made(name: str, received: int) -> Iterator[Hit]:
    text = SHOWN[name]
    events = dict.fromkeys([*re.findall(r"[a-z_]+", " ".join(_EVENTS.findall(text))), *USUAL])
    ids = re.findall(r"\bG-[A-Z0-9]+", text) or ["G-EXAMPLE01"]
    secret = next(iter(_API_SECRET.findall(text)), "")
    for number, event in enumerate(events, 1):
        about = f"{number}-{event}"
        for place, path in enumerate(_PATHS):
            query = _browser(ids[0], event, f"{about}-{place}", path)
            yield _hit(received, number + place * 100, "GET", query=query, cookie="_ttp=abc; _shop_id=7")
        query = f"measurement_id={ids[0]}&api_secret={secret_text(secret) if secret else ''}"
        yield _hit(received, number + 1000, "POST", query=query, path="/mp/collect", body=_server(event, about))


def _hit(received: int, number: int, method: str, *, query: str, **more: str) -> Hit:
    headers = {"host": "tags.shop.example", "user-agent": "Mozilla/5.0 (X11; Linux x86_64)"}
    if "cookie" in more:
        headers["cookie"] = more["cookie"]
    path, body = more.get("path", "/g/collect"), more.get("body", "").encode()
    return Hit(number.to_bytes(16), received, method, path, query, headers, body, "198.51.100.7")


def _browser(measurement_id: str, event: str, about: str, path: str) -> str:
    page = quote(f"https://www.shop.example{path}?ttclid=E.C.P.click", safe="")
    return (
        f"v=2&tid={measurement_id}&cid=1.2&gcs=G111&dl={page}&en={event}&epn.value=20&cu=EUR"
        f"&ep.transaction_id=T-{about}&ep.event_id=E-{about}&ep.user_data.email_address=jane%40example.com"
        "&ep.form_name=quote&ep.lead_id=L-1&pr1=idSKU-1~nmTea%20pot~pr20~qt1"
    )


def _server(event: str, about: str) -> str:
    params = {
        "value": 30,
        "currency": "EUR",
        "transaction_id": f"S-{about}",
        "event_id": f"S-{about}",
        "lead_id": "L-1",
    }
    user = {"sha256_email_address": ["a" * 64], "email_address": "jane@example.com"}
    granted = {"ad_storage": "GRANTED", "ad_user_data": "GRANTED"}
    message = {"client_id": "1.2", "user_id": "u-1", "consent": granted, "user_data": user}
    return orjson.dumps({**message, "events": [{"name": event, "params": params}]}).decode()
