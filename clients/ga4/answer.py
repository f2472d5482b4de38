"""What the sender of a hit gets back."""

from clients.ga4.settings import Ga4
from container.api import Claim, Hit, Reply, query_parameters, same_site

_NOT_CACHED = ("Cache-Control", "no-cache, no-store, must-revalidate")
_PREFLIGHT_SECONDS = 600

# What Google's library waits for when it announces `richsstsse`: one message that says how the container fared.
_MESSAGE = b'event: message\ndata: {"response":{"status_code":200,"body":""}}\n\n'

# One transparent point, for a page that sends its hit as an image: an empty answer would be a broken one.
_IMAGE = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


def answer(settings: Ga4, hit: Hit, *, wants_messages: bool) -> Reply:
    """Nothing, a message for a library that waits for one, or an image for an element that shows one."""
    headers = _headers(settings, hit)
    if wants_messages:
        return Reply(200, (("Content-Type", "text/event-stream"), *headers), _MESSAGE)
    if _wants_image(hit):
        return Reply(200, (("Content-Type", "image/gif"), *headers), _IMAGE)
    return Reply(204, headers)


def too_large(settings: Ga4, hit: Hit) -> Claim:
    """Refuses a hit whole."""
    return Claim(reply=Reply(413, _headers(settings, hit)))


def preflight(settings: Ga4, hit: Hit) -> Claim | None:
    """Google's library needs no preflight, other senders may. The query is that of the hit that will follow."""
    measurement_id = query_parameters(hit.query).get("tid")
    if measurement_id and settings.measurement_ids and measurement_id not in settings.measurement_ids:
        return None
    headers = _headers(settings, hit)
    if _allowed_origin(settings, hit):
        asked = hit.headers.get("access-control-request-headers", "")
        headers = (
            *headers,
            ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
            *((("Access-Control-Allow-Headers", asked),) if _is_list_of_names(asked) else ()),
            ("Access-Control-Max-Age", str(_PREFLIGHT_SECONDS)),
        )
    return Claim(reply=Reply(204, headers))


def _headers(settings: Ga4, hit: Hit) -> tuple[tuple[str, str], ...]:
    """Headers of every answer. A hit carries cookies, so the origin is named: browsers would refuse `*`."""
    origin = _allowed_origin(settings, hit)
    if origin is None:
        return _NOT_CACHED, ("Vary", "Origin")
    return (
        _NOT_CACHED,
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Vary", "Origin"),
    )


def _allowed_origin(settings: Ga4, hit: Hit) -> str | None:
    origin = hit.headers.get("origin", "")
    if settings.allow_origins:
        allowed = origin in settings.allow_origins
    else:
        allowed = same_site(origin, hit.headers.get("host", ""))
    return origin if allowed else None


def _wants_image(hit: Hit) -> bool:
    """Whether an image element sent the hit: browsers say so, older ones by what they accept first."""
    if hit.method != "GET":
        return False
    element = hit.headers.get("sec-fetch-dest")
    return element == "image" if element else hit.headers.get("accept", "").startswith("image/")


def _is_list_of_names(text: str) -> bool:
    """Whether it is what browsers send as `Access-Control-Request-Headers`: names, commas, spaces."""
    return text.isascii() and text.replace(",", "").replace("-", "").replace("_", "").replace(" ", "").isalnum()
