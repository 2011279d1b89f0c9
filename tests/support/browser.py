"""Finds and opens Chromium for the tests, and checks pages for accessibility."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, Page, sync_playwright

PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")
"""The first one that is installed is used. The shell has no windows: to open a page takes a quarter of the CPU time."""
INSTALL_HINT = "needs Chromium (Debian: apt install chromium-headless-shell)"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""The rules of axe-core up to WCAG 2.2 AA."""

RULES_ABOUT_COLORS = ("color-contrast", "link-in-text-block")
"""The only rules of these that depend on a color scheme."""

_RUN = "options => axe.run(options).then(results => results.violations)"
_axe = cache(lambda: str(Axe().axe_script))


def find_program() -> str | None:
    """The path of Chromium, or None if it is not installed."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def open_browser(program: str) -> Iterator[Browser]:
    """Yields a Chromium; `new_page(locale="ta-SG")` of it is a new customer."""
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, args=list(FLAGS)) as browser,
    ):
        yield browser


def axe_violations(page: Page, *, only_colors: bool = False) -> list[str]:
    """The rules that a page violates, one line each; of all rules, or of those that depend on the color scheme."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    rules = RULES_ABOUT_COLORS if only_colors else RULES
    return [
        f"{rule['id']}: {rule['help']} {[node['html'] for node in rule['nodes']]}"
        for rule in page.evaluate(_RUN, {"runOnly": list(rules), "resultTypes": ["violations"]})
    ]
