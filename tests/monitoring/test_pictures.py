"""Draws the pictures of the documents from the services of these tests."""

import re
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs import pictures
from tests.monitoring.conftest import MonitoringStack
from tests.support import browser

PNG = b"\x89PNG\r\n\x1a\n"
FIVE_MINUTES = 300.0


def test_the_panels_are_drawn_with_their_values(stack: MonitoringStack) -> None:
    drawn = pictures.outcomes(stack.prometheus, time.time() - FIVE_MINUTES)

    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    values = {name: value for name, value in pairwise(texts) if re.fullmatch(r"[1-9][\d,]*", value)}
    assert {"created", "completed", "expired", "insufficient_funds"} <= values.keys()
    assert {"■ completed", "■ failed", "SGD", "USD", "JPY"} <= set(texts)


def test_the_pages_of_a_customer_are_saved(stack: MonitoringStack, tmp_path: Path) -> None:
    program = browser.find_program()
    if program is None:
        pytest.skip(browser.INSTALL_HINT)

    with browser.open_browser(program) as chromium:
        pictures.take_screenshots(chromium, stack.simulation, tmp_path)

    assert {file.name for file in tmp_path.iterdir()} == {"paying.png", "paid.png", "declined.png"}
    assert all(file.read_bytes().startswith(PNG) for file in tmp_path.iterdir())
