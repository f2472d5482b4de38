"""Three hundred requests that nobody sends in good faith, or by accident: made by builders, always the same ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from tests.cli.processes import PURCHASE
from tests.cli.test_connection_framing import CLEAR, DOUBTFUL

HOST = b"host: shop.example\r\n"
HIT = f"/g/collect?{PURCHASE}".encode()
ORDER = b'{"client_id": "1.2", "events": [{"name": "purchase", "params": %s}]}'

METHODS = (
    *("PUT", "DELETE", "PATCH", "HEAD", "TRACE", "PROPFIND", "REPORT", "SEARCH", "PURGE", "LOCK", "MKCOL", "SUBSCRIBE"),
    *("LINK", "SOURCE", "OPTIONS"),
)
PATHS = (
    *("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%5c..%5cwin.ini", "//evil.example/", "/.git/config"),
    *("/.env", "/wp-login.php", "/docs", "/openapi.json", "/metrics", "/ready", "/admin", "/_preview/x", "/%00"),
    *("/g/collect%00", "/g/collect/..", "/g/collect;x=y", "/" + "a/" * 4000, "/%", "/%zz", "/\\", "/?", "/#", "*"),
)
QUERIES = (
    *("%00", "%zz", "%", "%%%", "%c0%af", "%ed%a0%80", "%f4%90%80%80", "%ff%fe", "%e2%80%a8", "&", "&&&&", "=", "=="),
    *(
        "en=%0d%0aset-cookie:a=b",
        "en={{7*7}}",
        "en=${env:HOME}",
        "en=%(x)s",
        "en={0.__class__}",
        "en=<script>",
        "a" * 9000,
    ),
    *(
        "ep.=1",
        "ep.a.b.c.d=1",
        "epn.value=NaN",
        "epn.value=1e999",
        "epn.value=-0",
        "epn.value=" + "9" * 5000,
        "pr1=~~~~",
    ),
    *(
        "pr" + "9" * 500 + "=idx",
        "gcs=G1",
        "gcd=" + "1" * 3000,
        "_et=-1",
        "sid=" + "x" * 5000,
        "v=2&v=2&v=3",
        "tid=\ttab",
    ),
    *("dl=javascript:alert(1)", "dl=" + "%25" * 3000, "up.a=1;up.b=2", "ep.user_data.address.0.city=%F0%9F%92%A9"),
)
HOSTS = (
    *(
        "",
        "a b",
        "<script>",
        "evil.example\t",
        "a" * 300,
        "[::1",
        "::1",
        "[::1]:99999999",
        "localhost:-1",
        "shop.example:",
    ),
    *("127.0.0.1:8081", "xn--", "..", "-", "%00", "a,b", "user@shop.example", "shop.example/path", "\u00fc.example"),
)
HEADERS = (
    *(
        "x-forwarded-for: <script>",
        "x-forwarded-for: " + "1.2.3.4, " * 2000,
        "x-forwarded-for: 127.0.0.1",
        "forwarded: for=_",
    ),
    *(
        "x-forwarded-host: evil.example",
        "x-forwarded-proto: gopher",
        "cf-ipcountry: \u00ff",
        "x-real-ip: ::ffff:127.0.0.1",
    ),
    *(
        "cookie: " + "a=b; " * 6000,
        "cookie: =;=;=;;;",
        'cookie: a="',
        "cookie: \x80\x81",
        "cookie: _ga=GA1.1." + "9" * 4000,
    ),
    *(
        "cookie: FPID=FPID2.2." + "%3D" * 2000,
        "cookie: _ga_X=GS2.1.s" + "$" * 3000,
        "origin: null",
        "origin: https://" + "a." * 120,
    ),
    *(
        "referer: " + "x" * 8000,
        "user-agent: " + "(" * 8000,
        "user-agent: () { :; }; echo",
        "range: bytes=" + "0-," * 2000,
    ),
    *(
        "accept: image/" + "*," * 3000,
        "accept-encoding: gzip;q=" + "0" * 3000,
        "content-type: multipart/form-data",
        "te: trailers",
    ),
    *(
        "expect: 200-ok",
        "expect: 100-continue",
        "if-match: *",
        "upgrade: websocket",
        "connection: close, keep-alive, upgrade",
    ),
    *(
        "connection: host",
        "keep-alive: timeout=99999",
        "x-http-method-override: DELETE",
        "sec-ch-ua: " + '"' * 4000,
        "x: " + "\t" * 3000,
    ),
    *(
        "authorization: Basic " + "A" * 4000,
        "x-gtm-server-preview: ZW52",
        "sec-fetch-dest: image",
        "priority: u=0",
        "via: 1.1 x",
    ),
)
VALUES = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1" * 4000, b'"\\ud800"', b'"\\u0000"', b'"\xff\xfe"'),
    *(b"[" * 5000, b"[" * 5000 + b"]" * 5000, b'{"a":' * 900 + b"1" + b"}" * 900, b"[" + b"[]," * 60_000 + b"[]]"),
    *(
        b'{"a":1,"a":2}',
        b'{"__proto__":{}}',
        b'{"":""}',
        b'"' + b"x" * 90_000 + b'"',
        b'{"' + b"k" * 9000 + b'":1}',
        b"01",
    ),
    *(b"+1", b".5", b"1.", b"'x'", b"[1,]", b"{,}", b"tru", b"\x00", b"// x", b'{"items":[' + b"{}," * 9000 + b"{}]}"),
)


def request(
    target: bytes = HIT, *, method: bytes = b"GET", host: bytes = HOST, more: bytes = b"", body: bytes = b""
) -> bytes:
    """A request that is well-formed apart from what is put into it."""
    length = b"content-length: %d\r\n" % len(body) if body else b""
    return method + b" " + target + b" HTTP/1.1\r\n" + host + more + length + b"\r\n" + body


def _odd(kind: str, texts: Sequence[str], build: Callable[[bytes], bytes]) -> Iterator[tuple[str, bytes]]:
    return ((f"{kind} {number}", build(text.encode())) for number, text in enumerate(texts))


def _large() -> Iterator[tuple[str, bytes]]:
    for size in (16_500, 70_000, 300_000, 3_000_000):
        yield f"an address of {size}", request(HIT + b"&x=" + b"x" * size)
        yield f"a header of {size}", request(more=b"x: " + b"x" * size + b"\r\n")
        yield f"a name of {size}", request(more=b"x" * size + b": x\r\n")
        yield f"headers of {size}", request(more=b"x: y\r\n" * (size // 6))
        yield f"a method of {size}", request(method=b"X" * size)
        yield f"empty lines of {size}", b"\r\n" * (size // 2)
        yield f"a body of {size}", request(b"/g/collect?v=2&tid=G-1", method=b"POST", body=b"en=a\n" * (size // 5))
        yield f"an announced body of {size}", request(method=b"POST", more=b"content-length: %d\r\n" % (size * 1000))


def _cut() -> Iterator[tuple[str, bytes]]:
    whole = request(method=b"POST", body=b"en=scroll\nen=purchase")
    for number in range(30):
        yield f"a request that ends after {number} parts of 30", whole[: len(whole) * number // 30]


def _broken(seed: int = 20_260_101) -> Iterator[tuple[str, bytes]]:
    chance = Random(seed)
    whole = request(method=b"POST", more=b"x: y\r\n", body=b"en=scroll\nen=purchase")
    for number in range(40):
        broken = bytearray(whole)
        for _ in range(1 + number % 4):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        yield f"a request with bytes changed {number}", bytes(broken)
    for number in range(20):
        yield f"bytes by chance {number}", chance.randbytes(1 + 97 * number)


def _floods() -> Iterator[tuple[str, bytes]]:
    healthy = request(b"/healthy")
    yield "many requests at once", healthy * 3000
    yield "many upgrades at once", request(b"/healthy", more=b"connection: upgrade\r\nupgrade: h2c\r\n") * 2000
    yield "a request within a body", request(method=b"POST", body=request(b"/healthy") * 50)
    yield "a request behind a wrong length", request(method=b"POST", more=b"content-length: 5\r\n") + healthy
    yield "a request behind one that closes", request(more=b"connection: close\r\n") + healthy * 100


def hostile() -> Mapping[str, bytes]:
    """What is sent, by what it is."""
    orders = (
        (f"JSON {number}", request(b"/mp/collect?measurement_id=G-1", method=b"POST", body=ORDER % value))
        for number, value in enumerate(VALUES)
    )
    return {
        **{name: sent for name, (_, sent) in DOUBTFUL.items()},
        **{f"odd, but clear: {name}": sent for name, sent in CLEAR.items()},
        **dict(_odd("path", PATHS, request)),
        **dict(_odd("query", QUERIES, lambda raw: request(HIT + b"&" + raw))),
        **dict(_odd("method", METHODS, lambda raw: request(method=raw))),
        **dict(_odd("host", HOSTS, lambda raw: request(host=b"host: " + raw + b"\r\n"))),
        **dict(_odd("header", HEADERS, lambda raw: request(more=raw + b"\r\n"))),
        **dict(orders),
        **dict(_large()),
        **dict(_cut()),
        **dict(_broken()),
        **dict(_floods()),
    }
