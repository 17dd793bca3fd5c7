"""Every page in Chromium, at three widths and in both themes: nothing fails, overflows or jumps.

Pictures of all are kept in `build/screenshots`.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import axe_playwright_python
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.sessions import make_link
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tests.browser.test_first_search import CHROMIUM
from tests.searches.rows import one
from tests.web.conftest import app_over, corpus, served, working

__all__ = ["corpus"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PICTURES: Final = Path("build/screenshots")
LOOKS: Final = [(1440, "dark"), (390, "light")]
"""Both sets of colours, both layouts."""

AXE: Final = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
STANDARD: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
MOST_SHIFT: Final = 0.05
MOST_BYTES: Final = 60_000

IDS: Final = """
    SELECT ARRAY[id::text, campaign_id::text, (SELECT min(creator_id)::text FROM campaign_creators)]
    FROM scraping_jobs
"""

SHIFTS: Final = """
    () => { window.shifted = 0; new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
    }).observe({ type: "layout-shift", buffered: true }); }
"""

PAGES: Final = {
    "home": "/",
    "campaigns": "/campaigns",
    "campaign": "/campaigns/{campaign}",
    "new search": "/searches/new",
    "repeat": "/searches/new?repeat={search}",
    "results": "/searches/{search}",
    "results filtered": "/searches/{search}?platform=TikTok&min_followers=1000&sort=followers",
    "results none": "/searches/{search}?text=nothing+of+this",
    "import": "/campaigns/{campaign}/import",
    "panel": "/searches/{search}/creators/{creator}",
    "combined": "/campaigns/{campaign}/creators",
    "creator": "/creators/{creator}",
    "discover": "/discover?q=makeup",
    "discover none": "/discover?q=nothing+of+this",
    "discover panel": "/discover/creators/{creator}?sort=followers",
    "exports": "/exports",
    "keys": "/settings/keys",
    "exclusions": "/settings/exclusions",
    "suppressions": "/settings/suppressions",
    "limits": "/settings/limits",
    "billing": "/settings/billing",
    "plans": "/system/plans",
    "plan": "/system/plans/glow_up",
    "account": "/settings/account",
    "members": "/settings/members",
    "onboarding": "/onboarding/info",
    "users": "/system/users",
    "user": "/system/users/local",
    "jobs": "/system/jobs",
    "events": "/system/events",
    "configuration": "/system/configuration",
    "providers": "/system/providers",
    "mail": "/system/mail",
    "patterns": "/patterns",
}


@pytest.fixture
async def site(database: Database, user: CurrentUser, corpus: Path) -> AsyncIterator[tuple[str, Browser]]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    async with served(app_over(database)) as url, working(database, corpus), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield url, browser
        await browser.close()


async def signed_in(browser: Browser, url: str, database: Database, user: CurrentUser) -> Any:  # noqa: ANN401 - a cookie jar
    async with transaction(database, user.claim) as tx:
        token = await make_link(tx, user.user_id)
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{url}/sign-in?token={token}")
    await page.get_by_role("button", name="Remove yoga").click()
    await page.locator("#f-keywords").fill("makeup")
    await page.get_by_role("button", name="Find creators").click()
    await expect(page.locator(".state")).to_contain_text("50 of 50 found", timeout=60_000)
    state = await context.storage_state()
    await context.close()
    return state


async def audit(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA."""
    await page.evaluate(AXE)
    found = await page.evaluate(f"axe.run(document, {{runOnly: {json.dumps(STANDARD)}}})")
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found["violations"]]


async def faults(page: Page) -> list[str]:
    """Of width and stillness."""
    told: list[str] = []
    width, inner = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if width > inner:
        told.append(f"{width - inner} px wider than the window")
    shifted = await page.evaluate("window.shifted")
    if shifted > MOST_SHIFT:
        told.append(f"shifted by {shifted:.3f}")
    return told


@pytest.mark.parametrize(("width", "theme"), LOOKS)
async def test_every_page(
    site: tuple[str, Browser], database: Database, user: CurrentUser, width: int, theme: str
) -> None:
    url, browser = site
    state = await signed_in(browser, url, database, user)
    search, campaign, creator = await one(database, IDS)  # type: ignore[misc]  # an array of texts
    PICTURES.mkdir(parents=True, exist_ok=True)
    context = await browser.new_context(
        storage_state=state,
        viewport={"width": width, "height": 900},
        color_scheme=theme,  # type: ignore[arg-type]  # one of the two
        bypass_csp=True,  # for axe alone; the policy has a test of its own
    )
    await context.add_init_script(f"({SHIFTS})()")
    trouble: list[str] = []
    for name, path in PAGES.items():
        page = await context.new_page()
        here = listen(page)
        await page.goto(url + path.format(search=search, campaign=campaign, creator=creator))
        await page.wait_for_load_state("networkidle")
        here += await faults(page)
        here += await audit(page)
        await page.screenshot(path=PICTURES / f"{name}-{width}-{theme}.png")
        trouble += [f"{name}: {told}" for told in here]
        await page.close()
    assert "\n".join(trouble) == ""


def listen(page: Page) -> list[str]:
    """What goes wrong in the page from now on."""
    told: list[str] = []
    page.on("console", lambda said: told.append(said.text) if said.type in {"error", "warning"} else None)
    page.on(
        "response",
        lambda answer: told.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
    )
    return told


async def test_the_first_page_is_small(
    site: tuple[str, Browser], database: Database, user: CurrentUser
) -> None:
    url, browser = site
    state = await signed_in(browser, url, database, user)
    context = await browser.new_context(storage_state=state)
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    await session.send("Network.enable")
    await page.goto(url)
    await page.wait_for_load_state("networkidle")
    assert 0 < sum(sizes) <= MOST_BYTES
