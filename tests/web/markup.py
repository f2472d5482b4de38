"""Three hundred values that would be more than text if a page let them, and what a page is made of."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import islice, product

_BEGINNINGS = (
    "",
    '"',
    "'",
    "`",
    '">',
    "'>",
    "-->",
    "]]>",
    "</title>",
    "</textarea>",
    "</script>",
    "</style>",
    "</pre>",
)
_MIDDLES = (
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<iframe src=//evil>"),
    *(" onmouseover=alert(1) x=", "<a href=javascript:alert(1)>x</a>", "<form action=//evil><button>x</button></form>"),
    *("<meta http-equiv=refresh content=0>", "<base href=//evil>", "<link rel=stylesheet href=//evil>"),
    *("<!-- ", "<![CDATA[<b>", "<?xml?>", "&lt;b&gt;", "&#60;b&#62;", "&amp;lt;", "<<b>", "<b\n>x</b\n>", "\x3cb\x3e"),
    *("{{ 7*7 }}", "{% raw %}", "${secret:ADMIN}", "%(x)s", "<input name=token value=x>", "<progress value=1>"),
)


def payloads() -> Iterator[str]:
    """Three hundred of them, each another."""
    return islice((begin + middle for middle, begin in product(_MIDDLES, _BEGINNINGS)), 300)


class Skeleton(HTMLParser):
    """`parts`: elements and the names of their attributes, in order. `said`: texts; `values`: those of attributes."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[tuple[str, ...]] = []
        self.said: list[str] = []
        self.values: list[str] = []
        self.feed(page)
        self.close()

    @property
    def text(self) -> str:
        """What a person reads."""
        return "".join(self.said)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # Where a long address may be broken says how many slashes it has.
        if tag != "wbr":
            self.parts.append((tag, *(name for name, _ in attrs)))
            self.values += (value for _, value in attrs if value)

    def handle_endtag(self, tag: str) -> None:
        if tag != "wbr":
            self.parts.append((f"/{tag}",))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def handle_comment(self, data: str) -> None:
        self.parts.append(("comment", data))

    def handle_pi(self, data: str) -> None:
        self.parts.append(("instruction", data))

    def unknown_decl(self, data: str) -> None:
        self.parts.append(("declaration", data))
