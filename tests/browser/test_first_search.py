"""The first search in real Chromium, from the empty dashboard to 50 creators: mouse, keyboard, no script."""

import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Page, Request, async_playwright, expect

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.sessions import make_link
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tests.web.conftest import app_over, corpus, served, working

__all__ = ["corpus"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CHROMIUM = shutil.which("chromium")
SECONDS = 60_000


@dataclass
class Chromium:
    """A page at the first page of a signed-in user, and what went wrong in it."""

    page: Page
    trouble: list[str] = field(default_factory=list)


OpenChromium = Callable[..., AbstractAsyncContextManager[Chromium]]


@pytest.fixture
async def chromium(database: Database, user: CurrentUser, corpus: Path) -> AsyncIterator[OpenChromium]:
    """Opens a browser over a real server with a real worker, which searches the sandbox's corpus."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    async with served(app_over(database)) as url, working(database, corpus), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        @asynccontextmanager
        async def opened(*, script: bool = True) -> AsyncIterator[Chromium]:
            async with transaction(database, user.claim) as tx:
                token = await make_link(tx, user.user_id)
            context = await browser.new_context(java_script_enabled=script)
            here = Chromium(await context.new_page())
            here.page.set_default_timeout(SECONDS)
            _listen(here)
            await here.page.goto(f"{url}/sign-in?token={token}")
            yield here
            await context.close()

        yield opened
        await browser.close()


def _listen(here: Chromium) -> None:
    here.page.on(
        "console", lambda said: here.trouble.append(said.text) if said.type in {"error", "warning"} else None
    )
    here.page.on("pageerror", lambda error: here.trouble.append(str(error)))
    here.page.on("requestfailed", lambda request: _note_failure(here, request))
    here.page.on(
        "response",
        lambda answer: here.trouble.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
    )


def _note_failure(here: Chromium, request: Request) -> None:
    """What the browser itself breaks off when it leaves a page has not failed."""
    if request.failure != "net::ERR_ABORTED":
        here.trouble.append(f"{request.failure} {request.url}")


async def _full(page: Page) -> None:
    await expect(page.locator(".state")).to_contain_text("Full", timeout=SECONDS)
    await expect(page.locator(".state")).to_contain_text("50 of 50 found")


async def test_by_mouse_the_progress_is_live_and_ends(chromium: OpenChromium) -> None:
    async with chromium() as here:
        await here.page.get_by_role("button", name="Remove yoga").click()
        await here.page.locator("#f-keywords").fill("makeup")
        await here.page.get_by_role("button", name="Find creators").click()
        await _full(here.page)
        await expect(here.page.get_by_text("makeup", exact=True).first).to_be_visible()
        await expect(here.page.locator("[data-row]")).to_have_count(50)
        await expect(here.page.get_by_role("button", name="Cancel the search")).to_have_count(0)
        assert here.trouble == []


async def test_by_keyboard(chromium: OpenChromium) -> None:
    async with chromium() as here:
        page = here.page
        await page.locator("#f-keywords").focus()
        for key in ("Backspace", "Backspace"):
            await page.keyboard.press(key)
        await expect(page.locator(".keywords .chip")).to_have_count(0)
        await page.keyboard.type("makeup,fitness")
        await page.keyboard.press("Enter")
        await expect(page.locator(".keywords .chip")).to_have_count(2)
        await page.keyboard.press("Enter")
        await _full(page)
        await page.keyboard.press("n")
        await page.wait_for_url(re.compile("/searches/new"))
        assert here.trouble == []


async def test_the_estimate_follows_the_form(chromium: OpenChromium) -> None:
    async with chromium() as here:
        page = here.page
        await page.get_by_role("link", name="More choices").click()
        estimate = page.get_by_role("complementary", name="Estimate")
        await expect(estimate).to_contain_text("as soon as there is a keyword")
        await page.locator("#f-keywords").type("makeup, fitness,")
        await expect(estimate).to_contain_text("The sandbox costs nothing", timeout=SECONDS)
        await page.get_by_role("checkbox", name="Instagram").check()
        await expect(estimate.locator("tbody tr")).to_have_count(2)
        await expect(page.locator("textarea[name=keywords]")).to_have_value("makeup\nfitness")
        assert here.trouble == []


async def test_without_script_the_page_is_looked_at_again(chromium: OpenChromium) -> None:
    async with chromium(script=False) as here:
        page = here.page
        await page.get_by_label("Keywords").fill("makeup, fitness")
        await page.get_by_role("button", name="Find creators").click()
        while await (again := page.get_by_role("link", name="Look again")).count():
            await again.click()
        await _full(page)
        await expect(page.locator("[data-row]")).to_have_count(50)
        await page.goto(page.url.partition("/searches")[0] + "/searches/new")
        await page.get_by_label("Keywords").fill("makeup")
        await page.get_by_role("button", name="Estimate").click()
        await expect(page.get_by_role("complementary")).to_contain_text("The sandbox costs nothing")
        await expect(page.get_by_label("Keywords")).to_have_value("makeup")
        assert here.trouble == []
