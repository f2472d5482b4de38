"""Debian's Chromium, driven by Playwright: a tab that is looked at and clicked on, and waits for what it is told to."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import HttpCredentials, Locator, Page, async_playwright
from playwright.async_api import TimeoutError as TooLateError

CHROMIUM = (
    os.environ.get("CHROMIUM")
    or shutil.which("chromium")
    or shutil.which("chromium-browser")
    or shutil.which("google-chrome")
)
PATIENCE_SECONDS = 60.0
WIDE, NARROW = (1280, 900), (390, 844)

_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic")

IMAGES = os.environ.get("PREVIEW_IMAGES")
"""The folder that pictures are kept in, such as `docs/images`; without it none are made of the flow."""

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


class Tab:
    """One page. `said`: what it wrote into the console as a fault, and what its policy forbade."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.on("console", lambda line: self.said.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda fault: self.said.append(str(fault)))

    async def open(self, address: str) -> None:
        await self.page.goto(address)

    async def value(self, expression: str) -> Any:
        """What the expression is on the page."""
        return await self.page.evaluate(expression)

    async def call(self, function: str, argument: object) -> Any:
        """What a function gives on the page, when it has come to its end."""
        return await self.page.evaluate(function, argument)

    async def until(self, expression: str) -> None:
        """Returns when the expression is true, also when the page is another one by then."""
        await self.page.wait_for_function(f"() => ({expression}) === true")

    async def until_says(self, *words: str, within: str = "#shown") -> None:
        """Returns when the part of the page shows all of these."""
        for word in words:
            try:
                await self.first(within).filter(has_text=word).wait_for()
            except TooLateError as problem:
                raise AssertionError(f'"{word}" is not in:\n{await self.text(within)}') from problem

    async def text(self, selector: str = "#shown") -> str:
        """What a person reads there."""
        return await self.first(selector).inner_text()

    def first(self, selector: str) -> Locator:
        return self.page.locator(selector).first

    async def click(self, selector: str) -> None:
        """Presses and releases the mouse in the middle of the first such element, once it is to be seen there."""
        await self.first(selector).click()

    async def size(self, size: tuple[int, int]) -> None:
        await self.page.set_viewport_size({"width": size[0], "height": size[1]})

    async def scheme(self, name: Scheme) -> None:
        await self.page.emulate_media(color_scheme=name)

    async def key(self, key: str) -> None:
        """Presses a key and lets it go."""
        await self.page.keyboard.press(key)

    async def picture(self, file: Path) -> None:
        # Nothing moves on our pages, so that what was painted last is what there is.
        await self.page.screenshot(path=file, animations="disabled", caret="hide")

    async def another(self) -> Tab:
        """A second tab of the same browser, which has the same cookies."""
        return Tab(await self.page.context.new_page())


@asynccontextmanager
async def chromium(*, scripts: bool = True, password: str = "") -> AsyncIterator[Tab]:
    """A page in a Chromium of its own, which ends with the block. `password`: given to whoever asks for one."""
    known: HttpCredentials | None = {"username": "ada", "password": password} if password else None
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(_FLAGS), timeout=PATIENCE_SECONDS * 1000
        )
        try:
            context = await browser.new_context(java_script_enabled=scripts, locale="en-GB", http_credentials=known)
            yield Tab(await context.new_page())
        finally:
            await browser.close()


async def pictures(tab: Tab, name: str, around: str = "") -> None:
    """What is to be seen now, in light and dark, on a desk and on a telephone. `around`: what is in the middle."""
    if not IMAGES:
        return
    # What it told a moment ago is no part of what readers look for.
    await tab.value("document.querySelector('.toast')?.remove()")
    for size in (NARROW, WIDE):
        await tab.size(size)
        for scheme in SCHEMES:
            await tab.scheme(scheme)
            if around:
                await tab.first(around).evaluate("found => found.scrollIntoView({block: 'center'})")
            await tab.picture(Path(IMAGES) / f"preview-{name}-{scheme}-{size[0]}.png")
    await tab.scheme("light")


LOOKS = [
    pytest.param(WIDE, "light", id="1280-light"),
    pytest.param(NARROW, "dark", id="390-dark"),
    pytest.param(WIDE, "dark", id="1280-dark", marks=pytest.mark.long),
    pytest.param(NARROW, "light", id="390-light", marks=pytest.mark.long),
]
"""Of screens and colours. What fits in the first two seldom does not in the others."""
