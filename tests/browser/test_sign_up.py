"""From sign-up to the first creators, in real Chromium, by somebody whom nobody invited."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tastemaker.db.pool import Database
from tests.browser.test_first_search import CHROMIUM, SECONDS
from tests.web.conftest import app_over, corpus, served, working

__all__ = ["corpus"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
async def visitor(database: Database, corpus: Path) -> AsyncIterator[Page]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    async with served(app_over(database)) as url, working(database, corpus), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        page.set_default_timeout(SECONDS)
        await page.goto(url)
        yield page
        await browser.close()


async def test_sign_up_onboarding_and_the_first_search(visitor: Page) -> None:
    await visitor.get_by_role("link", name="Sign up").click()
    await visitor.get_by_label("Your name").fill("Robin")
    await visitor.get_by_label("E-mail").fill("robin@example.com")
    await visitor.get_by_label("Password").fill("correct horse battery")
    await visitor.get_by_role("button", name="Sign up").click()
    await visitor.get_by_label("Company").fill("Soap & Co")
    await visitor.get_by_role("button", name="Go on").click()
    await visitor.get_by_role("button", name="Go on").click()
    await visitor.get_by_role("button", name="Start").click()
    await visitor.get_by_role("button", name="Remove yoga").click()
    await visitor.locator("#f-keywords").fill("makeup")
    await visitor.get_by_role("button", name="Find creators").click()
    await expect(visitor.locator(".state")).to_contain_text("50 of 50 found", timeout=SECONDS)
    await visitor.get_by_role("link", name="Settings").click()
    await visitor.get_by_role("button", name="Sign out").click()
    await visitor.get_by_label("E-mail").fill("robin@example.com")
    await visitor.get_by_label("Password").fill("correct horse battery")
    await visitor.get_by_role("button", name="Sign in").click()
    await expect(visitor.get_by_role("heading", level=1)).not_to_have_text("Sign in")
